"""Promise: a tile of any size is seen as if it went through the model in one piece."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from crosswake.batches.tile_pixels import TileImages
from crosswake.buildings.placed import PlacedInstance
from crosswake.core.boxes import Box
from crosswake.tasks.buildings import large_tiles
from crosswake.tasks.buildings.large_tiles import (
    WindowOptions,
    covering_windows,
    edge_weights,
    find_on_tile,
    window_starts,
)
from tests.tasks.buildings.seeing import Seeing


def town(rows: int, columns: int, seed: int = 0) -> TileImages:
    """Bright houses on a grid, 14 x 10 pixels, one every 24; each of one colour."""
    rng = np.random.default_rng(seed)
    optical = np.full((3, rows, columns), 60, np.uint8)
    for top in range(3, rows - 16, 24):
        for left in range(5, columns - 12, 24):
            optical[:, top : top + 14, left : left + 10] = rng.integers(180, 250, (3, 1, 1))
    return TileImages(optical=optical, sar=None, valid=np.ones((rows, columns), bool))


def boxes(placed: list[PlacedInstance]) -> list[Box]:
    return sorted(one.box for one in placed)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("size", [(50, 70), (200, 130), (97, 256)])
def test_windows_give_what_the_whole_tile_gives(
    dense: bool, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = town(*size)
    whole, metres = find_on_tile(Seeing(dense), images, WindowOptions(side=512))  # type: ignore[arg-type]
    monkeypatch.setattr(large_tiles, "BLOCK", 96)
    finder: Any = Seeing(dense)
    placed, heights = find_on_tile(finder, images, WindowOptions(side=64, overlap=32))
    assert boxes(placed) == boxes(whole)
    assert heights is not None
    assert metres is not None
    np.testing.assert_allclose(heights, metres, rtol=1e-4)
    np.testing.assert_array_equal(heights == 0, metres == 0)
    assert all(rows % 32 == 0 and columns % 32 == 0 for *_, rows, columns in finder.looks)
    assert max(max(shape[2:]) for shape in finder.looks) <= 64


@pytest.mark.parametrize(("length", "side", "overlap"), [(100, 64, 16), (65, 64, 32), (64, 64, 8)])
def test_windows_cover_a_line_and_share_enough(length: int, side: int, overlap: int) -> None:
    places = window_starts(length, side, overlap)
    assert places[0] == 0
    assert places[-1] == length - side
    assert all(b - a <= side - overlap for a, b in pairwise(places))


def test_windows_cover_every_pixel() -> None:
    seen = np.zeros((70, 131), int)
    for window in covering_windows(Box(0, 0, 70, 131), 64, 16):
        window.of(seen)[...] += 1
    assert seen.min() == 1


def test_weights_are_never_nothing() -> None:
    weights = edge_weights((40, 8), 16)
    assert weights.min() > 0
    assert weights.max() <= 1
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])


def test_what_is_not_shown_is_not_seen() -> None:
    finder: Any = Seeing()
    placed, heights = find_on_tile(finder, town(64, 64), WindowOptions(rgb=False))
    assert placed == []
    assert heights is not None
    assert not heights.any()
