"""Promise: what the images of a town show agrees with its heights, in metres."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crosswake.simulate.annotations import annotations_of, whole_counts
from crosswake.simulate.cities import CITIES, cities_of
from crosswake.simulate.crop import Crop
from crosswake.simulate.geometry import CELL, MATERIALS, Scene, heading_vector
from crosswake.simulate.imaging import generator
from crosswake.simulate.optical import OpticalView, image_optical_land, sunlight
from crosswake.simulate.radar import RadarView, image_radar_land
from crosswake.simulate.town import Town, build_town

SIDE, HEIGHT = 160, 12.0
FRAME = Crop(0.0, 0.0, SIDE, SIDE, CELL, turn=0.0, centre=0.0)
MIDDLE = slice(70, 90)


def lone_house() -> Scene:
    """A flat house of 10 x 10 m on paving."""
    height = np.zeros((SIDE, SIDE), np.float32)
    height[MIDDLE, MIDDLE] = HEIGHT
    colour = np.full((SIDE, SIDE, 3), 0.2, np.float32)
    colour[MIDDLE, MIDDLE] = (0.8, 0.1, 0.1)
    material = np.full((SIDE, SIDE), MATERIALS.index("paving"), np.uint8)
    material[MIDDLE, MIDDLE] = MATERIALS.index("roof")
    return Scene(height, colour, material, facade=colour * 0.3)


def camera(**changes: float) -> OpticalView:
    plain = OpticalView(
        sun=np.pi, elevation=0.8, tilt=0.0, camera=0.0, speed=0.0, haze=0.0, cloud=0.0, turn=0.0
    )
    return replace(plain, **changes)


def radar(look: float, incidence: float) -> RadarView:
    return RadarView(incidence, look, 50, 0.0, 500.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town("Kestona", 128, ("pyramid_roof", "gable_roof"), generator(1, 3, 0))


@pytest.mark.parametrize("elevation", [0.6, 0.9])
def test_a_shadow_is_as_long_as_height_over_the_tangent_of_the_sun(elevation: float) -> None:
    light = sunlight(lone_house(), camera(sun=np.pi, elevation=elevation))
    beyond = light[: MIDDLE.start, 80][::-1]  # the sun is in the south, so north of the house
    dark = int(np.argmax(beyond > 0.5)) * CELL
    assert dark == pytest.approx(HEIGHT / np.tan(elevation), abs=1.5)


def test_roofs_lean_away_from_the_camera_by_height_times_the_tangent_of_the_tilt() -> None:
    tilt = 0.25
    seen = []
    for angle in (0.0, tilt):
        view = camera(tilt=angle, camera=np.pi / 2)  # the camera stands in the east
        picture = image_optical_land(lone_house(), FRAME, view, np.random.default_rng(0))
        red = np.clip(picture[..., 0].astype(float) - 1.7 * picture[..., 1], 0, None)
        seen.append((red.sum(axis=0) * np.arange(SIDE)).sum() / red.sum() * CELL)
    assert seen[0] - seen[1] == pytest.approx(HEIGHT * np.tan(tilt), abs=0.8)


@pytest.mark.parametrize("incidence", [0.6, 0.8])
def test_layover_is_as_long_as_height_over_the_tangent_of_incidence(incidence: float) -> None:
    # The radar looks east, so the roof is moved to the west of its wall.
    amplitude = image_radar_land(
        lone_house(), FRAME, radar(np.pi / 2, incidence), np.random.default_rng(0)
    )
    line = (amplitude[74:86] ** 2).mean(axis=0)
    ground = np.median(line[5:30])
    bright = np.flatnonzero(line > 2.5 * ground)
    length = (MIDDLE.start - bright.min()) * CELL
    assert length == pytest.approx(HEIGHT / np.tan(incidence), abs=1.5)
    assert MIDDLE.start - 3 <= int(line.argmax()) <= MIDDLE.start + 1  # the double bounce
    shadow = line[MIDDLE.stop + 2 : MIDDLE.stop + int(0.7 * HEIGHT * np.tan(incidence) / CELL)]
    assert shadow.max() < 0.5 * ground


def test_ground_is_exactly_zero_and_every_building_has_height(town: Town) -> None:
    ids, height = town.ids[town.inner], town.building_height
    assert height.dtype == np.float32
    assert height.shape == (128, 128)
    assert (height[ids == 0] == 0).all()
    assert (height[ids > 0] > 2).all()
    trees = town.scene.material[town.inner] == MATERIALS.index("tree")
    assert (height[trees] == 0).all()
    assert not (town.scene.material == MATERIALS.index("sea")).any()


def test_heights_are_those_of_the_houses(town: Town) -> None:
    for number in np.unique(town.ids[town.ids > 0]):
        house, heights = town.houses[number - 1], town.scene.height[town.ids == number]
        assert heights.min() >= house.eave - 0.01
        assert heights.max() <= house.eave + max(house.rise, 4.0)


def test_run_lengths_give_the_mask_back() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mask = rng.random((7, 5)) < rng.random()
        counts = whole_counts(mask)["counts"]
        values = np.concatenate([np.full(n, k % 2) for k, n in enumerate(counts)])
        np.testing.assert_array_equal(values.reshape(7, 5, order="F"), mask)


def test_outlines_are_where_the_buildings_are(town: Town) -> None:
    ids = town.ids[town.inner]
    found = annotations_of(town)
    assert found
    assert sum(item["area"] for item in found) <= (ids > 0).sum()
    for item in found:
        x, y, width, height = item["bbox"]
        assert 0 <= x < x + width <= 128
        assert 0 <= y < y + height <= 128
        assert item["area"] == (ids == ids_at(item, ids)).sum()
        if isinstance(item["segmentation"], list):
            ring = np.array(item["segmentation"][0]).reshape(-1, 2)
            assert shoelace(ring) == pytest.approx(item["area"], rel=0.06)
            np.testing.assert_allclose(ring.min(axis=0), (x, y), atol=2.0)
            np.testing.assert_allclose(ring.max(axis=0), (x + width, y + height), atol=2.0)


def ids_at(item: dict[str, Any], ids: np.ndarray) -> int:
    x, y, width, height = item["bbox"]
    inside = ids[y : y + height, x : x + width]
    counts = np.bincount(inside[inside > 0])
    return int(np.argmin(np.abs(counts - item["area"]) + 1e9 * (counts == 0)))


def shoelace(ring: np.ndarray) -> float:
    x, y = ring.T
    return float(abs((x * np.roll(y, 1) - y * np.roll(x, 1)).sum()) / 2)


def test_what_is_due_is_built(town: Town) -> None:
    inner = np.unique(town.ids[town.inner])
    roofs = {town.houses[number - 1].roof for number in inner if number}
    assert {"pyramid_roof", "gable_roof"} <= roofs
    assert town.margin == 64


def test_the_radar_looks_from_one_side_of_a_city_and_cities_have_one_split() -> None:
    assert len(CITIES) >= 10
    assert len({style.look for style in CITIES.values()}) > 6
    assert {split: len(cities_of(split)) for split in ("train", "val", "test")} == {
        "train": 8, "val": 2, "test": 2,
    }  # fmt: skip
    assert heading_vector(np.pi / 2)[1] == pytest.approx(1.0)
