"""From anything that names chips to sightings with embeddings, in batches that a gallery takes."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crosswake.core.earth import as_utc
from crosswake.core.errors import CrosswakeError
from crosswake.core.provenance import read_origin
from crosswake.core.said import say_once
from crosswake.data.archives import open_member
from crosswake.data.chips import AS_THE_FILE_SAYS, Chip, Modality, Reading, UnreadableChipError
from crosswake.data.pixels import Pixels, read_chip
from crosswake.data.reading import chip_read_as
from crosswake.data.reid import BadFile
from crosswake.data.sightings import SIGHTING_COLUMNS, sighting_schema
from crosswake.data.sources.listing import Entry
from crosswake.gallery.facts import sighting_record
from crosswake.gallery.origins import FactsOfPath, with_more_facts
from crosswake.reports.pictures import jpeg, shrunk

THUMBNAIL_SIDE = 96
ID_DIGITS = 32
BATCH_ROWS = 8192
"""Rows of a Parquet file that are added together."""
POLARISATION = re.compile(r"(?:^|_)(vv|vh|hh|hv)(?:_|$)")
EMBED_COLUMNS = {"ship_length_m": "length_m", "ship_width_m": "width_m"}
"""Columns of ``crosswake embed``, whose ``width_m`` is the chip's, by their names here."""


@dataclass(frozen=True, kw_only=True)
class Bringing:
    """How chips become sightings.

    Attributes:
        reading: how SAR files with several bands are read. Where it names no band, and the source
            says which polarisations a file holds, each is a sighting.
        thumbnails: whether a picture travels with each.
        source: who or what they are said to come from.
        licence: under which they may be used.
    """

    reading: Reading = AS_THE_FILE_SAYS
    thumbnails: bool = True
    source: str = ""
    licence: str = ""

    def columns(self) -> dict[str, Any]:
        """The columns that all sightings of one run share."""
        return {
            "added": datetime.now(UTC),
            "source": self.source or None,
            "licence": self.licence or None,
        }


def sighting_id(content: bytes, chip: Chip) -> str:
    """The id: of the file's bytes, the box, the band and the modality, in hex."""
    digest = hashlib.sha256(content)
    digest.update(f"|{chip.box or ''}|{chip.modality.label}|{band_of(chip)}".encode())
    return digest.hexdigest()[:ID_DIGITS]


def band_of(chip: Chip) -> str:
    """The band that user or source chose of a chip's file; empty where nobody did."""
    reading = chip.reading
    return "" if reading.sar_band is None or reading.of_model else str(reading.sar_band)


def bytes_of_file(path: Path) -> bytes:
    """A file's bytes, also of one in an archive.

    Raises:
        UnreadableChipError: it cannot be read.
    """
    try:
        with open_member(path) as file:
            return file.read()
    except OSError as error:
        raise UnreadableChipError(path, f"cannot be read ({error.strerror or error})") from error


def each_band(entry: Entry, reading: Reading) -> list[Chip]:
    """The chips of an entry: one, or one for each polarisation of its file."""
    chip = chip_read_as(entry.chip, reading)
    found = [match[1] for name in chip.reading.bands if (match := POLARISATION.search(name))]
    if chip.reading.sar_band is not None or not found:
        return [chip]
    if len(set(found)) > 1:
        say_once("files with two polarisations are two sightings each; --sar_band takes one")
    return [
        replace(chip, reading=replace(chip.reading, sar_band=name))  # type: ignore[arg-type]
        for name in sorted(set(found))
    ]


def thumbnail_of(chip: Chip, pixels: Pixels) -> bytes:
    """A chip as a JPEG of at most 96 x 96 pixels, scaled as in reports."""
    return jpeg(shrunk(pixels, chip.modality, THUMBNAIL_SIDE, THUMBNAIL_SIDE))


@dataclass(frozen=True, kw_only=True)
class SeenChip:
    """A chip with its id, and what was seen of it while it was embedded.

    Attributes:
        chip: the chip.
        id: its id.
        place: longitude and latitude, by the source or the file.
        thumbnail: a JPEG, or None.
    """

    chip: Chip
    id: str
    place: tuple[float | None, float | None] = (None, None)
    thumbnail: bytes | None = None


