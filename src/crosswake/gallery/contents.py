"""What a gallery holds, counted; and its sightings in parts, for files."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crosswake.gallery.catalogue import Gallery
from crosswake.gallery.index import index_of
from crosswake.gallery.judgements import IN_FORCE, judgements_of
from crosswake.gallery.store import said_of

EXPORT_ROWS = 10_000
MOST_TYPES = 10
"""Kinds of ship that are named one by one."""
COUNTED = ("modality", "sensor", "time", "lon", "lat", "length_m", "identity", "mmsi", "ship_type")


def contents_of(gallery: Gallery) -> dict[str, Any]:
    """Counts, period and region as plain JSON."""
    table = gallery.read(columns=COUNTED)
    judged = judgements_of(gallery)
    index = index_of(gallery)
    with said_of(gallery.place, "read"):
        size = gallery.table.stats()
    known = {
        name: table.num_rows - table[name].null_count
        for name in ("time", "lon", "length_m", "identity", "mmsi", "ship_type")
    }
    known["position"] = known.pop("lon")
    return {
        "gallery": gallery.place,
        "created": gallery.created,
        "version": gallery.version,
        "model": {
            "checkpoint": gallery.model.checkpoint,
            "weights": gallery.model.weights,
            "width": gallery.model.width,
        },
        "sightings": table.num_rows,
        "identities": len(table["identity"].drop_null().unique()),
        "modality": counts_by_value(table, "modality"),
        "sensor": counts_by_value(table, "sensor"),
        "ship_type": counts_by_value(table, "ship_type"),
        "known": known,
        "period": [None if one is None else one.isoformat() for one in ends_of(table, "time")],
        "region": [*ends_of(table, "lon"), *ends_of(table, "lat")],
        "judgements": {"all": judged.num_rows, IN_FORCE: pc.sum(judged[IN_FORCE]).as_py() or 0},
        "index": None if index is None else vars(index),
        "bytes": int(size["total_bytes"]),
        "fragments": int(size["fragment_stats"]["num_fragments"]),
    }


def counts_by_value(table: pa.Table, column: str) -> dict[str, int]:
    """How often each value of a column occurs, the most frequent first."""
    found = table[column].drop_null().value_counts()
    counts = {str(one["values"]): int(one["counts"].as_py()) for one in found}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def ends_of(table: pa.Table, column: str) -> tuple[Any, Any]:
    """Least and greatest value; None where nothing is known."""
    ends = pc.min_max(table[column])
    return ends["min"].as_py(), ends["max"].as_py()


def exported(gallery: Gallery, where: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The sightings that meet a condition in SQL, some thousands at a time; at least one table."""
    with said_of(gallery.place, "read"):
        query = gallery.table.search().select(list(columns))
        batches = (query.where(where) if where else query).to_batches(EXPORT_ROWS)
        schema = gallery.table.schema
        fields = [schema.field(name).remove_metadata() for name in columns]
        empty = True
        for batch in batches:
            empty = False
            yield pa.Table.from_batches([batch]).cast(pa.schema(fields))
        if empty:
            yield pa.schema(fields).empty_table()
