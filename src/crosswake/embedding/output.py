"""The files of a job on disk: the parts, the one file that they become, and the list of files left
out. Nothing is replaced or removed that another program made."""

import contextlib
import csv
import glob
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import make_folder, remove_dead_parts, replacing
from crosswake.core.provenance import Origin, origin_text, refuse_other
from crosswake.data.reid import BadFile
from crosswake.embedding.parts import bad_files_of, metadata, read_facts
from crosswake.settings.embed import EmbedConfig

ROW_GROUP = 16_384
"""Rows put together before they are written, which bounds the memory."""
BAD_LIST_HEAD = ["path", "reason"]


def refuse_foreign(settings: EmbedConfig, origin: Origin, chips: str) -> None:
    """Refuse to begin where a file would be replaced or removed that another program, or a job on
    other data, made.

    Raises:
        CrosswakeError: there is such a file.
    """
    refuse_other([settings.output], whole_origin(origin, chips), settings.overwrite)
    refuse_other(sorted(settings.parts_folder.glob("part-*")), origin, settings.overwrite)
    if os.path.lexists(settings.bad_list) and not is_own_list(settings):
        raise CrosswakeError(
            f"{settings.bad_list}: was not written by crosswake embed, or was changed since; move "
            "it, or choose another --output"
        )


def whole_origin(origin: Origin, chips: str) -> Origin:
    """What the whole file was made from: as the parts, and all chips."""
    return {**origin, "chips": chips}


def is_own_list(settings: EmbedConfig) -> bool:
    """Whether the list of files left out is there as it was written with the output."""
    facts, path = read_facts(settings.output), settings.bad_list
    if facts is None or path.is_symlink() or not path.is_file():
        return False
    return bool(facts.get("bad_list") == hashlib.sha256(path.read_bytes()).hexdigest())


@contextlib.contextmanager
def working_folder(settings: EmbedConfig) -> Iterator[None]:
    """The folder of finished parts; it stays where there are any."""
    make_folder(settings.parts_folder)
    remove_dead_parts(settings.parts_folder, "*")
    remove_dead_parts(settings.bad_list.parent, glob.escape(settings.bad_list.name))
    try:
        yield
    finally:
        remove_if_empty(settings.parts_folder)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder unless it holds anything."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_parts(settings: EmbedConfig) -> None:
    """Remove the finished parts, also those of an earlier, longer job."""
    for path in settings.parts_folder.glob("part-*"):
        if read_facts(path) is not None:
            path.unlink()
    remove_if_empty(settings.parts_folder)


def merge_parts(
    settings: EmbedConfig,
    count: int,
    passed_over: Sequence[BadFile],
    origin: Origin,
    facts: Mapping[str, str | int],
) -> tuple[int, tuple[BadFile, ...]]:
    """Write the output and the list of files left out, then remove the parts.

    Args:
        settings: say where.
        count: how many parts there are.
        passed_over: files left out by their names alone.
        origin: of the parts.
        facts: go into the file's metadata, with the counts; the hash of all chips is among them.

    Returns:
        rows of the output, and all files left out.

    Raises:
        CrosswakeError: a part is missing, no chip could be embedded, or the output cannot be
            written.
    """
    paths = [settings.part_path(index) for index in range(count)]
    unreadable = [bad for path in paths for bad in bad_files_of(facts_of_part(path))]
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    if not rows:
        remove_parts(settings)  # they hold nothing, and would be in the way of better weights
        raise CrosswakeError(
            f"not one chip can be embedded; the first: {unreadable[0].path}: {unreadable[0].reason}"
        )
    whole = whole_origin(origin, str(facts["chips"]))
    refuse_foreign(settings, origin, str(facts["chips"]))  # hours may have passed
    settings.bad_list.unlink(missing_ok=True)
    bad = (*passed_over, *unreadable)
    listed = bad_list_content(bad)
    record = dict(facts) | {
        "rows": rows,
        "bad_files": len(bad),
        "bad_list": hashlib.sha256(listed).hexdigest(),
    }
    schema = pq.read_schema(paths[0]).with_metadata(metadata(record, origin_text(whole)))
    options = {"compression": "zstd", "write_page_checksum": True}
    with (
        replacing(settings.output) as temporary,
        pq.ParquetWriter(temporary, schema, **options) as writer,
    ):
        for table in row_groups(paths):
            writer.write_table(table.cast(schema), row_group_size=ROW_GROUP)
    if bad:  # after the output, which tells it from a list of others
        with replacing(settings.bad_list) as temporary:
            temporary.write_bytes(listed)
    remove_parts(settings)
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


def bad_list_content(bad_files: Sequence[BadFile]) -> bytes:
    """The list of files left out as CSV; bytes of a name that are no UTF-8 stay as they are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BAD_LIST_HEAD)
    writer.writerows([str(bad.path), bad.reason] for bad in bad_files)
    return text.getvalue().encode(errors="surrogateescape")


def read_bad_list(path: Path) -> tuple[BadFile, ...]:
    """What :func:`bad_list_content` gave."""
    text = io.StringIO(path.read_bytes().decode(errors="surrogateescape"), newline="")
    _, *rows = csv.reader(text)
    return tuple(BadFile(path=Path(name), reason=reason) for name, reason in rows)
