"""Who is seen when, where, by what, and on which side of the split."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.simulate.parts import Random

START = datetime(2026, 1, 5, tzinfo=UTC)
REGIONS = (
    ("East China Sea", 123.0, 127.0, 26.5, 32.0),
    ("Arabian Sea", 60.0, 68.0, 11.0, 21.0),
    ("Bay of Bengal", 84.0, 91.0, 9.0, 18.0),
    ("Philippine Sea", 128.0, 138.0, 16.0, 26.0),
    ("off Iberia", -16.0, -10.5, 35.5, 43.0),
    ("Gulf of Guinea", -4.0, 5.0, -3.0, 3.5),
    ("Gulf of Mexico", -94.0, -86.0, 23.5, 27.5),
    ("eastern Mediterranean", 26.0, 33.0, 32.3, 34.5),
)
"""Stretches of open sea: name, west, east, south, north. The scene number counts them from 1."""
METRES_A_DEGREE = 111_195.0
MIN_IDENTITIES, MIN_SIGHTINGS = 6, 2


@dataclass(frozen=True)
class Sighting:
    """One chip to be made.

    Attributes:
        identity: number of the ship.
        number: of the sighting, from 1.
        scene: number of the region, from 1.
        modality: optical or SAR.
        vessel: (identity, variant) seeds of the ship; each sighting of the distractors is of
            another ship.
        split: train, query or gallery.
        time: in UTC.
        lon: in degrees.
        lat: in degrees.
        heading: of the ship, degrees clockwise from north.
        speed: in m/s.
        look: azimuth and incidence of the radar in radians, where a pass gives them.
        empty: whether a detector saw a ship where there was none.
    """

    identity: int
    number: int
    scene: int
    modality: Modality
    vessel: tuple[int, int]
    split: str
    time: datetime
    lon: float
    lat: float
    heading: float
    speed: float
    look: tuple[float, float] | None = None
    empty: bool = False

    @property
    def name(self) -> str:
        """File name in the HOSS ReID layout."""
        tag = "RGB" if self.modality is Modality.OPTICAL else "SAR"
        return f"{self.identity:04d}_s{self.scene:02d}c{self.number}_{tag}.tif"


def plan_voyages(identities: int, sightings: int, seed: int) -> list[list[Sighting]]:
    """Every sighting of every identity; last the distractors, one sighting of each of several ships
    under one identity that no query has.

    Raises:
        CrosswakeError: too few identities or sightings, or a negative seed.
    """
    if identities < MIN_IDENTITIES:
        raise CrosswakeError(
            f"--identities is {identities}; at least {MIN_IDENTITIES} make a train and a test part"
        )
    if sightings < MIN_SIGHTINGS:
        raise CrosswakeError(
            f"--sightings is {sightings}; at least {MIN_SIGHTINGS} show a ship in both modalities"
        )
    if seed < 0:
        raise CrosswakeError(f"--seed is {seed}; it must not be negative")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    train = round(identities * 2 / 3)
    ships = [voyage(rng, number, sightings, number < train, False) for number in range(identities)]
    # Galleries of real harbours hold mostly ships that nobody looks for.
    distractors = max(2, (identities - train) // 2)
    return [*ships, voyage(rng, identities, distractors, False, True)]


def voyage(rng: Random, identity: int, sightings: int, training: bool, bag: bool) -> list[Sighting]:
    """Sightings of one ship, in time order, no two further apart than it can sail between them.

    Args:
        rng: random numbers.
        identity: number of the ship.
        sightings: how many.
        training: whether they are for training.
        bag: whether each sighting is of another ship, as with the distractors.
    """
    scene = int(rng.integers(len(REGIONS)))
    _, west, east, south, north = REGIONS[scene]
    lon, lat = rng.uniform(west, east), rng.uniform(south, north)
    moment = START + timedelta(days=float(rng.uniform(0, 60)))
    # The sightings alternate between the sensors, so an even place is of the first one's. Queries
    # are spread over the places, and over both sensors, from ship to ship.
    query = 2 * ((identity // 2) % ((sightings + 1) // 2))
    found = []
    for index in range(sightings):
        modality = Modality((identity + index) % 2)
        moment = overpass(rng, moment, lon, modality)
        moored = rng.random() < 0.25
        speed = 0.0 if moored else float(rng.uniform(3, 10))
        split = "train" if training else "query" if index == query and not bag else "gallery"
        found.append(
            Sighting(
                identity=identity,
                number=index + 1,
                scene=scene + 1,
                modality=modality,
                vessel=(identity, index if bag else 0),
                split=split,
                time=moment,
                lon=lon,
                lat=lat,
                heading=float(rng.uniform(0, 360)),
                speed=speed,
            )
        )
        hours = float(rng.uniform(6, 120))
        moment += timedelta(hours=hours)
        lon, lat = sail(rng, lon, lat, hours * 3600 * 5.0, (west, east, south, north))
    return found


def overpass(rng: Random, moment: datetime, lon: float, modality: Modality) -> datetime:
    """The first pass after ``moment``: by day for a camera, at dawn or dusk for a radar."""
    local = (
        rng.uniform(9.5, 14.0)
        if modality is Modality.OPTICAL
        else rng.choice([6.0, 18.0]) + rng.uniform(-1, 1)
    )
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    passing = midnight + timedelta(hours=float(local) - lon / 15)
    while passing < moment:
        passing += timedelta(days=1)
    return passing.replace(microsecond=0)


def sail(
    rng: Random, lon: float, lat: float, reach: float, bounds: tuple[float, float, float, float]
) -> tuple[float, float]:
    """A place within ``reach`` metres and within the region."""
    west, east, south, north = bounds
    course, distance = rng.uniform(0, 2 * np.pi), reach * rng.uniform(0.05, 1)
    lat_step = distance * np.cos(course) / METRES_A_DEGREE
    lon_step = distance * np.sin(course) / METRES_A_DEGREE / np.cos(np.radians(lat))
    return float(np.clip(lon + lon_step, west, east)), float(np.clip(lat + lat_step, south, north))


def sun_position(moment: datetime, lon: float, lat: float) -> tuple[float, float]:
    """Azimuth (clockwise from north) and elevation of the sun in radians, to about a degree.

    Declination after Cooper (1969); the equation of time is left out.
    """
    day = moment.timetuple().tm_yday
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day) / 365)
    hours = moment.hour + moment.minute / 60 + moment.second / 3600 + lon / 15
    angle, phi = np.radians(15 * (hours - 12)), np.radians(lat)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(angle)
    elevation = np.arcsin(np.clip(sine, -1, 1))
    east = -np.cos(declination) * np.sin(angle)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(angle)
    return float(np.arctan2(east, north) % (2 * np.pi)), float(elevation)
