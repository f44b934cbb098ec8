"""What is known of sightings beside their pixels, as NumPy columns that evidence is computed on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crosswake.core.earth import as_utc
from crosswake.data.chips import Chip
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.retrieval.metrics import Floats

MEASURED = ("lon", "lat", "position_error_m", "length_m", "width_m", "size_error_m")
CLAIMED = ("mmsi", "imo", "name", "ship_type")
MICROSECONDS_AN_HOUR = 3_600_000_000


@dataclass(frozen=True, kw_only=True)
class SightingFacts:
    """N sightings; numbers that are not known are NaN, words that are not known None.

    Attributes:
        sar: (N,), whether each is SAR.
        hours: (N,), time in hours since 1970, UTC.
        lon: (N,), degrees; so is ``lat``.
        lat: likewise.
        position_error_m: (N,), metres.
        length_m: (N,), of the ship, as measured; so is ``width_m``.
        width_m: likewise.
        size_error_m: (N,), standard deviation of both.
        mmsi: (N,), claimed; so are ``imo``, ``name`` and ``ship_type``.
        imo: likewise.
        name: likewise.
        ship_type: likewise.
    """

    sar: NDArray[np.bool_]
    hours: Floats
    lon: Floats
    lat: Floats
    position_error_m: Floats
    length_m: Floats
    width_m: Floats
    size_error_m: Floats
    mmsi: NDArray[np.object_]
    imo: NDArray[np.object_]
    name: NDArray[np.object_]
    ship_type: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.sar)

    def take(self, rows: NDArray[Any] | slice) -> "SightingFacts":
        """Some of the sightings, by number or mask."""
        return replace(self, **{one.name: getattr(self, one.name)[rows] for one in fields(self)})


def sighting_facts(table: pa.Table) -> SightingFacts:
    """The facts of a table with columns of :data:`SIGHTING_COLUMNS`; those that it lacks are not
    known."""
    columns: dict[str, Any] = {name: numbers_of(table, name) for name in MEASURED}
    columns |= {name: word_column(table, name) for name in CLAIMED}
    # A place is known with both coordinates or not at all; a size that is none says nothing.
    nowhere = np.isnan(columns["lon"] + columns["lat"])
    columns |= {name: np.where(nowhere, np.nan, columns[name]) for name in ("lon", "lat")}
    for name in ("length_m", "width_m"):
        columns[name] = np.where(columns[name] > 0, columns[name], np.nan)
    sar = word_column(table, "modality") == "sar"
    return SightingFacts(sar=np.asarray(sar, bool), hours=hours_of(table), **columns)


def numbers_of(table: pa.Table, name: str) -> Floats:
    """A column of numbers; NaN where they are not known or not finite."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    column = pc.cast(table[name], pa.float64())
    values = np.asarray(column.to_numpy(), np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def word_column(table: pa.Table, name: str) -> NDArray[np.object_]:
    """A column of words; None where they are not known or empty."""
    if name not in table.column_names:
        return np.full(table.num_rows, None, object)
    column = table[name]
    found = np.asarray(column.to_numpy(zero_copy_only=False), object)
    found = found.copy()
    found[found == ""] = None
    return found


def hours_of(table: pa.Table) -> Floats:
    """The time in hours since 1970; NaN where it is not known."""
    if "time" not in table.column_names:
        return np.full(table.num_rows, np.nan)
    moments = pc.cast(pc.cast(table["time"], pa.timestamp("us", tz="UTC")), pa.int64())
    return np.asarray(moments.cast(pa.float64()).to_numpy() / MICROSECONDS_AN_HOUR, np.float64)


def sightings_of_chips(
    chips: Iterable[Chip], extents: Mapping[Chip, tuple[float, float]] | None = None
) -> pa.Table:
    """Chips as sightings, without embeddings and thumbnails.

    Args:
        chips: the chips; a time without a zone is UTC.
        extents: width and height of chips on the ground, in metres. The longer one stands for the
            length of a ship whose size is not known, the shorter one for its width.
    """
    rows = [sighting_record(chip, (extents or {}).get(chip)) for chip in chips]
    return pa.Table.from_pylist(rows, schema=SIGHTING_COLUMNS)


def sighting_record(chip: Chip, extent: tuple[float, float] | None) -> dict[str, Any]:
    """One row of :func:`sightings_of_chips`."""
    box = chip.box
    corners = (
        None
        if box is None
        else [
            *(box.left, box.top),
            *(box.left + box.width, box.top + box.height),
        ]
    )
    length, width = chip.ship_length_m, chip.ship_width_m
    if length is None and width is None and extent is not None:
        length, width = max(extent), min(extent)
    return {
        "id": f"{chip.path}{corners or ''}",
        "modality": chip.modality.label,
        "scene": chip.scene or None,
        "time": as_utc(chip.time) if chip.time else None,
        "lon": chip.lon,
        "lat": chip.lat,
        "length_m": length,
        "width_m": width,
        "identity": chip.identity or None,
        "ship_type": chip.ship_type or None,
        "path": str(chip.path),
        "box": corners,
    }
