"""Rows of the tables of simulated traffic: what was measured, and beside it the truth."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from crosswake.data.chips import Modality
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.simulate.claims import TrafficShip
from crosswake.simulate.detections import (
    POSITION_ERROR_M,
    SIZE_ERROR_M,
    Detection,
    PassCount,
)
from crosswake.simulate.passes import Pass, moment_of
from crosswake.simulate.traffic_voyages import Voyage

TrafficRow = dict[str, Any]
TRAFFIC_SOURCE = "crosswake simulate --traffic"


def moment_text(hour_time: Any) -> str:
    """A moment as tables have it, to a millisecond."""
    return f"{hour_time.strftime('%Y-%m-%dT%H:%M:%S')}.{hour_time.microsecond // 1000:03d}Z"


def sighting_row(detection: Detection, chip: str, chip_size_m: tuple[float, float]) -> TrafficRow:
    """What is known of one detection, in the order of the table.

    Args:
        detection: what was measured.
        chip: SHA-256 of the chip's file.
        chip_size_m: width and height of the chip on the ground.
    """
    sighting, claim = detection.sighting, detection.claim
    return {
        "path": detection.file,
        "identity": detection.identity,
        "modality": sighting.modality.label,
        "split": sighting.split,
        "width_m": f"{chip_size_m[0]:.2f}",
        "height_m": f"{chip_size_m[1]:.2f}",
        "time": moment_text(sighting.time),
        "lon": f"{detection.lon:.5f}",
        "lat": f"{detection.lat:.5f}",
        "sensor": detection.sensor,
        "scene": detection.scene,
        "position_error_m": f"{POSITION_ERROR_M[sighting.modality]:.0f}",
        "ship_length_m": f"{detection.length_m:.1f}",
        "ship_width_m": f"{detection.width_m:.1f}",
        "size_error_m": f"{SIZE_ERROR_M[sighting.modality]:.1f}",
        "heading_deg": f"{detection.heading:.1f}",
        "heading_ambiguous": str(sighting.modality is Modality.SAR).lower(),
        "name": claim.name,
        "mmsi": claim.mmsi,
        "ship_type": claim.ship_type,
        "id": chip,
    }


def traffic_table(rows: list[TrafficRow]) -> pa.Table:
    """The same rows with the columns of a gallery, in which length and width are the ship's."""
    numbers = {
        "lon": "lon",
        "lat": "lat",
        "position_error_m": "position_error_m",
        "length_m": "ship_length_m",
        "width_m": "ship_width_m",
        "size_error_m": "size_error_m",
        "heading_deg": "heading_deg",
    }
    texts = ("id", "modality", "sensor", "scene", "identity", "name", "mmsi", "ship_type", "path")
    columns: dict[str, Any] = {name: [row[name] or None for row in rows] for name in texts}
    columns |= {name: [float(row[of]) for row in rows] for name, of in numbers.items()}
    columns["time"] = pa.array([row["time"].rstrip("Z") for row in rows]).cast(pa.timestamp("us"))
    columns["heading_ambiguous"] = [row["heading_ambiguous"] == "true" for row in rows]
    columns["source"] = [TRAFFIC_SOURCE] * len(rows)
    empty = [None] * len(rows)
    return pa.table(
        [pa.array(columns.get(field.name, empty)).cast(field.type) for field in SIGHTING_COLUMNS],
        schema=SIGHTING_COLUMNS,
    )


def ship_row(ship: TrafficShip) -> TrafficRow:
    """The truth about one ship."""
    return {
        "identity": ship.identity,
        "split": ship.split,
        "ship_type": ship.vessel.ship_type,
        "length_m": f"{ship.vessel.length:.1f}",
        "beam_m": f"{ship.vessel.beam:.1f}",
        "name": ship.own.name,
        "mmsi": ship.own.mmsi,
        "broadcast": ship.says,
        "broadcast_name": ship.broadcast.name,
        "broadcast_mmsi": ship.broadcast.mmsi,
    }


def track_rows(ship: TrafficShip, voyage: Voyage) -> Iterator[TrafficRow]:
    """Where one ship truly was; between two rows it moves straight and steadily."""
    for hour, lon, lat, state in zip(
        voyage.hours, voyage.lon, voyage.lat, voyage.states, strict=True
    ):
        yield {
            "identity": ship.identity,
            "time": moment_text(moment_of(float(hour))),
            "lon": f"{lon:.5f}",
            "lat": f"{lat:.5f}",
            "state": state,
        }


def pass_row(one: Pass, count: PassCount) -> TrafficRow:
    """One pass and what it saw."""
    near, far = one.edges
    return {
        "scene": one.scene,
        "sensor": one.satellite.name,
        "modality": one.satellite.modality.label,
        "time": moment_text(moment_of(one.hour)),
        "track_lon": f"{one.lon:.5f}",
        "track_course_deg": f"{one.course_deg:.1f}",
        "near_km": f"{near:.1f}",
        "far_km": f"{far:.1f}",
        "cloudy": str(one.cloudy).lower(),
        "ships": count.inside,
        "seen": count.seen,
        "empty": count.empty,
    }
