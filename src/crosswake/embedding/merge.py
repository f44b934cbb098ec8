"""Puts the parts together, in order, into the one file that was asked for."""

import csv
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.data.reid import BadFile
from crosswake.embedding.parts import METADATA_KEY, read_finished
from crosswake.settings.embed import EmbedConfig

ROW_GROUP = 16_384
"""Rows put together before they are written, which bounds the memory."""


def merge_parts(
    settings: EmbedConfig,
    count: int,
    passed_over: tuple[BadFile, ...],
    facts: Mapping[str, str | int],
) -> tuple[int, tuple[BadFile, ...]]:
    """Write the output and the table of files left out, then remove the parts.

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
    unreadable = [bad for path in paths for bad in bad_files_of(path)]
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    if not rows:
        raise CrosswakeError(
            f"not one chip can be read; the first: {unreadable[0].path}: {unreadable[0].reason}"
        )
    bad = (*passed_over, *unreadable)
    record = dict(facts) | {"rows": rows, "bad_files": len(bad)}
    write_bad_list(settings.bad_list, bad)
    schema = pq.read_schema(paths[0]).with_metadata(
        {METADATA_KEY: json.dumps(record, sort_keys=True)}
    )
    with (
        replacing(settings.output) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for table in grouped(paths):
            writer.write_table(table.cast(schema), row_group_size=ROW_GROUP)
    shutil.rmtree(settings.parts_folder)
    return rows, bad


def bad_files_of(path: Path) -> tuple[BadFile, ...]:
    """The files that a part left out."""
    finished = read_finished(path)
    if finished is None:
        raise CrosswakeError(f"{path}: a finished part is gone; run the same command again")
    return finished.bad_files


def grouped(paths: list[Path]) -> Iterator[pa.Table]:
    """The parts' rows in order, as many together as make a row group."""
    waiting: list[pa.Table] = []
    for path in paths:
        waiting.append(pq.read_table(path).replace_schema_metadata(None))
        if sum(table.num_rows for table in waiting) >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def write_bad_list(path: Path, bad_files: tuple[BadFile, ...]) -> None:
    """Write the table of files left out, path and reason; without any, remove an old one."""
    if not bad_files:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "reason"])
        writer.writerows([str(bad.path), bad.reason] for bad in bad_files)


def read_bad_list(path: Path) -> tuple[BadFile, ...]:
    """The files left out, as :func:`write_bad_list` wrote them."""
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(
            BadFile(path=Path(row["path"]), reason=row["reason"]) for row in csv.DictReader(file)
        )
