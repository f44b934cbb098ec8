"""Where each ship of the simulated traffic is at every moment: lanes, anchorages, stays in port."""

from dataclasses import dataclass

import numpy as np

from crosswake.core.earth import KM_PER_NAUTICAL_MILE, great_circle_km
from crosswake.simulate.imaging import generator
from crosswake.simulate.parts import Array, Random
from crosswake.simulate.waters import PORTS, Port, anchorage, lane, legs_km, sailed_way

CRUISE_KNOTS: dict[str, tuple[float, float]] = {
    "bulk carrier": (10.0, 14.0),
    "tanker": (10.0, 14.5),
    "container ship": (13.0, 21.0),
    "general cargo": (9.0, 13.0),
    "gas carrier": (14.0, 19.0),
    "car carrier": (14.0, 19.5),
    "passenger ship": (14.0, 20.0),
    "fishing vessel": (5.0, 11.0),
    "warship": (12.0, 22.0),
    "tug": (6.0, 11.0),
    "supply ship": (8.0, 13.0),
}
"""Slowest and fastest speed at which ships of a type sail."""
STAY_HOURS = 20.0
"""Median hours in port, or away beyond a gate."""
ANCHORING = 0.4
"""Share of the calls at a port that begin with a wait at anchor."""
SETTLING_HOURS = 120.0
"""Ships sail this long before the first day, so that they are spread over sea and ports by then."""


@dataclass(frozen=True)
class Voyage:
    """The way of one ship. Between two of its points it moves straight and steadily.

    Attributes:
        hours: (n,) since the first day.
        lon: (n,) degrees.
        lat: (n,) degrees.
        states: what it does from each point on: ``sea``, ``anchor``, ``port``, or ``away`` beyond
            a gate.
    """

    hours: Array
    lon: Array
    lat: Array
    states: tuple[str, ...]

    def piece(self, hour: float) -> int:
        """The point from which the ship has come last."""
        found = int(np.searchsorted(self.hours, hour, side="right")) - 1
        return min(max(found, 0), len(self.hours) - 2)

    def place(self, hour: float) -> tuple[float, float]:
        """Longitude and latitude."""
        return (
            float(np.interp(hour, self.hours, self.lon)),
            float(np.interp(hour, self.hours, self.lat)),
        )

    def state(self, hour: float) -> str:
        """What the ship does."""
        return self.states[self.piece(hour)]

    def motion(self, hour: float) -> tuple[float, float]:
        """Course in degrees clockwise from north, and speed in m/s. The course of a ship at rest
        is the one that it came on."""
        here = self.piece(hour)
        moving = here
        while moving > 0 and self.states[moving] != "sea":
            moving -= 1
        (lon, other_lon), (lat, other_lat) = self.lon[moving:][:2], self.lat[moving:][:2]
        east = (other_lon - lon) * np.cos(np.radians((lat + other_lat) / 2))
        course = float(np.degrees(np.arctan2(east, other_lat - lat)) % 360)
        if moving != here:
            return course, 0.0
        km = float(great_circle_km(lon, lat, other_lon, other_lat))
        hours = self.hours[here + 1] - self.hours[here]
        return course, km / max(float(hours), 1e-9) / 3.6


def sail_voyage(seed: int, number: int, ship_type: str, days: float) -> Voyage:
    """The way of ship ``number`` over all days, and a little longer."""
    rng = generator(seed, 3, number)
    low, high = CRUISE_KNOTS[ship_type]
    cruise = rng.uniform(low, high)
    log = VoyageLog(rng, PORTS[int(rng.integers(len(PORTS)))])
    while log.hour < days * 24:
        log.stay()
        log.sail_to(next_port(rng, log.port), max(cruise * rng.uniform(0.88, 1.0), low))
    return log.voyage()


def next_port(rng: Random, port: Port) -> Port:
    """Any other one; from one gate half of all ships sail straight to the other."""
    others = [other for other in PORTS if other != port]
    if port.gate and rng.random() < 0.5:
        return next(other for other in others if other.gate)
    return others[int(rng.integers(len(others)))]


class VoyageLog:
    """Writes down a voyage while it is sailed.

    Args:
        rng: random numbers of the ship.
        port: where it begins.
    """

    def __init__(self, rng: Random, port: Port) -> None:
        self.rng, self.port = rng, port
        self.hour = -SETTLING_HOURS
        self.points: list[tuple[float, float, float, str]] = []
        # Some ships are halfway through their stay when it begins.
        self.hour -= float(rng.uniform(0, STAY_HOURS))

    def note(self, lon: float, lat: float, state: str) -> None:
        """From now on the ship does this, here."""
        self.points.append((self.hour, lon, lat, state))

    def stay(self) -> None:
        """Load, unload, or be away beyond a gate."""
        self.note(self.port.lon, self.port.lat, "away" if self.port.gate else "port")
        self.hour += float(STAY_HOURS * self.rng.lognormal(0.0, 0.6))

    def sail_to(self, port: Port, knots: float) -> None:
        """Sail a lane, and wait at anchor before some ports."""
        corners = lane(self.port, port).copy()
        waits = not port.gate and self.rng.random() < ANCHORING
        if waits:
            corners[-1] = anchorage(self.rng, port)
        self.follow(sailed_way(self.rng, corners), knots)
        if waits:
            self.note(float(corners[-1, 0]), float(corners[-1, 1]), "anchor")
            self.hour += float(np.clip(24 * self.rng.lognormal(0.0, 0.7), 3, 120))
            self.follow(np.array([corners[-1], (port.lon, port.lat)]), min(knots, 8.0))
        self.port = port

    def follow(self, way: Array, knots: float) -> None:
        """Sail along (n, 2) points; the last of them begins what comes next."""
        hours = legs_km(way) / (knots * KM_PER_NAUTICAL_MILE)
        for (lon, lat), took in zip(way[:-1], hours, strict=True):
            self.note(float(lon), float(lat), "sea")
            self.hour += float(took)

    def voyage(self) -> Voyage:
        """What was sailed, until the last port."""
        self.note(self.port.lon, self.port.lat, "port")
        hours, lon, lat, states = zip(*self.points, strict=True)
        return Voyage(np.array(hours), np.array(lon), np.array(lat), states)
