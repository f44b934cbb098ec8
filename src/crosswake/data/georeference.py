"""Where a file's georeference says that a chip lies, and how large it is on the ground."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from crosswake.core.boxes import Box
from crosswake.core.said import say_once
from crosswake.data.rasters import quiet_rasterio, raster_errors

WGS84_RADIUS, WGS84_FLATTENING = 6_378_137.0, 1 / 298.257223563
MAP_STRETCH = 0.01
"""A map whose lengths differ by more from those on the ground (Web Mercator: 22 % at 35 degrees) is
measured on the ground; UTM, at most about 0.1 % off, is left as it is."""
SMALLEST_PIXEL, LARGEST_PIXEL = 1e-3, 1e5
"""Metres; a georeference with other pixels is damaged, and is passed over."""
UNIT_UNKNOWN = "a geotransform without a coordinate system counts in metres"


class Place(NamedTuple):
    """Size on the ground in metres, and the centre in degrees; None where it is not known."""

    width_m: float | None = None
    height_m: float | None = None
    lon: float | None = None
    lat: float | None = None


NOWHERE = Place()
Points = list[tuple[float, float]]


def place_of(source: Any, box: Box | None = None) -> Place:
    """What an open file's geotransform or ground control points say of it, or of a window of it."""
    transform, crs = source.transform, source.crs
    if transform.is_identity:
        points, crs = source.gcps
        if len(points) < 3:
            return NOWHERE
        transform = quiet_rasterio().transform.from_gcps(points)
    box = box or Box(0, 0, source.height, source.width)
    centre = (box.left + box.width / 2, box.top + box.height / 2)
    edges: Points = [(box.left, centre[1]), (box.left + box.width, centre[1])]
    edges += [(centre[0], box.top), (centre[0], box.top + box.height)]
    found = measured([transform * point for point in (centre, *edges)], crs)
    sizes = zip(found[:2], (box.width, box.height), strict=True)
    if not all(m is None or SMALLEST_PIXEL < m / count < LARGEST_PIXEL for m, count in sizes):
        return NOWHERE
    return found


def measured(points: Points, crs: Any) -> Place:
    """The place by its centre, left, right, upper and lower point in map coordinates."""
    spans = [math.dist(points[1], points[2]), math.dist(points[3], points[4])]
    if crs is None:
        if max(abs(value) for point in points for value in point) <= 360:
            return NOWHERE  # they may be degrees
        say_once(UNIT_UNKNOWN)
        return Place(*spans)
    unit = metres_of_unit(crs)
    degrees = in_degrees(points, crs)
    if not degrees:
        return Place(*(span * unit for span in spans)) if unit else NOWHERE
    ground = [ground_distance(*degrees[1:3]), ground_distance(*degrees[3:5])]
    if unit and all(
        abs(span * unit - true) <= MAP_STRETCH * true
        for span, true in zip(spans, ground, strict=True)
    ):
        ground = [span * unit for span in spans]
    width, height = ground
    return Place(width, height, *degrees[0])


def metres_of_unit(crs: Any) -> float:
    """Metres in a unit of a projected system (US feet: 0.3048006); 0 where it counts degrees."""
    if not crs.is_projected:
        return 0.0
    return float(crs.linear_units_factor[1])


def in_degrees(points: Points, crs: Any) -> Points:
    """Longitude and latitude of each point; nothing where they are not on the Earth."""
    from rasterio.warp import transform

    try:
        lons, lats = transform(crs, "EPSG:4326", *zip(*points, strict=True))
    except raster_errors():
        return []
    there = all(abs(lon) <= 540 and abs(lat) <= 90 for lon, lat in zip(lons, lats, strict=True))
    return [(around(lon), lat) for lon, lat in zip(lons, lats, strict=True)] if there else []


def around(degrees: float) -> float:
    """A longitude from -180 to under 180."""
    return degrees if -180 <= degrees < 180 else (degrees + 180) % 360 - 180


def ground_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Metres between two near points (longitude, latitude), by the ellipsoid's radii of curvature
    at the latitude between them."""
    lat = math.radians((one[1] + other[1]) / 2)
    squared = WGS84_FLATTENING * (2 - WGS84_FLATTENING)
    bend = 1 - squared * math.sin(lat) ** 2
    east = WGS84_RADIUS / math.sqrt(bend) * math.cos(lat)
    north = WGS84_RADIUS * (1 - squared) / bend**1.5
    return math.hypot(
        east * math.radians(around(other[0] - one[0])), north * math.radians(other[1] - one[1])
    )
