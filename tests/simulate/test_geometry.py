from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.simulate.fleet import SHIP_TYPES, draw_vessel
from crosswake.simulate.geometry import CELL, arrange, heading_vector, horizon, rasterise, shifted
from crosswake.simulate.parts import box


@pytest.mark.parametrize("ship_type", list(SHIP_TYPES))
def test_every_type_floats_within_its_size(ship_type: str) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        vessel = draw_vessel(rng, ship_type)
        scene = rasterise(vessel, arrange(vessel, rng, 0.5), vessel.freeboard, 10.0)
        rows, columns = np.nonzero(scene.afloat)
        assert np.ptp(rows) * CELL == pytest.approx(vessel.length, abs=3)
        assert np.ptp(columns) * CELL <= vessel.beam + CELL
        assert (scene.height[~scene.afloat] == 0).all()
        assert (scene.height[scene.afloat] > 0).all()
        assert scene.height.max() < 90
        assert 0 <= scene.colour.min() <= scene.colour.max() < 1.5


def test_the_same_seed_draws_the_same_ship_and_another_seed_another() -> None:
    first, again, other = (draw_vessel(np.random.default_rng(seed), "tanker") for seed in (5, 5, 6))
    assert first.parts == again.parts
    assert np.array_equal(first.scatterers, again.scatterers)
    assert first.parts != other.parts


def test_a_part_stands_where_it_was_put() -> None:
    vessel = replace(draw_vessel(np.random.default_rng(1), "tanker"), length=200.0, beam=32.0)
    scene = rasterise(vessel, [box((100, 110), (2, 8), 5.0, (1.0, 0.0, 0.0))], 10.0, 10.0)
    row, column = round(scene.bow[0] + 105 / CELL), round(scene.bow[1] + 5 / CELL)
    assert scene.height[row, column] == pytest.approx(15.0, abs=0.01)
    assert scene.height[row, column - round(10 / CELL)] == pytest.approx(10.0, abs=0.01)
    assert scene.colour[row, column, 1] == 0


@given(st.integers(-9, 9), st.integers(-9, 9))
def test_shifted_looks_from_the_offset(dr: int, dc: int) -> None:
    values = np.arange(42.0).reshape(6, 7)
    result = shifted(values, (dr, dc), -1.0)
    for r in range(6):
        for c in range(7):
            inside = 0 <= r + dr < 6 and 0 <= c + dc < 7
            assert result[r, c] == (values[r + dr, c + dc] if inside else -1.0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.5, 1.0, 1.5]), st.floats(0.3, 2.0))
def test_horizon_by_doubling_is_the_horizon_step_by_step(
    seed: int, quarter: float, slope: float
) -> None:
    rng = np.random.default_rng(seed)
    height = (rng.random((24, 20)) * (rng.random((24, 20)) < 0.1) * 8).astype(np.float32)
    toward = heading_vector(quarter * np.pi)
    step = (round(toward[0]), round(toward[1]))
    naive = np.full_like(height, -1e9)
    for d in range(1, 40):
        offset = (d * step[0], d * step[1])
        naive = np.maximum(naive, shifted(height, offset, -1e3) - np.float32(d * slope * CELL))
    lit = height >= horizon(height, toward, slope)
    assert np.array_equal(lit, height >= naive)
