"""Promise: from perfect maps the buildings come back as they were, and ground is exactly 0."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosswake.buildings.instances import (
    DISTANCE_REACH,
    InstanceSettings,
    Labels,
    Map,
    edge_distance,
    found_of_maps,
    renumbered,
)

SIDE = 64


def rectangles(*places: tuple[int, int, int, int]) -> Labels:
    """Numbers of buildings from 1; later ones lie on top."""
    parts = np.zeros((SIDE, SIDE), np.int32)
    for number, (top, left, bottom, right) in enumerate(places, 1):
        parts[top:bottom, left:right] = number
    return parts


def perfect_maps(parts: Labels, heights: Map | None = None) -> dict[str, Map]:
    building = (parts > 0).astype(np.float32)
    metres = np.full(parts.shape, 10, np.float32) if heights is None else heights
    return {
        "building": building[None],
        "distance": edge_distance(parts)[None],
        "classes": np.stack([building * 0.25, building * 0.75]),
        "elevated": building[None],
        "log_height": np.log(metres)[None],
    }


def same_masks(found: NDArray[np.bool_], parts: Labels) -> bool:
    wanted = {(parts == number).tobytes() for number in np.unique(parts[parts > 0])}
    return wanted == {mask.tobytes() for mask in found}


def naive_distance(parts: Labels) -> NDArray[np.float32]:
    """King's moves to the nearest pixel of another number, one by one."""
    rows, columns = np.indices(parts.shape)
    far = np.zeros(parts.shape, np.float32)
    for row, column in np.argwhere(parts > 0):
        steps = np.maximum(abs(rows - row), abs(columns - column))
        away = steps[parts != parts[row, column]].min(initial=DISTANCE_REACH)
        far[row, column] = min(away, DISTANCE_REACH) / DISTANCE_REACH
    return far


def test_distances_are_those_counted_one_by_one() -> None:
    parts = rectangles((2, 2, 12, 30), (12, 2, 20, 9), (30, 30, 64, 64))
    np.testing.assert_array_equal(edge_distance(parts), naive_distance(parts))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_touching_buildings_come_back(data: st.DataObject) -> None:
    """A street of buildings that share walls: every one is found with exactly its pixels."""
    widths = data.draw(st.lists(st.integers(11, 20), min_size=1, max_size=4))
    edges = np.cumsum([1, *widths])
    edges = edges[edges < SIDE]
    places = [(5, int(a), 25, int(b)) for a, b in pairwise(edges)]
    parts = rectangles(*places)
    found = found_of_maps(perfect_maps(parts))
    assert same_masks(found.masks, parts)
    assert (found.labels == 2).all()
    assert found.scores == pytest.approx(0.75 * np.ones(len(found.scores)))


def test_thin_buildings_have_no_seed_and_come_back_all_the_same() -> None:
    parts = rectangles((2, 2, 5, 40), (30, 30, 34, 34))
    assert edge_distance(parts).max() < InstanceSettings().seed
    assert same_masks(found_of_maps(perfect_maps(parts)).masks, parts)


def test_ground_is_exactly_0_and_level_roofs_are_level() -> None:
    parts = rectangles((4, 4, 24, 24), (24, 4, 44, 24))
    heights = np.full((SIDE, SIDE), 5, np.float32)
    heights[4:24] += np.linspace(0, 0.5, 20, dtype=np.float32)[:, None]  # nearly level
    heights[24:44] += np.linspace(0, 5, 20, dtype=np.float32)[:, None]  # a gable
    found = found_of_maps(perfect_maps(parts, heights))
    assert found.height is not None
    assert (found.height[parts == 0] == 0).all()
    assert len(np.unique(found.height[parts == 1])) == 1
    np.testing.assert_allclose(found.height[parts == 2], heights[parts == 2], rtol=1e-6)
    assert sorted(found.heights) == pytest.approx([5.25, 7.5], abs=0.01)


def test_what_does_not_stand_has_height_0() -> None:
    parts = rectangles((4, 4, 24, 24))
    maps = perfect_maps(parts)
    maps["elevated"] = np.zeros((1, SIDE, SIDE), np.float32)
    found = found_of_maps(maps)
    assert len(found.masks) == 1
    assert found.height is not None and not found.height.any()


def test_a_building_cut_wrongly_scores_less() -> None:
    parts = rectangles((4, 4, 24, 24), (40, 4, 60, 24), (40, 24, 60, 44))
    maps = perfect_maps(parts)
    maps["distance"][0, 46:54, 19:29] = 0.6  # a bridge between two seeds
    found = found_of_maps(maps)
    assert len(found.masks) == 2
    assert found.masks[0][10, 10], "the good one comes first"
    assert found.scores[0] > found.scores[1]


def test_padding_holds_no_building() -> None:
    parts = rectangles((4, 4, 24, 24))
    valid = np.ones((SIDE, SIDE), np.bool_)
    valid[:, 14:] = False
    found = found_of_maps(perfect_maps(parts), valid)
    assert not (found.masks & ~valid).any()
    assert found.height is not None and not found.height[~valid].any()


def test_an_empty_tile_has_no_buildings() -> None:
    found = found_of_maps(perfect_maps(rectangles()))
    assert found.masks.shape == (0, SIDE, SIDE)
    assert found.labels.dtype == np.int64
    assert found.height is not None and not found.height.any()


def test_without_heights_there_are_none() -> None:
    maps = perfect_maps(rectangles((4, 4, 24, 24)))
    del maps["log_height"], maps["elevated"]
    found = found_of_maps(maps)
    assert found.height is None
    assert np.isnan(found.heights).all()


def test_small_parts_are_left_out_and_the_rest_is_numbered_in_a_row() -> None:
    parts = np.asarray([[3, 3, 3, 0], [7, 0, 5, 5]], np.int32)
    wanted = np.asarray([[1, 1, 1, 0], [0, 0, 2, 2]], np.int32)
    np.testing.assert_array_equal(renumbered(parts, 2), wanted)
