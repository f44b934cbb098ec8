"""From a planned sighting to a chip and its row in the table."""

from dataclasses import dataclass, replace

import numpy as np

from crosswake.data.chips import Modality
from crosswake.simulate.fleet import Vessel, draw_vessel
from crosswake.simulate.geometry import MATERIALS, Scene, arrange, rasterise
from crosswake.simulate.optical import OPTICAL_PIXEL, draw_optical_view, image_optical
from crosswake.simulate.parts import Array, Random
from crosswake.simulate.radar import RADAR_PIXEL, draw_radar_view, image_radar
from crosswake.simulate.sightings import Sighting, sun_position

LOWEST_SUN = np.radians(22.0)
"""No image is taken with a lower sun; it counts as this high."""


@dataclass(frozen=True)
class Image:
    """One chip.

    Attributes:
        pixels: (height, width, 3) uint8, or (height, width) float32.
        pixel: metres per pixel.
        sensor: name of the simulated satellite.
        incidence: between the line of sight and the vertical, degrees.
        azimuth: of the sun (optical) or of the radar's look, degrees clockwise from north.
    """

    pixels: Array
    pixel: float
    sensor: str
    incidence: float
    azimuth: float


def vessel_of(sighting: Sighting, seed: int, ship_type: str | None = None) -> Vessel:
    """The ship of a sighting; always the same one for the same seed."""
    return draw_vessel(generator(seed, 1, *sighting.vessel), ship_type)


def generator(seed: int, *key: int) -> Random:
    """Random numbers that depend on the seed and the key alone, not on which process draws them."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def image_of(sighting: Sighting, vessel: Vessel, seed: int) -> Image:
    """Image one sighting."""
    rng = generator(seed, 2, sighting.identity, sighting.number)
    scene = scene_of(vessel, rng)
    if sighting.empty:
        scene, vessel = without_ship(scene), replace(vessel, scatterers=vessel.scatterers[:1])
    heading = np.radians(sighting.heading)
    if sighting.modality is Modality.OPTICAL:
        azimuth, elevation = sun_position(sighting.time, sighting.lon, sighting.lat)
        view = draw_optical_view(rng, azimuth - heading, max(elevation, LOWEST_SUN), sighting.speed)
        pixels = image_optical(scene, view, rng)
        return Image(
            pixels,
            OPTICAL_PIXEL,
            "OPT-0.75",
            float(np.degrees(view.tilt)),
            float(np.degrees(azimuth)),
        )
    azimuth, incidence = sighting.look or draw_look(rng)
    pixels = image_radar(scene, vessel, draw_radar_view(rng, azimuth - heading, incidence), rng)
    return Image(
        pixels, RADAR_PIXEL, "SAR-X-1.0", float(np.degrees(incidence)), float(np.degrees(azimuth))
    )


def without_ship(scene: Scene) -> Scene:
    """The same stretch of water, with nothing in it but two specks where the ship began and
    ended, by which the chip is framed."""
    rows, columns = np.nonzero(scene.material == MATERIALS.index("deck"))
    ends = [int(rows.argmin()), int(rows.argmax()), int(columns.argmin()), int(columns.argmax())]
    material = np.zeros_like(scene.material)
    material[rows[ends], columns[ends]] = MATERIALS.index("deck")
    return replace(scene, height=np.zeros_like(scene.height), material=material)


def draw_look(rng: Random) -> tuple[float, float]:
    """A radar's azimuth and incidence, of a satellite that nobody planned."""
    ascending, right = rng.random() < 0.5, rng.random() < 0.7
    track = np.radians(-10.0 if ascending else 190.0) + rng.normal(0, 0.08)
    azimuth = float((track + np.radians(90 if right else -90)) % (2 * np.pi))
    return azimuth, float(np.radians(rng.uniform(35, 58)))


def scene_of(vessel: Vessel, rng: Random) -> Scene:
    """The ship in the water, deeper the more it carries."""
    load = float(rng.beta(1.6, 1.6))
    parts = arrange(vessel, rng, load)
    pad = 0.3 * vessel.beam + 0.035 * vessel.length + 8
    return rasterise(vessel, parts, vessel.freeboard * (1 - 0.5 * load), pad)