def sightings_table(
    found: Sequence[SeenChip],
    features: NDArray[np.float32],
    more: FactsOfPath,
    shared: Mapping[str, Any],
) -> pa.Table:
    """Sightings that were embedded, in the columns of a gallery."""
    rows = []
    for one in found:
        row = with_more_facts(one.chip, sighting_record(one.chip, None), more)
        lon, lat = one.place
        row |= {"id": one.id, "lon": lon, "lat": lat, "band": band_of(one.chip) or None}
        row |= {"thumbnail": one.thumbnail, **{k: v for k, v in shared.items() if v is not None}}
        rows.append(row)
    table = pa.Table.from_pylist(rows, SIGHTING_COLUMNS)
    return with_embeddings(table, features)


def with_embeddings(table: pa.Table, features: NDArray[Any]) -> pa.Table:
    """A table with the column ``embedding``, (rows, width), in half precision."""
    numbers = pa.array(np.ascontiguousarray(features, np.float16).ravel())
    column = pa.FixedSizeListArray.from_arrays(numbers, features.shape[1])
    field = sighting_schema(features.shape[1]).field("embedding")
    return table.add_column(1, field, column)


def embedded_rows(path: Path) -> int | None:
    """Number of sightings of a Parquet file that holds embeddings; None for anything else."""
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return None
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise CrosswakeError(
            f"{path}: is no Parquet file that can be read; make it anew"
        ) from error


def weights_of(path: Path) -> str:
    """The SHA-256 of the model whose embeddings a Parquet file holds.

    Raises:
        CrosswakeError: it says none, or holds none.
    """
    weights = (read_origin(path) or {}).get("weights")
    if not isinstance(weights, str) or "embedding" not in pq.read_schema(path).names:
        raise CrosswakeError(
            f"{path}: holds no embeddings of crosswake embed or gallery export; name one that "
            "does, or the images"
        )
    return weights


def embedded_tables(
    path: Path, how: Bringing, lacking: Callable[[BadFile], None]
) -> Iterator[pa.Table]:
    """The sightings of a Parquet file of ``crosswake embed`` or ``crosswake gallery export``.

    Args:
        path: the file.
        how: how.
        lacking: called with images that cannot be read any more, whose id is then made of the
            embedding, and which have no thumbnail.
    """
    shared = {name: value for name, value in how.columns().items() if value is not None}
    with pq.ParquetFile(path) as file:
        ours = "added" in file.schema_arrow.names
        for batch in file.iter_batches(BATCH_ROWS):
            table = pa.Table.from_batches([batch]).replace_schema_metadata(None)
            if ours:
                yield table.select([n for n in table.column_names if n != "geometry"])
                continue
            yield adopted(table, how.thumbnails, shared, lacking)


def adopted(
    table: pa.Table,
    thumbnails: bool,
    shared: Mapping[str, Any],
    lacking: Callable[[BadFile], None],
) -> pa.Table:
    """Rows of ``crosswake embed`` as sightings."""
    embedding = table["embedding"].combine_chunks()
    features = np.asarray(embedding.flatten()).reshape(len(embedding), -1)
    rows = []
    for row, vector in zip(table.drop_columns(["embedding"]).to_pylist(), features, strict=True):
        chip = Chip(path=Path(row["path"]), modality=Modality[row["modality"].upper()])
        picture = None
        try:
            content = bytes_of_file(chip.path)
            if thumbnails:
                picture = thumbnail_of(chip, read_chip(chip)[0])
        except UnreadableChipError as error:
            lacking(BadFile(path=chip.path, reason=error.reason))
            content = vector.tobytes()
        row |= {name: row.pop(other, None) for other, name in EMBED_COLUMNS.items()}
        row |= {"id": sighting_id(content, chip), "thumbnail": picture, **shared}
        row["time"] = as_utc(row["time"]) if row.get("time") else None
        rows.append(row)
    return with_embeddings(pa.Table.from_pylist(rows, SIGHTING_COLUMNS), features)
