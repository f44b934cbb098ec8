"""Promise: buildings found in windows become those of the tile, each once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosswake.buildings.instances import TileFound
from crosswake.buildings.placed import (
    PlacedInstance,
    instance_of_placed,
    merged_instances,
    placed_instances,
    shared_pixels,
)
from crosswake.core.boxes import Box
from crosswake.data.masks import mask_of, run_lengths_of

Mask = NDArray[np.bool_]


def found(*masks: Mask, scores: tuple[float, ...] = ()) -> TileFound:
    count = len(masks)
    return TileFound(
        masks=np.array(masks, bool),
        scores=np.array(scores or [0.9] * count, np.float32),
        labels=np.arange(1, count + 1),
    )


def whole(one: PlacedInstance, size: tuple[int, int]) -> Mask:
    mask = np.zeros(size, bool)
    one.box.of(mask)[...] = one.mask
    return mask


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([0.1, 0.5, 0.9, 1.0]),
)
def test_run_lengths_are_those_of_the_whole_mask(
    seed: int, size: tuple[int, int], share: float
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(size) < share
    mask[rng.integers(size[0]), rng.integers(size[1])] = True
    window = Box(0, 0, *size)
    (one,) = placed_instances(found(mask), window, size)
    instance = instance_of_placed(one, size)
    assert instance.counts.decode() == run_lengths_of(mask)["counts"]
    np.testing.assert_array_equal(
        mask_of({"size": list(size), "counts": instance.counts.decode()}, size), mask
    )


def test_a_mask_of_a_window_stands_in_its_place() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:5] = True
    (one,) = placed_instances(found(mask), Box(10, 20, 4, 5), (40, 40))
    assert one.box == Box(11, 22, 2, 3)
    assert one.cut
    instance = instance_of_placed(one, (40, 40))
    shown = mask_of({"size": [40, 40], "counts": instance.counts.decode()}, (40, 40))
    expected = np.zeros((40, 40), bool)
    expected[11:13, 22:25] = True
    np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize(("left", "cut"), [(0, False), (20, True), (35, False)])
def test_an_edge_of_the_tile_cuts_nothing(left: int, cut: bool) -> None:
    mask = np.zeros((5, 5), bool)
    mask[:, 0 if left != 35 else 4] = True
    (one,) = placed_instances(found(mask), Box(0, left, 5, 5), (5, 40))
    assert one.cut == cut


def square(top: int, left: int, side: int, score: float, cut: bool = False) -> PlacedInstance:
    box = Box(top, left, side, side)
    return PlacedInstance(
        box=box, mask=np.ones((side, side), bool), category=1, score=score, cut=cut
    )


def test_the_same_building_in_two_windows_becomes_one() -> None:
    first, again, other = square(0, 0, 10, 0.6), square(1, 1, 10, 0.9), square(50, 50, 10, 0.7)
    assert merged_instances([first, again, other]) == [again, other]


def test_a_part_that_a_window_cut_gives_way_to_the_whole() -> None:
    part, building = square(0, 0, 6, 0.95, cut=True), square(0, 0, 20, 0.5)
    assert merged_instances([part, building]) == [building]
    small = square(5, 5, 6, 0.95)
    assert merged_instances([small, building]) == [
        small,
        building,
    ]  # not cut: a building in a court


@given(st.integers(0, 2**32 - 1))
def test_shared_pixels_are_those_of_whole_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ones = []
    for _ in range(2):
        mask = rng.random((6, 6)) < 0.5
        mask[2, 2] = True
        top, left = (int(value) for value in rng.integers(0, 6, 2))
        ones += placed_instances(found(mask), Box(top, left, 6, 6), (12, 12))
    naive = (whole(ones[0], (12, 12)) & whole(ones[1], (12, 12))).sum()
    assert shared_pixels(*ones) == naive
