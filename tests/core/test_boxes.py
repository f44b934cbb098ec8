"""Promise: windows lie in the image, are as many as said, and follow from the seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.boxes import Box, grid_boxes, grow, hull, random_boxes, tile_boxes

sides = st.integers(1, 80)
sizes = st.tuples(sides, sides)


@given(
    image=sizes, size=sizes, stride=st.none() | st.tuples(st.integers(1, 40), st.integers(1, 40))
)
def test_grid(
    image: tuple[int, int], size: tuple[int, int], stride: tuple[int, int] | None
) -> None:
    boxes = grid_boxes(image, size, stride)
    assert all(box.inside(*image) and (box.height, box.width) == size for box in boxes)
    down, across = stride or size
    naive = [
        (top, left)
        for top in range(image[0])
        for left in range(image[1])
        if top % down == 0
        and left % across == 0
        and top + size[0] <= image[0]
        and left + size[1] <= image[1]
    ]
    assert [(box.top, box.left) for box in boxes] == naive


@given(image=sizes, size=sizes, count=st.integers(1, 50), seed=st.integers(0, 5))
def test_random(image: tuple[int, int], size: tuple[int, int], count: int, seed: int) -> None:
    boxes = random_boxes(image, size, count, [seed])
    places = max(image[0] - size[0] + 1, 0) * max(image[1] - size[1] + 1, 0)
    assert len(set(boxes)) == len(boxes) == min(count, places)
    assert all(box.inside(*image) for box in boxes)
    assert boxes == random_boxes(image, size, count, [seed])


@given(image=sizes, side=sides)
def test_tiles_cover_the_image(image: tuple[int, int], side: int) -> None:
    seen = np.zeros(image, bool)
    for box in tile_boxes(image, side):
        assert box.inside(*image)
        seen[box.top : box.top + box.height, box.left : box.left + box.width] = True
    assert seen.all()


def test_hull() -> None:
    boxes = [Box(5, 9, 4, 4), Box(2, 11, 3, 8)]
    assert hull(boxes) == Box(2, 9, 7, 10)
    assert boxes[0].within(hull(boxes)) == Box(3, 0, 4, 4)


@given(
    image=st.tuples(st.integers(20, 80), st.integers(20, 80)), side=sides, seed=st.integers(0, 9)
)
def test_grow(image: tuple[int, int], side: int, seed: int) -> None:
    box = random_boxes(image, (9, 17), 1, [seed])[0]
    wider = grow(box, image, side)
    assert wider.inside(*image)
    assert box.within(wider).inside(wider.height, wider.width)
    assert (wider.height, wider.width) == (
        min(max(9, side), image[0]),
        min(max(17, side), image[1]),
    )


def test_two_by_two() -> None:
    assert tile_boxes((512, 512), 256) == [Box(y, x, 256, 256) for y in (0, 256) for x in (0, 256)]
    assert tile_boxes((256, 256), 256) == [Box(0, 0, 256, 256)]
