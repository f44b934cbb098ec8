"""The way around land between two places."""

from crosswake.core.extras import require

LonLat = tuple[float, float]
"""Longitude and latitude in degrees."""


def sea_route_km(start: LonLat, end: LonLat) -> float:
    """Kilometres of the shortest way along the shipping lanes that searoute knows; 0 where it knows
    none.

    Places are taken to the nearest lane, so that short ways come out too short or too long by what
    they are off it; take the longer of this and the great circle.

    Raises:
        CrosswakeError: searoute is not installed.
    """
    searoute = require("searoute", "gallery", "--sea_routes")
    try:
        route = searoute.searoute(list(map(float, start)), list(map(float, end)), units="km")
    except Exception:  # its graph does not reach everywhere, and it says so in many ways
        return 0.0
    return float(route["properties"]["length"])
