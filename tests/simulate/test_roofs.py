"""Promise: each roof type has the geometry that its name stands for."""

from dataclasses import replace

import numpy as np
import pytest

from crosswake.data.tiles import ROOF_TYPES
from crosswake.simulate.roofs import ROOFS, House, roof_of

EAVE, RISE, LENGTH, WIDTH = 5.0, 4.0, 24.0, 12.0
P, Q = np.meshgrid(np.arange(-15, 15.01, 0.25), np.arange(-10, 10.01, 0.25), indexing="ij")


def house(roof: str, variant: float = 0.5) -> House:
    side = WIDTH if roof in ("pyramid_roof", "revolved") else LENGTH
    return House(
        roof=roof, place=(0.0, 0.0), angle=0.0, length=side, width=WIDTH, eave=EAVE, rise=RISE,
        colour=(0.3, 0.3, 0.3), facade=(0.4, 0.4, 0.4), variant=variant,
    )  # fmt: skip


def height_at(roof: str, p: float, q: float, variant: float = 0.5) -> float:
    _, height = roof_of(house(roof, variant), np.array([p]), np.array([q]))
    return float(height[0])


def test_every_type_of_the_contest_has_a_roof() -> None:
    assert tuple(ROOFS) == ROOF_TYPES


@pytest.mark.parametrize("roof", ROOF_TYPES)
@pytest.mark.parametrize("variant", [0.1, 0.5, 0.75, 0.95])
def test_a_roof_stands_on_its_walls_and_nothing_beside_it(roof: str, variant: float) -> None:
    covered, height = roof_of(house(roof, variant), P, Q)
    assert (height[~covered] == 0).all()
    assert height[covered].min() >= EAVE - 1e-5
    assert height[covered].max() <= EAVE + max(RISE, 3.5) + 1e-5
    area = np.pi * WIDTH**2 / 4 if roof == "revolved" else house(roof).length * WIDTH
    assert covered.sum() * 0.25**2 == pytest.approx(area, rel=0.08)


@pytest.mark.parametrize(
    "roof",
    [name for name in ROOF_TYPES if name not in ("flat_roof", "other", "row_roof")],
)
def test_most_roofs_are_alike_on_both_sides_of_both_axes(roof: str) -> None:
    _, height = roof_of(house(roof), P, Q)
    np.testing.assert_allclose(height, height[::-1], atol=1e-4)
    np.testing.assert_allclose(height, height[:, ::-1], atol=1e-4)


def test_the_ridge_of_a_gable_runs_from_end_to_end_and_its_slopes_are_even() -> None:
    for p in (-11.9, 0.0, 11.9):
        assert height_at("gable_roof", p, 0.0) == pytest.approx(EAVE + RISE)
    assert height_at("gable_roof", 3.0, 3.0) == pytest.approx(EAVE + RISE / 2)


def test_a_hip_falls_to_all_four_eaves_and_a_half_hip_only_from_half_the_gable() -> None:
    for p, q in ((0, 6), (12, 0), (12, 6)):
        assert height_at("hipped_roof_v1", p, q) == pytest.approx(EAVE, abs=0.01)
    assert height_at("hipped_roof_v1", 6.0, 0.0) == pytest.approx(EAVE + RISE)
    assert height_at("hipped_roof_v2", 12.0, 0.0) == pytest.approx(EAVE + RISE / 2)
    assert height_at("hipped_roof_v2", 12.0, 6.0) == pytest.approx(EAVE)


@pytest.mark.parametrize("roof", ["gambrel_roof", "mansard_roof"])
def test_lower_slopes_are_steeper_than_upper_ones(roof: str) -> None:
    low = height_at(roof, 0.0, 5.5) - height_at(roof, 0.0, 6.0)
    high = height_at(roof, 0.0, 0.5) - height_at(roof, 0.0, 1.0)
    assert low > 2 * high > 0


def test_a_mansard_slopes_at_its_ends_too_and_a_gambrel_does_not() -> None:
    assert height_at("mansard_roof", 12.0, 0.0) == pytest.approx(EAVE)
    assert height_at("gambrel_roof", 12.0, 0.0) == pytest.approx(EAVE + RISE)


def test_a_row_has_several_ridges_across() -> None:
    along = [height_at("row_roof", p, 1.0) for p in np.arange(-11.95, 12, 0.1)]
    tops = np.sum((np.diff(along)[:-1] > 0) & (np.diff(along)[1:] <= 0))
    assert tops >= 3
    assert height_at("row_roof", 4.0, -5.0) == pytest.approx(height_at("row_roof", 4.0, 5.0))


def test_two_eaves_have_a_wall_between_them() -> None:
    across = np.array([height_at("multiple_eave_roof", 0.0, q) for q in np.arange(0, 6, 0.05)])
    assert -np.diff(across).min() > 0.15 * RISE


def test_a_pyramid_has_one_point_and_a_vault_is_round() -> None:
    assert height_at("pyramid_roof", 0.0, 0.0) == pytest.approx(EAVE + RISE)
    assert height_at("pyramid_roof", 3.0, 0.0) == pytest.approx(EAVE + RISE / 2)
    assert height_at("arched_roof", 7.0, 3.0) == pytest.approx(EAVE + RISE * np.sqrt(0.75))


@pytest.mark.parametrize("variant", [0.2, 0.7])
def test_a_body_of_revolution_has_one_height_at_one_distance(variant: float) -> None:
    turns = np.linspace(0, 2 * np.pi, 9)
    found = [height_at("revolved", 4 * np.cos(a), 4 * np.sin(a), variant) for a in turns]
    np.testing.assert_allclose(found, found[0], rtol=1e-5)


def test_a_wing_adds_to_the_plan_and_a_court_takes_away() -> None:
    plain, _ = roof_of(house("gable_roof"), P, Q)
    winged, height = roof_of(replace(house("gable_roof"), wing=3.5), P, Q)
    yard, _ = roof_of(replace(house("flat_roof"), court=0.5), P, Q)
    assert (plain & ~winged).sum() == 0
    assert winged.sum() > plain.sum()
    assert height[winged].min() >= EAVE - 1e-5
    assert yard.sum() / plain.sum() == pytest.approx(0.75, abs=0.03)


def test_a_turned_building_lies_where_its_corners_are() -> None:
    turned = replace(house("gable_roof"), angle=0.6, place=(20.0, 30.0))
    for s, t in turned.corners():
        p, q = turned.plan(np.array([s]), np.array([t]))
        assert abs(p[0]) == pytest.approx(LENGTH / 2)
        assert abs(q[0]) == pytest.approx(WIDTH / 2)
