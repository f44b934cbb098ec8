"""Which ships of the simulated traffic each pass sees, and what a detector measures of them."""

from dataclasses import dataclass

import numpy as np

from crosswake.data.chips import Modality
from crosswake.simulate.claims import TRAFFIC_SHIP, Claim, TrafficShip
from crosswake.simulate.imaging import generator
from crosswake.simulate.parts import Random
from crosswake.simulate.passes import ALTITUDE_KM, ORBIT_KM_S, Pass, moment_of
from crosswake.simulate.sightings import Sighting
from crosswake.simulate.traffic_settings import TrafficConfig
from crosswake.simulate.traffic_voyages import Voyage
from crosswake.simulate.waters import EAST, NORTH, SOUTH, WEST, moved

POSITION_ERROR_M = {Modality.OPTICAL: 100.0, Modality.SAR: 1000.0}
"""No measured place is further off. A moving ship is shifted along the radar's track."""
SIZE_ERROR_M = {Modality.OPTICAL: 3.0, Modality.SAR: 8.0}
"""Standard deviation of measured lengths and widths."""
HEADING_ERROR = {Modality.OPTICAL: 2.0, Modality.SAR: 5.0}
RECEIVED = 0.75
"""Share of the sightings of a ship that broadcasts for which somebody received it."""


@dataclass(frozen=True)
class Detection:
    """One ship, or none, in one pass.

    Attributes:
        sighting: what is imaged, where it truly is.
        scene: the pass.
        sensor: the satellite.
        identity: of the ship; empty where there is none.
        lon: measured.
        lat: measured.
        length_m: measured; of the ship.
        width_m: measured.
        heading: measured, degrees; of a radar up to 180 only.
        claim: what was received from it.
    """

    sighting: Sighting
    scene: str
    sensor: str
    identity: str
    lon: float
    lat: float
    length_m: float
    width_m: float
    heading: float
    claim: Claim

    @property
    def file(self) -> str:
        """Of the chip, below the folder."""
        tag = "RGB" if self.sighting.modality is Modality.OPTICAL else "SAR"
        return f"chips/{self.scene}_{self.sighting.identity:05d}_{tag}.tif"


@dataclass(frozen=True)
class PassCount:
    """What one pass saw.

    Attributes:
        inside: ships within the swath, at sea or at anchor.
        seen: of them, detected.
        empty: detections that are none.
    """

    inside: int
    seen: int
    empty: int


def detect(
    ships: list[TrafficShip], voyages: list[Voyage], one: Pass, config: TrafficConfig, seed: int
) -> tuple[list[Detection], PassCount]:
    """What one pass sees; ships in port lie among quays, where the detector does not look."""
    rng = generator(seed, 8, one.number)
    found, inside = [], 0
    for ship, voyage in zip(ships, voyages, strict=True):
        # The satellite moves over the sea in a minute and a half; the ship hardly does.
        hour = one.hour_over(*voyage.place(one.hour))
        lon, lat = voyage.place(hour)
        if voyage.state(hour) not in ("sea", "anchor") or not one.sees(lon, lat):
            continue
        inside += 1
        if not one.cloudy and rng.random() >= config.missed:
            found.append(measured_ship(ship, place_sighting(ship, voyage, one, hour), one, rng))
    seen, share = len(found), config.empty
    ghosts = int(rng.poisson(seen * share / (1 - share)))
    for place in range(ghosts):
        number = len(ships) + one.number * 1000 + place
        found.append(imagine(number, found[int(rng.integers(seen))], one, rng))
    return found, PassCount(inside, seen, ghosts)


def place_sighting(ship: TrafficShip, voyage: Voyage, one: Pass, hour: float) -> Sighting:
    """A ship as it truly is when the satellite passes."""
    lon, lat = voyage.place(hour)
    course, speed = voyage.motion(hour)
    return Sighting(
        identity=ship.number,
        number=one.number,
        scene=1,
        modality=one.satellite.modality,
        vessel=(ship.number, TRAFFIC_SHIP),
        split=ship.split,
        time=moment_of(hour),
        lon=lon,
        lat=lat,
        heading=course,
        speed=speed,
        look=radar_look(one, lon, lat),
    )


