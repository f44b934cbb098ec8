"""The files of a job on disk: the parts, the one file that they become, and the list of files left
out. Nothing is replaced or removed that another program made."""

import contextlib
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.data.reid import BadFile
from crosswake.embedding.parts import bad_files_of, metadata, read_facts
from crosswake.settings.embed import EmbedConfig

ROW_GROUP = 16_384
"""Rows put together before they are written, which bounds the memory."""
BAD_LIST_HEAD = ["path", "reason"]


def refuse_foreign(settings: EmbedConfig) -> None:
    """Refuse to begin where a file of another origin would be replaced or removed.

    Ours are known by their metadata, and the list of files left out by its first line.

    Raises:
        CrosswakeError: there is such a file.
    """
    files = [settings.output, *settings.parts_folder.glob("part-*")]
    foreign = [path for path in files if path.exists() and read_facts(path) is None]
    try:
        read_bad_list(settings.bad_list)
    except ValueError:
        foreign.append(settings.bad_list)
    if foreign:
        raise CrosswakeError(
            f"{foreign[0]}: was not written by crosswake embed; move it, or choose another --output"
        )


@contextlib.contextmanager
def working_folder(settings: EmbedConfig) -> Iterator[None]:
    """The folder of finished parts; it stays where there are any."""
    try:
        settings.parts_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = f"{settings.parts_folder}: cannot be made ({error.strerror})"
        raise CrosswakeError(f"{where}; choose another --output") from error
    try:
        yield
    finally:
        remove_if_empty(settings.parts_folder)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder unless it holds anything."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def merge_parts(
    settings: EmbedConfig,
    count: int,
    passed_over: Sequence[BadFile],
    facts: Mapping[str, str | int],
) -> tuple[int, tuple[BadFile, ...]]:
    """Write the output and the list of files left out, then remove the parts.

    Args:
        settings: say where.
        count: how many parts there are.
        passed_over: files left out by their names alone.
        facts: go into the file's metadata, with the counts.

    Returns:
        rows of the output, and all files left out.

    Raises:
        CrosswakeError: a part is missing, no chip could be read, or the output cannot be written.
    """
    paths = [settings.part_path(index) for index in range(count)]
    unreadable = [bad for path in paths for bad in bad_files_of(facts_of_part(path))]
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    if not rows:
        raise CrosswakeError(
            f"not one chip can be read; the first: {unreadable[0].path}: {unreadable[0].reason}"
        )
    bad = (*passed_over, *unreadable)
    write_bad_list(settings.bad_list, bad)
    record = dict(facts) | {"rows": rows, "bad_files": len(bad)}
    schema = pq.read_schema(paths[0]).with_metadata(metadata(record))
    with (
        replacing(settings.output) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for table in row_groups(paths):
            writer.write_table(table.cast(schema), row_group_size=ROW_GROUP)
    for path in settings.parts_folder.glob("part-*"):  # also those of an earlier, longer job
        path.unlink()
    remove_if_empty(settings.parts_folder)
    return rows, bad


def facts_of_part(path: Path) -> dict[str, object]:
    """What a finished part says of itself."""
    facts = read_facts(path)
    if facts is None:
        raise CrosswakeError(f"{path}: a finished part is gone; run the same command again")
    return facts


def row_groups(paths: Sequence[Path]) -> Iterator[pa.Table]:
    """The parts' rows in order, as many together as make a row group."""
    waiting: list[pa.Table] = []
    for path in paths:
        waiting.append(pq.read_table(path).replace_schema_metadata(None))
        if sum(table.num_rows for table in waiting) >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def write_bad_list(path: Path, bad_files: Sequence[BadFile]) -> None:
    """Write the list of files left out; without any, remove an old one."""
    if not bad_files:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(BAD_LIST_HEAD)
        writer.writerows([str(bad.path), bad.reason] for bad in bad_files)


def read_bad_list(path: Path) -> tuple[BadFile, ...]:
    """What :func:`write_bad_list` wrote; nothing where there is no file.

    Raises:
        ValueError: the file is not such a list.
    """
    if not path.exists():
        return ()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
            bad = tuple(BadFile(path=Path(name), reason=reason) for name, reason in rows)
    except (OSError, csv.Error) as error:
        raise ValueError(str(error)) from error
    if head != BAD_LIST_HEAD:
        raise ValueError("another table")
    return bad
