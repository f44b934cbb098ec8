"""The sea that the simulated traffic sails: its ports, and the lanes between them.

The sea is a square of the open Arabian Sea, so there is no coast to sail around. Ports are
invented. Through two gates at the edge, ships leave the sea and come back.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from crosswake.core.earth import great_circle_km
from crosswake.simulate.parts import Array, Random
from crosswake.simulate.sightings import METRES_A_DEGREE

WEST, EAST, SOUTH, NORTH = 60.0, 66.0, 13.0, 19.0
"""Edges of the sea, in degrees."""
KM_A_DEGREE = METRES_A_DEGREE / 1000


@dataclass(frozen=True)
class Port:
    """Where voyages begin and end.

    Attributes:
        name: invented.
        lon: in degrees.
        lat: in degrees.
        gate: whether it is no port but a way out of the sea.
    """

    name: str
    lon: float
    lat: float
    gate: bool = False


PORTS = (
    Port("Asterholm", 60.5, 18.0),
    Port("Borel", 62.9, 18.7),
    Port("Cavanna", 65.5, 18.2),
    Port("Dornfels", 65.5, 14.3),
    Port("Elvast", 63.2, 13.3),
    Port("Farrow", 60.5, 14.0),
    Port("west gate", 60.0, 16.1, gate=True),
    Port("east gate", 66.0, 16.4, gate=True),
)
TURNS = ((62.0, 16.7), (64.1, 15.6))
"""Where lanes meet and ships change their course."""
LONGEST_DETOUR = 1.2
"""A lane over a turn is at most this much longer than the straight way."""
PIECE_KM = 25.0
"""Between two points of a voyage; a straight line on the chart is then one on the globe."""


@cache
def lane(start: Port, end: Port) -> Array:
    """(n, 2) corners, longitude and latitude, of the way that ships take from one port to another:
    over as many turns as cost no long detour."""
    ends = [(start.lon, start.lat), (end.lon, end.lat)]
    straight = length_km(np.array(ends))
    ways = [[ends[0], *turns, ends[1]] for turns in ((*TURNS,), TURNS[::-1], TURNS[:1], TURNS[1:])]
    for way in sorted(ways, key=lambda way: (-len(way), length_km(np.array(way)))):
        if length_km(np.array(way)) <= LONGEST_DETOUR * straight:
            return np.array(way)
    return np.array(ends)


def length_km(way: Array) -> float:
    """Length of a way of (n, 2) corners."""
    return float(legs_km(way).sum())


def legs_km(way: Array) -> Array:
    """(n - 1,) kilometres between neighbours."""
    return great_circle_km(way[:-1, 0], way[:-1, 1], way[1:, 0], way[1:, 1])


def sailed_way(rng: Random, corners: Array) -> Array:
    """(n, 2) points of one ship's way along a lane, ``PIECE_KM`` apart.

    Ships keep to starboard, each by another distance, so that two that meet pass each other.
    """
    way = evenly_spaced(corners)
    done = np.concatenate([[0.0], np.cumsum(legs_km(way))])
    swing = np.sin(done / rng.uniform(40, 120) + rng.uniform(0, 6))
    beside = abs(rng.normal(4.0, 2.5)) + 3.0 * swing
    beside = beside * np.clip(np.minimum(done, done[-1] - done) / 60.0, 0, 1)
    step = np.gradient(way, axis=0)
    step[:, 0] *= np.cos(np.radians(way[:, 1]))
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    return moved(way, east=step[:, 1] * beside, north=-step[:, 0] * beside)


def evenly_spaced(corners: Array) -> Array:
    """Points along the way between (n, 2) corners, at most ``PIECE_KM`` apart."""
    pieces = [
        start
        + np.linspace(0, 1, max(int(np.ceil(km / PIECE_KM)), 1), endpoint=False)[:, None] * way
        for start, way, km in zip(
            corners[:-1], np.diff(corners, axis=0), legs_km(corners), strict=True
        )
    ]
    return np.concatenate([*pieces, corners[-1:]])


def anchorage(rng: Random, port: Port) -> tuple[float, float]:
    """A place to wait off a port, towards the middle of the sea."""
    east = ((WEST + EAST) / 2 - port.lon) * np.cos(np.radians(port.lat))
    inward = np.arctan2(east, (SOUTH + NORTH) / 2 - port.lat) + rng.uniform(-1.0, 1.0)
    away = rng.uniform(12, 35)
    place = np.array([[port.lon, port.lat]])
    lon, lat = moved(place, east=away * np.sin(inward), north=away * np.cos(inward))[0]
    return float(lon), float(lat)


def moved(places: Array, east: Array | float, north: Array | float) -> Array:
    """(n, 2) places moved by kilometres."""
    lat = places[:, 1] + np.asarray(north) / KM_A_DEGREE
    lon = places[:, 0] + np.asarray(east) / KM_A_DEGREE / np.cos(np.radians(places[:, 1]))
    return np.stack([lon, lat], axis=1)