def radar_look(one: Pass, lon: float, lat: float) -> tuple[float, float] | None:
    """Azimuth and incidence of the radar's wave: it looks to the right of its track."""
    if one.satellite.modality is Modality.OPTICAL:
        return None
    return float((one.course + np.pi / 2) % (2 * np.pi)), one.incidence(lon, lat)


def measured_ship(ship: TrafficShip, sighting: Sighting, one: Pass, rng: Random) -> Detection:
    """Place, size and heading with the errors of the sensor, and the claim if it was received."""
    lon, lat = measured_place(sighting, one, rng)
    length, width = measured_size(ship.vessel.length, ship.vessel.beam, sighting.modality, rng)
    heading = sighting.heading + rng.normal(0, HEADING_ERROR[sighting.modality])
    received = rng.random() < RECEIVED
    return Detection(
        sighting=sighting,
        scene=one.scene,
        sensor=one.satellite.name,
        identity=ship.identity,
        lon=lon,
        lat=lat,
        length_m=length,
        width_m=width,
        heading=float(heading % (180 if sighting.modality is Modality.SAR else 360)),
        claim=ship.broadcast if received else Claim(),
    )


def measured_place(sighting: Sighting, one: Pass, rng: Random) -> tuple[float, float]:
    """The true place, off by at most :data:`POSITION_ERROR_M`.

    A radar shows a ship that moves away from it shifted against its flight by range x radial
    speed / speed of the satellite (Raney, IEEE TAES 1971).
    """
    limit = POSITION_ERROR_M[sighting.modality]
    east, north = rng.uniform(-0.5, 0.5, 2) * 100.0
    if sighting.look is not None:
        azimuth, incidence = sighting.look
        away = sighting.speed * np.cos(np.radians(sighting.heading) - azimuth) * np.sin(incidence)
        shift = -away * ALTITUDE_KM / np.cos(incidence) / ORBIT_KM_S
        shift = float(np.clip(shift, 100 - limit, limit - 100))
        east, north = east + shift * np.sin(one.course), north + shift * np.cos(one.course)
    place = moved(np.array([[sighting.lon, sighting.lat]]), east=east / 1000, north=north / 1000)
    return float(place[0, 0]), float(place[0, 1])


def measured_size(
    length: float, width: float, modality: Modality, rng: Random
) -> tuple[float, float]:
    """Length and width with normal errors, never less than a quarter."""
    error = rng.normal(0, SIZE_ERROR_M[modality], 2)
    return max(length + error[0], length / 4), max(width + error[1], width / 4)


def imagine(number: int, like: Detection, one: Pass, rng: Random) -> Detection:
    """A detection that is none: water as large as the ship of another detection, elsewhere."""
    middle = (rng.uniform(WEST, EAST), rng.uniform(SOUTH, NORTH))
    while not one.sees(*middle):
        middle = (rng.uniform(WEST, EAST), rng.uniform(SOUTH, NORTH))
    sighting = Sighting(
        identity=number,
        number=one.number,
        scene=1,
        modality=one.satellite.modality,
        vessel=like.sighting.vessel,
        split="train" if rng.random() < 1 / 3 else "gallery",
        time=moment_of(one.hour_over(*middle)),
        lon=middle[0],
        lat=middle[1],
        heading=float(rng.uniform(0, 180)),
        speed=0.0,
        look=radar_look(one, *middle),
        empty=True,
    )
    length, width = measured_size(like.length_m, like.width_m, sighting.modality, rng)
    return Detection(sighting, one.scene, one.satellite.name, "", *middle, length, width,
                     sighting.heading, Claim())  # fmt: skip
