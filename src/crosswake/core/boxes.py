"""Windows of images: what they are, and where to cut them, on a grid or at random."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


Size = tuple[int, int]
"""Rows and columns, of an image or of a window."""


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A window of an image, in pixels.

    It holds the rows ``top`` to ``top + height`` and the columns ``left`` to ``left + width``, the
    last ones excluded, as slices do.
    """

    top: int
    left: int
    height: int
    width: int

    def __str__(self) -> str:
        return "_".join(map(str, astuple(self)))

    def within(self, other: "Box") -> "Box":
        """The same window, counted from the upper left corner of ``other``."""
        return Box(self.top - other.top, self.left - other.left, self.height, self.width)

    def of(self, pixels: "NDArray[Any]") -> "NDArray[Any]":
        """The window of (..., height, width)."""
        return pixels[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def inside(self, height: int, width: int) -> bool:
        """Whether an image of ``height`` x ``width`` holds the whole window."""
        return 0 <= self.top <= height - self.height and 0 <= self.left <= width - self.width

    def overlap(self, other: "Box") -> float:
        """The area that both share, divided by the area of the smaller one."""
        rows = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        columns = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        smaller = min(self.height * self.width, other.height * other.width)
        return max(rows, 0) * max(columns, 0) / smaller


def grow(box: Box, image: Size, side: int) -> Box:
    """A window around ``box`` with sides of at least ``side``, or as long as a smaller image's."""
    height = min(max(box.height, side), image[0])
    width = min(max(box.width, side), image[1])
    top = min(max(box.top - (height - box.height) // 2, 0), image[0] - height)
    left = min(max(box.left - (width - box.width) // 2, 0), image[1] - width)
    return Box(top, left, height, width)


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest window that holds all the others."""
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom = max(box.top + box.height for box in boxes)
    right = max(box.left + box.width for box in boxes)
    return Box(top, left, bottom - top, right - left)


def grid_boxes(image: Size, size: Size, stride: Size | None = None) -> list[Box]:
    """Windows of ``size`` every ``stride`` pixels, row by row; none reaches beyond the image.

    Args:
        image: height and width.
        size: height and width of each window.
        stride: rows and columns from one window to the next; None puts them side by side.
    """
    down, across = stride or size
    tops, lefts = range(0, image[0] - size[0] + 1, down), range(0, image[1] - size[1] + 1, across)
    return [Box(top, left, *size) for top in tops for left in lefts]


def random_boxes(image: Size, size: Size, count: int, seed: Sequence[int]) -> list[Box]:
    """``count`` different windows at random places, from top to bottom; they may overlap.

    Args:
        image: height and width.
        size: height and width of each window.
        count: how many; an image with fewer places gives one window for each place.
        seed: of the random numbers; equal seeds give equal windows.
    """
    rows, columns = image[0] - size[0] + 1, image[1] - size[1] + 1
    if rows < 1 or columns < 1:
        return []
    import numpy as np  # late, so that help answers at once

    places = np.random.default_rng(seed).choice(
        rows * columns, min(count, rows * columns), replace=False
    )
    return [Box(int(place // columns), int(place % columns), *size) for place in sorted(places)]


def tile_boxes(image: Size, side: int) -> list[Box]:
    """Squares of ``side`` that cover the image; the whole image where it is not larger.

    Where ``side`` does not divide the image, the last row and column of squares move inwards and
    overlap their neighbours, so that no pixel is lost.
    """
    height, width = min(side, image[0]), min(side, image[1])
    tops = sorted({min(top, image[0] - height) for top in range(0, image[0], height)})
    lefts = sorted({min(left, image[1] - width) for left in range(0, image[1], width)})
    return [Box(top, left, height, width) for top in tops for left in lefts]
