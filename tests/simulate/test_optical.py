from dataclasses import replace

import numpy as np
import pytest

from crosswake.simulate.fleet import draw_vessel
from crosswake.simulate.geometry import CELL, Scene, heading_vector, rasterise
from crosswake.simulate.optical import OpticalView, draw_optical_view, image_optical, sunlight
from crosswake.simulate.parts import box


def tower(height: float) -> Scene:
    vessel = replace(draw_vessel(np.random.default_rng(1), "tanker"), length=200.0, beam=60.0)
    return rasterise(vessel, [box((98, 102), (-2, 2), height, (0.5, 0.5, 0.5))], 1.5, 20.0)


def view(sun: float, elevation: float = 0.6) -> OpticalView:
    drawn = draw_optical_view(np.random.default_rng(0), sun, elevation, 0.0)
    return replace(drawn, tilt=0.0, turn=0.0, cloud=0.0)


@pytest.mark.parametrize("sun", np.linspace(0, 2 * np.pi, 9)[:-1].tolist())
def test_shadow_falls_away_from_the_sun_and_is_as_long_as_it_should_be(sun: float) -> None:
    scene, elevation = tower(12.0), 0.7
    light = sunlight(scene, view(sun, elevation))
    centre = np.array([scene.bow[0] + 100 / CELL, scene.bow[1]])
    away = -np.array(heading_vector(sun))
    for metres, dark in ((6.0, True), (10.0, True), (22.0, False)):
        assert (at(light, centre + away * metres / CELL) < 0.3) == dark
        assert at(light, centre - away * metres / CELL) > 0.6


def at(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[round(where[0]), round(where[1])])


def test_tall_things_lean_away_from_the_camera() -> None:
    scene = tower(30.0)
    scene.colour[scene.height > 20] = (0.9, 0.0, 0.0)
    pictures = []
    for camera in (np.pi / 2, -np.pi / 2):
        seen = replace(view(0.0, 1.2), tilt=0.35, camera=camera, haze=0.0)
        pictures.append(image_optical(scene, seen, np.random.default_rng(3)).astype(float))
    columns = []
    for picture in pictures:
        red = np.clip(picture[..., 0] - picture[..., 1:].max(axis=-1) - 60, 0, None)
        columns.append(
            float((red.sum(axis=0) * np.arange(red.shape[1])).sum() / red.sum()) / red.shape[1]
        )
    assert columns[0] < 0.48
    assert columns[1] > 0.52


def test_haze_takes_contrast_away() -> None:
    scene = tower(10.0)
    clear, hazy = (
        image_optical(scene, replace(view(1.0), haze=haze), np.random.default_rng(2))
        for haze in (0.0, 0.9)
    )
    assert hazy.std() < 0.8 * clear.std()
