"""Distances and times between sightings."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of WGS 84 (Moritz, Geodetic Reference System 1980)."""
KM_PER_NAUTICAL_MILE = 1.852


def great_circle_km(
    lon: ArrayLike, lat: ArrayLike, other_lon: ArrayLike, other_lat: ArrayLike
) -> NDArray[np.float64]:
    """Kilometres along the great circle by the haversine formula (Sinnott 1984); degrees in.

    On the sphere, so up to 0.5 % off. NaN where a coordinate is. Arguments are broadcast.
    """
    lon, lat, other_lon, other_lat = (
        np.radians(np.asarray(degrees, np.float64)) for degrees in (lon, lat, other_lon, other_lat)
    )
    across, up = np.sin((other_lon - lon) / 2), np.sin((other_lat - lat) / 2)
    chord = np.clip(up**2 + np.cos(lat) * np.cos(other_lat) * across**2, 0, 1)
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord)))


def hours_between(time: str, other: str) -> float:
    """Hours from one ISO 8601 moment to another; NaN where one is unknown. Without a zone a moment
    is taken for UTC."""
    if not time or not other:
        return float("nan")
    return (as_utc(other) - as_utc(time)).total_seconds() / 3600


def as_utc(time: str) -> datetime:
    """An ISO 8601 moment in UTC."""
    moment = datetime.fromisoformat(time)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def knots(km: Any, hours: Any) -> NDArray[np.float64]:
    """Speed that covers a distance in a time, sign ignored: infinite for some way in no time, NaN
    where one is unknown or both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        miles = np.asarray(km, np.float64) / KM_PER_NAUTICAL_MILE
        return np.asarray(miles / np.abs(np.asarray(hours, np.float64)), np.float64)
