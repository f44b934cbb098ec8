"""What narrows a search before anything is ranked: conditions in SQL, which the store applies."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import asin, cos, degrees, radians, sin

from crosswake.core.earth import EARTH_RADIUS_KM
from crosswake.gallery.store import sql_in, sql_text

Interval = tuple[float | None, float | None]
"""Least and greatest value; None where there is no bound."""
NO_BOUNDS: Interval = (None, None)
MARGIN_DEG = 1e-6
"""Added to the box around a circle, so that rounding loses nothing on its edge."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which sightings are candidates. What is not known meets no bound: a sighting without a time
    is left out where times are bounded.

    Attributes:
        start: earliest time, UTC.
        end: latest time.
        bbox: west, south, east, north in degrees; west above east goes over the antimeridian.
        length: of the ship, in metres.
        width: likewise.
        modality: ``optical`` or ``sar``.
        sensor: names, any of which will do, in any case of letters.
        ship_type: a part of the type, in any case: ``tanker`` fits ``Oil tanker``.
        where: further conditions in SQL.
    """

    start: datetime | None = None
    end: datetime | None = None
    bbox: tuple[float, float, float, float] | None = None
    length: Interval = NO_BOUNDS
    width: Interval = NO_BOUNDS
    modality: str = ""
    sensor: tuple[str, ...] = ()
    ship_type: str = ""
    where: str = ""

    def conditions(self) -> list[tuple[str, str]]:
        """Name and SQL of each filter that is set, in the order in which they are counted."""
        moments = between("time", tuple(map(sql_time, (self.start, self.end))))
        found = [
            ("time", moments),
            ("box", sql_bbox(self.bbox) if self.bbox else ""),
            ("modality", sql_in("modality", [self.modality]) if self.modality else ""),
            ("sensor", sql_in("lower(sensor)", [name.lower() for name in self.sensor])),
            ("type", f"contains(lower(ship_type), {sql_text(self.ship_type.lower())})"),
            ("length", between("length_m", self.length)),
            ("width", between("width_m", self.width)),
            ("where", f"({self.where})" if self.where else ""),
        ]
        unset = {"sensor"} if not self.sensor else set()
        unset |= {"type"} if not self.ship_type else set()
        return [(name, sql) for name, sql in found if sql and name not in unset]


def counted_steps(conditions: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each filter's name with the SQL of it and all before it."""
    for place, (name, _) in enumerate(conditions, 1):
        yield name, " AND ".join(sql for _, sql in conditions[:place])


def sql_time(moment: datetime | None) -> str | None:
    """A moment in UTC as a literal."""
    if moment is None:
        return None
    return f"timestamp '{moment.replace(tzinfo=None).isoformat(' ', 'microseconds')}'"


def between(column: str, bounds: tuple[float | str | None, ...]) -> str:
    """The condition that a column is within bounds; empty without any."""
    low, high = bounds
    parts = [f"{column} >= {low}"] if low is not None else []
    parts += [f"{column} <= {high}"] if high is not None else []
    return " AND ".join(parts)


def sql_bbox(bbox: tuple[float, float, float, float]) -> str:
    """The condition that a position is in a box."""
    west, south, east, north = bbox
    joint = "AND" if west <= east else "OR"
    return f"(lon >= {west!r} {joint} lon <= {east!r}) AND lat >= {south!r} AND lat <= {north!r}"


def box_around(lon: float, lat: float, km: float) -> tuple[float, float, float, float]:
    """The smallest box of degrees with all points within ``km`` of one, on the sphere; around a
    pole all longitudes (Bronstein and Semendjajew, spherical triangles: sin dlon = sin r / cos
    lat)."""
    angle = km / EARTH_RADIUS_KM
    up = degrees(angle) + MARGIN_DEG
    south, north = max(-90.0, lat - up), min(90.0, lat + up)
    if lat - up <= -90 or lat + up >= 90:
        return (-180.0, south, 180.0, north)
    across = degrees(asin(min(1.0, sin(angle) / cos(radians(lat))))) + MARGIN_DEG
    if across >= 180:
        return (-180.0, south, 180.0, north)
    return (wrapped(lon - across), south, wrapped(lon + across), north)


def wrapped(lon: float) -> float:
    """A longitude from -180 to 180."""
    return lon if -180 <= lon <= 180 else (lon + 180) % 360 - 180
