"""Sightings as files that other programs open: CSV, JSON, GeoJSON, Parquet, GeoParquet 1.1."""

import csv
import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text, refuse_other

GEOMETRY = "geometry"
WKB_POINT = struct.Struct("<BIdd")
"""Little-endian, kind 1, x, y (OGC 06-103r4, section 8)."""
NOT_AS_TEXT = ("thumbnail", "embedding", GEOMETRY)
"""Columns that only Parquet holds."""
GEO_METADATA = {
    "version": "1.1.0",
    "primary_column": GEOMETRY,
    "columns": {GEOMETRY: {"encoding": "WKB", "geometry_types": ["Point"]}},
}
"""Without a coordinate system it is longitude and latitude of WGS 84 (GeoParquet 1.1.0)."""
Writer = Callable[[pa.Table], None]


def write_sightings(
    path: Path, tables: Iterable[pa.Table], origin: Origin, option: str = "--output"
) -> int:
    """Write tables one after the other to a file of the kind that its ending says; returns the
    number of rows. There is at least one table; all have the columns of the first."""
    kinds = {".csv": csv_writer, ".json": json_writer, ".geojson": geojson_writer}
    make = kinds.get(path.suffix.lower(), parquet_writer)
    rows = 0
    with replacing(path, option) as temporary, make(temporary, origin) as write:
        for table in tables:
            write(table)
            rows += table.num_rows
    return rows


@contextmanager
def csv_writer(path: Path, _origin: Origin) -> Iterator[Writer]:
    """A row a line; times in ISO 8601."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        names: list[str] = []

        def write(table: pa.Table) -> None:
            if not names:
                names.extend(text_columns(table))
                writer.writerow(names)
            for row in plain_records(table):
                cells = (row[name] for name in names)
                writer.writerow([json.dumps(c) if isinstance(c, list) else c for c in cells])

        yield write


@contextmanager
def json_writer(path: Path, origin: Origin) -> Iterator[Writer]:
    """``{"made_from": ..., "sightings": [...]}``, a row a line."""
    head = f'{{"{ORIGIN_KEY}": {origin_text(origin)}, "sightings": [\n'
    with joined_text(path, head) as write_one:

        def write(table: pa.Table) -> None:
            for row in plain_records(table):
                write_one(json.dumps(row))

        yield write


@contextmanager
def geojson_writer(path: Path, origin: Origin) -> Iterator[Writer]:
    """A feature collection (RFC 7946); a sighting without a position has a null geometry."""
    head = f'{{"type": "FeatureCollection", "{ORIGIN_KEY}": {origin_text(origin)}, "features": [\n'
    with joined_text(path, head) as write_one:

        def write(table: pa.Table) -> None:
            for row in plain_records(table):
                place = [row["lon"], row["lat"]]
                point = None if None in place else {"type": "Point", "coordinates": place}
                feature = {"type": "Feature", "geometry": point, "properties": row}
                write_one(json.dumps(feature))

        yield write


@contextmanager
def joined_text(path: Path, head: str) -> Iterator[Callable[[str], None]]:
    """A file of JSON that ends with a list; called with each of its entries."""
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        between = ""

        def write_one(entry: str) -> None:
            nonlocal between
            file.write(f"{between}{entry}")
            between = ",\n"

        yield write_one
        file.write("\n]}\n")


@contextmanager
def parquet_writer(path: Path, origin: Origin) -> Iterator[Writer]:
    """GeoParquet: all columns, and a point for each position."""
    writers: list[pq.ParquetWriter] = []

    def write(table: pa.Table) -> None:
        table = with_geometry(table).replace_schema_metadata(
            {ORIGIN_KEY: origin_text(origin), "geo": json.dumps(GEO_METADATA)}
        )
        if not writers:
            writers.append(pq.ParquetWriter(path, table.schema, compression="zstd"))
        writers[0].write_table(table.cast(writers[0].schema))

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


def with_geometry(table: pa.Table) -> pa.Table:
    """A table with a point as WKB for each row with ``lon`` and ``lat``."""
    places = zip(table["lon"].to_pylist(), table["lat"].to_pylist(), strict=True)
    points = [
        None if lon is None or lat is None else WKB_POINT.pack(1, 1, lon, lat)
        for lon, lat in places
    ]
    return table.append_column(GEOMETRY, pa.array(points, pa.binary()))


def text_columns(table: pa.Table) -> list[str]:
    """The columns that are written as text."""
    return [name for name in table.column_names if name not in NOT_AS_TEXT]


def plain_records(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as plain JSON: times in ISO 8601, numbers that are none as null."""
    table = table.select(text_columns(table))
    single = {field.name for field in table.schema if field.type == pa.float32()}
    rows: list[dict[str, Any]] = table.to_pylist()
    return [{name: plain_cell(cell, name in single) for name, cell in row.items()} for row in rows]


def plain_cell(value: Any, single: bool = False) -> Any:
    """One value as JSON has it; of a number in single precision as many digits as it has."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(str(np.float32(value))) if single else value
    return value


def refuse_other_table(
    path: Path, columns: Sequence[str], origin: Origin, replace: tuple[bool, str]
) -> None:
    """Refuse to begin where a table of others would be replaced. A CSV table cannot say what it was
    made from; one that begins with our columns may be replaced.

    Args:
        path: the table to be written.
        columns: those of the table.
        origin: what it will be made from.
        replace: whether results of another origin may be replaced, and the option that names the
            table.

    Raises:
        CrosswakeError: there is such a file.
    """
    overwrite, option = replace
    if path.suffix.lower() != ".csv":
        refuse_other([path], origin, overwrite, option)
    elif path.exists():
        head = ",".join(columns).encode()
        with path.open("rb") as file:
            ours = file.read(len(head)) == head
        if not ours:
            raise CrosswakeError(
                f"{path}: was not written by crosswake {origin['command']}; move it, or choose "
                f"another {option}"
            )
