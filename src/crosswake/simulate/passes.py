"""The satellites that watch the simulated traffic: when they pass, and which strip of sea they see.

They are sun-synchronous, so each passes at its own local time. The ground track is a straight line
in a plane that touches the Earth at the middle of the sea; the sea is small enough for that.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from crosswake.data.chips import Modality
from crosswake.simulate.imaging import generator
from crosswake.simulate.parts import Random
from crosswake.simulate.sightings import START
from crosswake.simulate.waters import EAST, KM_A_DEGREE, NORTH, SOUTH, WEST

ALTITUDE_KM = 600.0
GROUND_KM_S = 6.9
"""Speed of a satellite's shadow point at that height."""
ORBIT_KM_S = 7.56
TRACK_DEGREES = {True: -12.0, False: 192.0}
"""Course over ground near the equator, ascending or not (inclination 98 degrees, and the Earth
turns below)."""
NEAREST_RADAR_KM = 425.0
"""From the ground track to the near edge of a radar's swath: an incidence of 35 degrees."""
REVISIT_DAYS = {Modality.OPTICAL: (1.0, 2.0, 3.0), Modality.SAR: (0.5, 1.0, 2.0, 3.0)}
"""A radar needs no daylight: it can pass ascending and descending, every 12 hours."""
RAREST_A_DAY = 1 / 60
"""No satellite is launched for fewer passes than these."""
SWATH_KM = {Modality.OPTICAL: (180.0, 290.0), Modality.SAR: (200.0, 300.0)}


@dataclass(frozen=True)
class Satellite:
    """One satellite of the constellation.

    Attributes:
        name: of the sensor.
        modality: what it sees by.
        local_hour: local solar time of its passes; half a day later too if it passes every 12 h.
        revisit_days: from pass to pass.
        first_day: of its first pass, as a share of the revisit.
        swath_km: breadth of the strip that it sees.
        ascending: whether it flies north on its first pass.
    """

    name: str
    modality: Modality
    local_hour: float
    revisit_days: float
    first_day: float
    swath_km: float
    ascending: bool


@dataclass(frozen=True)
class Pass:
    """One satellite over the sea.

    Attributes:
        number: in order of time, from 1.
        satellite: which.
        hour: when it crosses the latitude of the middle of the sea, hours since the first day.
        lon: where its ground track does so.
        ascending: whether it flies north.
        cloudy: whether clouds hide all.
    """

    number: int
    satellite: Satellite
    hour: float
    lon: float
    ascending: bool
    cloudy: bool

    @property
    def scene(self) -> str:
        """Its name in tables."""
        return f"pass{self.number:04d}"

    @property
    def course_deg(self) -> float:
        """Of the ground track, degrees clockwise from north."""
        return TRACK_DEGREES[self.ascending] % 360

    @property
    def course(self) -> float:
        """Of the ground track, radians clockwise from north."""
        return float(np.radians(self.course_deg))

    @property
    def edges(self) -> tuple[float, float]:
        """Near and far edge of the swath, km to the right of the ground track."""
        width = self.satellite.swath_km
        if self.satellite.modality is Modality.OPTICAL:
            return -width / 2, width / 2
        return NEAREST_RADAR_KM, NEAREST_RADAR_KM + width

    def along_and_across(self, lon: float, lat: float) -> tuple[float, float]:
        """Km of a place along the ground track from the middle latitude, and to its right."""
        east = (lon - self.lon) * KM_A_DEGREE * np.cos(np.radians((SOUTH + NORTH) / 2))
        north = (lat - (SOUTH + NORTH) / 2) * KM_A_DEGREE
        sine, cosine = np.sin(self.course), np.cos(self.course)
        return float(east * sine + north * cosine), float(east * cosine - north * sine)

    def sees(self, lon: float, lat: float) -> bool:
        """Whether a place lies in the swath and in the sea."""
        near, far = self.edges
        inside = WEST <= lon <= EAST and SOUTH <= lat <= NORTH
        return inside and near <= self.along_and_across(lon, lat)[1] <= far

    def hour_over(self, lon: float, lat: float) -> float:
        """When the satellite is level with a place."""
        return self.hour + self.along_and_across(lon, lat)[0] / GROUND_KM_S / 3600

    def incidence(self, lon: float, lat: float) -> float:
        """Of a radar's wave at a place, radians, on a flat Earth."""
        return float(np.arctan(self.along_and_across(lon, lat)[1] / ALTITUDE_KM))


def moment_of(hour: float) -> datetime:
    """The moment, to a millisecond."""
    return START + timedelta(milliseconds=round(hour * 3_600_000))


def launch_constellation(seed: int, pass_hours: float) -> list[Satellite]:
    """Satellites that pass every ``pass_hours`` on average, half of the time by camera."""
    rng = generator(seed, 4)
    found: list[Satellite] = []
    for modality, revisits in REVISIT_DAYS.items():
        wanted, number = 12 / pass_hours, 0  # passes a day
        while wanted > RAREST_A_DAY:
            fitting = [days for days in revisits if 1 / days <= wanted + 1e-9] or [1 / wanted]
            revisit, number = float(rng.choice(fitting)), number + 1
            wanted -= 1 / revisit
            found.append(launch(rng, modality, number, revisit))
    return found


def launch(rng: Random, modality: Modality, number: int, revisit: float) -> Satellite:
    """One satellite: cameras pass by day, radars mostly at dawn and dusk."""
    camera = modality is Modality.OPTICAL
    return Satellite(
        name=f"{'OPT' if camera else 'SAR'}-{number}",
        modality=modality,
        local_hour=float(rng.uniform(9.5, 13.75) if camera else 6.0 + rng.normal(0, 0.8)),
        revisit_days=revisit,
        first_day=float(rng.random()),
        swath_km=float(rng.uniform(*SWATH_KM[modality])),
        ascending=bool(rng.random() < 0.5),
    )


def plan_passes(satellites: list[Satellite], seed: int, days: float, cloud: float) -> list[Pass]:
    """All passes over the sea, in order of time. Each shows another strip of it."""
    rng = generator(seed, 5)
    found = [one for satellite in satellites for one in passes_of(rng, satellite, days, cloud)]
    found.sort(key=lambda one: one.hour)
    return [replace(one, number=number) for number, one in enumerate(found, 1)]


def passes_of(rng: Random, satellite: Satellite, days: float, cloud: float) -> list[Pass]:
    """Passes of one satellite, always near its local hour."""
    camera = satellite.modality is Modality.OPTICAL
    # Whole days from pass to pass keep the local time; half days turn dawn to dusk.
    least = 24.0 if camera else 12.0
    step = max(round(satellite.revisit_days * 24 / least), 1) * least
    hour = (satellite.local_hour - (WEST + EAST) / 2 / 15) % 24
    hour += int(satellite.first_day * step / 24) * 24.0
    ascending, found = satellite.ascending, []
    while hour < days * 24:
        lon = drawn_track(rng, satellite, ascending)
        hidden = camera and rng.random() < cloud
        found.append(Pass(0, satellite, hour + rng.normal(0, 0.1), lon, ascending, hidden))
        hour += step
        ascending = ascending != (step % 24 == 12)
    return found


def drawn_track(rng: Random, satellite: Satellite, ascending: bool) -> float:
    """Longitude of a ground track from which the middle of the swath lies in the sea."""
    middle = rng.uniform(WEST + 0.5, EAST - 0.5)
    one = Pass(0, satellite, 0.0, middle, ascending, False)
    across = sum(one.edges) / 2 / np.cos(one.course)
    return float(middle - across / KM_A_DEGREE / np.cos(np.radians((SOUTH + NORTH) / 2)))
