from dataclasses import replace

import numpy as np
import pytest

from crosswake.simulate.fleet import Vessel, draw_vessel
from crosswake.simulate.geometry import CELL, Scene, heading_vector, horizon, rasterise
from crosswake.simulate.parts import box
from crosswake.simulate.radar import (
    RadarView,
    draw_radar_view,
    image_radar,
    place,
    point_response,
    radar_crop,
    sea_clutter,
    splat,
    tops,
    weighted_sinc,
)
from crosswake.simulate.speckle import speckle, texture

SIZE = (400, 400)


def plain(height: float = 20.0) -> tuple[Vessel, Scene]:
    vessel = replace(draw_vessel(np.random.default_rng(1), "tanker"), length=200.0, beam=32.0)
    return vessel, rasterise(vessel, [box((95, 105), (-5, 5), height, (0.5, 0.5, 0.5))], 5.0, 20.0)


def view(look: float, incidence: float = 0.7) -> RadarView:
    return replace(
        draw_radar_view(np.random.default_rng(0), look, incidence), turn=0.0, roll=0.0, smear=0.0
    )


@pytest.mark.parametrize("looks", [1, 2, 4])
def test_speckle_varies_as_the_squared_mean_over_the_looks(looks: int) -> None:
    values = speckle(SIZE, looks, np.random.default_rng(looks))
    assert values.mean() == pytest.approx(1.0, abs=0.02)
    assert values.var() == pytest.approx(1 / looks, rel=0.06)


@pytest.mark.parametrize("order", [1.5, 4.0])
def test_clutter_has_the_moments_of_the_k_distribution(order: float) -> None:
    looks, rng = 2, np.random.default_rng(8)
    values = texture(SIZE, order, rng, scale=1.0) * speckle(SIZE, looks, rng)
    second = (1 + 1 / looks) * (1 + 1 / order)
    third = (1 + 1 / looks) * (1 + 2 / looks) * (1 + 1 / order) * (1 + 2 / order)
    assert values.mean() == pytest.approx(1.0, abs=0.03)
    assert (values**2).mean() == pytest.approx(second, rel=0.06)
    assert (values**3).mean() == pytest.approx(third, rel=0.2)


@pytest.mark.parametrize("look", np.linspace(0, 2 * np.pi, 7)[:-1].tolist())
def test_layover_goes_towards_the_radar_by_height_over_the_tangent(look: float) -> None:
    _, scene = plain()
    row, column, height = np.array([100]), np.array([40]), np.array([10.0])
    low = np.array(place(scene, view(look), row, column, np.array([0.0])))
    high = np.array(place(scene, view(look), row, column, height))
    toward = -np.array(heading_vector(look))
    assert ((high - low)[:, 0] @ toward) == pytest.approx(10.0 / np.tan(0.7))
    assert np.hypot(*(high - low)[:, 0]) == pytest.approx(10.0 / np.tan(0.7))


def test_radar_shadow_falls_away_from_the_radar() -> None:
    _, scene = plain(20.0)
    for look in (0.0, np.pi):
        seen = view(look, 0.8)
        away = heading_vector(look)
        hidden = horizon(scene.height, (-away[0], -away[1]), 1 / np.tan(seen.incidence))
        returns = tops(scene, seen, hidden)
        shadow = scene.afloat & (scene.height < hidden - 0.05) & (scene.height < 7)
        rows = (np.nonzero(shadow)[0] - scene.bow[0]) * CELL - 100
        beyond = rows * away[0]
        deep = beyond[np.abs(rows) < 40]
        assert len(deep) > 50
        assert deep.min() >= 4.0
        assert deep.max() == pytest.approx(5 + 20 * np.tan(seen.incidence), abs=2.0)
        assert (returns.power > 0).all()


def test_splat_preserves_the_power() -> None:
    _, scene = plain()
    seen = view(1.0)
    away = heading_vector(1.0)
    hidden = horizon(scene.height, (-away[0], -away[1]), 1 / np.tan(seen.incidence))
    returns = tops(scene, seen, hidden)
    crop = radar_crop(scene, seen, returns, np.random.default_rng(0))
    wide = replace(
        crop,
        top=crop.top - 60,
        left=crop.left - 60,
        rows=crop.rows + 120,
        columns=crop.columns + 120,
    )
    assert splat(returns, wide).sum() == pytest.approx(returns.power.sum(), rel=1e-6)


def test_side_lobes_are_twenty_decibels_down() -> None:
    x = np.linspace(1.4, 6, 2000)
    highest = 20 * np.log10(np.abs(weighted_sinc(x)).max() / weighted_sinc(np.zeros(1))[0])
    assert -32 < highest < -18
    assert point_response(view(0.3), 0.0).sum() == pytest.approx(1.0)


def test_the_sea_is_dark_behind_the_ship_and_as_bright_as_set_before_it() -> None:
    _, scene = plain()
    seen = replace(view(np.pi / 2), clutter=0.1, shape=50.0)
    away = heading_vector(seen.look)
    hidden = horizon(scene.height, (-away[0], -away[1]), 1 / np.tan(seen.incidence))
    crop = radar_crop(scene, seen, tops(scene, seen, hidden), np.random.default_rng(0))
    wide = replace(crop, left=-34.0, columns=68)
    sea = sea_clutter(scene, hidden, wide, seen, np.random.default_rng(4))
    middle = sea[60:-60]
    assert middle[:, :12].mean() == pytest.approx(0.1 * 2 * np.cos(seen.incidence) ** 2, rel=0.15)
    assert middle[:, 51:53].mean() < 0.2 * middle[:, :12].mean()


def test_the_side_facing_the_radar_is_the_bright_one() -> None:
    vessel, scene = plain()
    for look, near in ((np.pi / 2, slice(None, 0)), (-np.pi / 2, slice(0, None))):
        image = image_radar(scene, vessel, view(look), np.random.default_rng(2))
        middle = image.shape[1] // 2
        left, right = (image[:, :middle] ** 2).mean(), (image[:, middle:] ** 2).mean()
        assert (left > right) == (near.stop == 0)
