"""What to look for in a gallery: images, sightings of the gallery itself, or embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.provenance import file_hash
from crosswake.data.reid import BadFile
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.gallery.adding import (
    ADDED_TOGETHER,
    Added,
    AddOptions,
    chips_to_add,
    embed_new,
    with_ids,
)
from crosswake.gallery.catalogue import LENGTH_TOLERANCE, Gallery
from crosswake.gallery.judgements import whole_id
from crosswake.gallery.origins import facts_beside
from crosswake.gallery.sources import (
    embedded_rows,
    embedded_tables,
    sightings_table,
    weights_of,
    with_embeddings,
)
from crosswake.gallery.store import sql_in
from crosswake.models.base import ChipEmbedder


@dataclass(frozen=True, kw_only=True)
class QueryFacts:
    """What the user says of queries whose files say nothing.

    Attributes:
        time: when they were seen.
        position: longitude and latitude.
    """

    time: datetime | None = None
    position: tuple[float, float] | None = None


def queries_by_id(gallery: Gallery, ids: Sequence[str]) -> pa.Table:
    """Sightings of the gallery, by their ids or the first letters of them."""
    whole = list(dict.fromkeys(whole_id(gallery, one) for one in ids))
    names = [*SIGHTING_COLUMNS.names, "embedding"]
    table = gallery.read(sql_in("id", whole), names)
    place = {name: row for row, name in enumerate(table["id"].to_pylist())}
    return table.take([place[name] for name in whole])


def queries_of_images(
    gallery: Gallery, source: Path, model: ChipEmbedder | None, options: AddOptions
) -> tuple[pa.Table, list[BadFile]]:
    """Chips that a source names, embedded, or a Parquet file's; and the files that were left out.

    Raises:
        CrosswakeError: not one can be read, or they are of another model than the gallery's.
    """
    result = Added()
    if embedded_rows(source) is not None:
        gallery.require_model(weights_of(source), source)
        tables = list(embedded_tables(source, options.how, result.without_image.append))
        return only_there(tables, source, []), []
    if model is None:
        raise CrosswakeError("--checkpoint: is needed to embed the query; name the gallery's model")
    gallery.require_model(file_hash(Path(model.source)), model.source)
    chips, more = chips_to_add(source, options, result.bad_files), facts_beside(source.absolute())
    tables = []
    with Progress(len(chips), "embed queries", quiet=options.quiet) as progress:
        for start in range(0, len(chips), ADDED_TOGETHER):
            part = chips[start : start + ADDED_TOGETHER]
            named, _ = with_ids(part, result.bad_files)
            found, features = embed_new(model, named, (options, result))
            tables.append(sightings_table(found, features, more, {}))
            progress.advance(len(part))
    if options.strict and result.bad_files:
        bad = result.bad_files[0]
        raise CrosswakeError(f"{bad.path}: {bad.reason} (--strict)")
    return only_there(tables, source, result.bad_files), result.bad_files


def only_there(tables: Sequence[pa.Table], source: Path, bad: Sequence[BadFile]) -> pa.Table:
    """All tables as one, unless there is nothing in them."""
    if not any(table.num_rows for table in tables):
        why = f"; the first: {bad[0].path}: {bad[0].reason}" if bad else ""
        raise CrosswakeError(f"--query: {source}: holds no chip that can be read{why}")
    return pa.concat_tables(tables)


def queries_of_embeddings(gallery: Gallery, path: Path, modality: str) -> pa.Table:
    """Embeddings of a .npy file, of a modality if that is known.

    Raises:
        CrosswakeError: it is no such file, of another width, or holds vectors that are not of
            length 1.
    """
    try:
        rows = np.atleast_2d(np.load(path, allow_pickle=False))
        rows = rows.astype(np.float32, casting="same_kind")
    except (OSError, ValueError, TypeError) as error:
        raise CrosswakeError(
            f"--embedding: {path}: is no .npy file of numbers ({error})"
        ) from error
    width = gallery.model.width
    if rows.ndim != 2 or rows.shape[1] != width or not len(rows):
        raise CrosswakeError(
            f"--embedding: {path}: has the shape {rows.shape}; the gallery's embeddings have "
            f"{width} numbers"
        )
    good = np.abs(np.linalg.norm(rows, axis=1) - 1) < LENGTH_TOLERANCE
    if not good.all():
        raise CrosswakeError(
            f"--embedding: {path}: row {int(np.argmin(good))} is no vector of length 1; scale it"
        )
    facts: list[dict[str, Any]] = [
        {"id": f"{path.name}[{row}]", "modality": modality or None} for row in range(len(rows))
    ]
    schema = pa.schema([field.with_nullable(True) for field in SIGHTING_COLUMNS])
    return with_embeddings(pa.Table.from_pylist(facts, schema), rows)


def with_said(queries: pa.Table, said: QueryFacts) -> pa.Table:
    """The queries, with what the user says where nothing is known."""
    lon, lat = said.position or (None, None)
    for name, value in (("time", said.time), ("lon", lon), ("lat", lat)):
        if value is not None:
            column = queries[name].fill_null(pa.scalar(value, queries.schema.field(name).type))
            queries = queries.set_column(queries.column_names.index(name), name, column)
    return queries
