"""Camera and radar over a tile of a town, and what is written about how they looked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from crosswake.simulate.cities import CITIES
from crosswake.simulate.crop import Crop
from crosswake.simulate.geometry import CELL
from crosswake.simulate.imaging import LOWEST_SUN
from crosswake.simulate.optical import OpticalView, image_optical_land
from crosswake.simulate.parts import Array, Random
from crosswake.simulate.radar import RadarView, image_radar_land
from crosswake.simulate.sightings import sun_position
from crosswake.simulate.town import Town

STEEPEST_TILT = np.radians(15.0)
"""No image is taken further off nadir, so that outlines on the plan fit the roofs."""


@dataclass(frozen=True)
class SeenTile:
    """What is written of a tile: both images, and how they were taken."""

    rgb: Array
    sar: Array
    camera: OpticalView
    radar: RadarView


def image_tile(town: Town, city: str, rng: Random) -> SeenTile:
    """Image one tile from its city's place, under a sun of its own."""
    style = CITIES[city]
    size = town.ids.shape[0] - 2 * town.margin
    corner = town.margin * CELL
    crop = Crop(corner, corner, size, size, CELL, turn=0.0, centre=0.0)
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=float(rng.integers(365)))
    moment = day + timedelta(hours=float(rng.uniform(9.5, 12.0)) - style.lon / 15)
    azimuth, elevation = sun_position(moment, style.lon, style.lat)
    camera = OpticalView(
        sun=azimuth,
        elevation=max(elevation, float(LOWEST_SUN) * 1.15),
        tilt=float(STEEPEST_TILT * rng.uniform(0, 1) ** 0.7),
        camera=float(rng.uniform(0, 2 * np.pi)),
        speed=0.0,
        haze=float(np.clip(rng.normal(style.haze, 0.12), 0, 0.8)),
        cloud=float(rng.uniform(0.2, 0.6)) if rng.random() < 0.12 else 0.0,
        turn=0.0,
    )
    radar = RadarView(
        incidence=float(np.radians(style.incidence + rng.normal(0, 0.6))),
        look=float(np.radians(style.look + rng.normal(0, 0.3))),
        looks=2,
        clutter=0.0,
        shape=6.0,
        smear=0.0,
        roll=0.0,
        turn=0.0,
    )
    rgb = image_optical_land(town.scene, crop, camera, rng)
    return SeenTile(rgb, image_radar_land(town.scene, crop, radar, rng), camera, radar)
