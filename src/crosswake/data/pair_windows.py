"""Where to cut: windows of an image, on a grid or at random."""

from collections.abc import Sequence

import numpy as np

from crosswake.core.boxes import Box


def grow(box: Box, image: tuple[int, int], side: int) -> Box:
    """A window about ``box`` with sides of at least ``side``, or of the image's where that is
    smaller."""
    height, width = (
        min(max(own, side), all_) for own, all_ in zip((box.height, box.width), image, strict=True)
    )
    top = min(max(box.top - (height - box.height) // 2, 0), image[0] - height)
    left = min(max(box.left - (width - box.width) // 2, 0), image[1] - width)
    return Box(top, left, height, width)


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest window that holds all others."""
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom, right = (
        max(box.top + box.height for box in boxes),
        max(box.left + box.width for box in boxes),
    )
    return Box(top, left, bottom - top, right - left)


def grid_boxes(
    image: tuple[int, int], size: tuple[int, int], stride: tuple[int, int] | None = None
) -> list[Box]:
    """Windows of ``size`` every ``stride`` pixels (without one, side by side), row by row; none
    beyond the edges.

    Args:
        image: height and width.
        size: height and width of each window.
        stride: rows and columns from one to the next.
    """
    down, across = stride or size
    tops, lefts = range(0, image[0] - size[0] + 1, down), range(0, image[1] - size[1] + 1, across)
    return [Box(top, left, *size) for top in tops for left in lefts]


def random_boxes(
    image: tuple[int, int], size: tuple[int, int], count: int, seed: Sequence[int]
) -> list[Box]:
    """``count`` different windows of ``size`` at random, or all if there are fewer; from top to
    bottom, may overlap.

    Args:
        image: height and width.
        size: height and width of each window.
        count: how many.
        seed: of the random numbers; equal seeds give equal windows.
    """
    rows, columns = image[0] - size[0] + 1, image[1] - size[1] + 1
    if rows < 1 or columns < 1:
        return []
    places = np.random.default_rng(seed).choice(
        rows * columns, min(count, rows * columns), replace=False
    )
    return [Box(int(place // columns), int(place % columns), *size) for place in sorted(places)]


def tile_boxes(image: tuple[int, int], side: int) -> list[Box]:
    """Squares of ``side`` that cover the image; the image as a whole if it is not larger.

    The last row and column are moved inwards where ``side`` does not divide the image, so that
    nothing is lost."""
    height, width = min(side, image[0]), min(side, image[1])
    tops = sorted({min(top, image[0] - height) for top in range(0, image[0], height)})
    lefts = sorted({min(left, image[1] - width) for left in range(0, image[1], width)})
    return [Box(top, left, height, width) for top in tops for left in lefts]
