"""Buildings that were found in windows of a tile, put together on the tile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.instances import TileFound
from crosswake.buildings.results import Instance
from crosswake.core.boxes import Box, Size
from crosswake.data.masks import counts_text

SAME_BUILDING = 0.5
"""Overlap, as intersection over union, from which on two masks are one building."""
WITHIN = 0.7
"""Share of a mask cut by its window's edge that lies in another one, from which on it is a part of
that."""


@dataclass(frozen=True, kw_only=True)
class PlacedInstance:
    """A building on a tile of any size, kept as the part of its mask that is not empty.

    Attributes:
        box: where ``mask`` lies on the tile.
        mask: (rows, columns) bool, of the box.
        category: from 1.
        score: 0 to 1.
        cut: whether it reaches an edge of its window that is none of the tile, so that there may be
            more of it.
    """

    box: Box
    mask: NDArray[np.bool_]
    category: int
    score: float
    cut: bool = False


def placed_instances(found: TileFound, window: Box, size: Size) -> list[PlacedInstance]:
    """What was found in a window, on its tile of (rows, columns)."""
    placed = []
    for mask, label, score in zip(found.masks, found.labels, found.scores, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            continue
        (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
        ends = (window.top + window.height, window.left + window.width)
        cut = (
            (top == 0 and window.top > 0)
            or (left == 0 and window.left > 0)
            or (bottom == window.height and ends[0] < size[0])
            or (right == window.width and ends[1] < size[1])
        )
        box = Box(
            top=int(window.top + top),
            left=int(window.left + left),
            height=int(bottom - top),
            width=int(right - left),
        )
        inside = np.array(mask[top:bottom, left:right])
        placed.append(
            PlacedInstance(
                box=box, mask=inside, category=int(label), score=float(score), cut=bool(cut)
            )
        )
    return placed


def merged_instances(placed: Sequence[PlacedInstance]) -> list[PlacedInstance]:
    """Each building once, by falling score.

    Whole ones come before those that a window has cut, then the higher score before the lower. One
    that overlaps an earlier one by half is the same; one that was cut, and lies for the most part
    in an earlier one, is a part of it.
    """
    ordered = sorted(placed, key=lambda one: (one.cut, -one.score))
    edges = np.array([edges_of(one.box) for one in ordered], dtype=np.int64).reshape(-1, 4)
    kept: list[int] = []
    for place, one in enumerate(ordered):
        others = edges[kept]
        low = np.maximum(others[:, :2], edges[place, :2])
        high = np.minimum(others[:, 2:], edges[place, 2:])
        near = np.flatnonzero((low < high).all(axis=1))
        if not any(is_repeat(one, ordered[kept[n]]) for n in near):
            kept.append(place)
    return sorted((ordered[place] for place in kept), key=lambda one: -one.score)


def edges_of(box: Box) -> tuple[int, int, int, int]:
    """Top, left, bottom and right."""
    return box.top, box.left, box.top + box.height, box.left + box.width


def is_repeat(one: PlacedInstance, earlier: PlacedInstance) -> bool:
    """Whether ``one`` is the same building as an earlier one, or a part of it."""
    common = shared_pixels(one, earlier)
    own, other = int(one.mask.sum()), int(earlier.mask.sum())
    return common > SAME_BUILDING * (own + other - common) or (one.cut and common > WITHIN * own)


def shared_pixels(one: PlacedInstance, other: PlacedInstance) -> int:
    """Pixels of both masks."""
    first, second = edges_of(one.box), edges_of(other.box)
    top, left = max(first[0], second[0]), max(first[1], second[1])
    bottom, right = min(first[2], second[2]), min(first[3], second[3])
    if top >= bottom or left >= right:
        return 0
    parts = [
        part.mask[top - part.box.top : bottom - part.box.top, left - part.box.left :][
            :, : right - left
        ]
        for part in (one, other)
    ]
    return int((parts[0] & parts[1]).sum())


def instance_of_placed(placed: PlacedInstance, size: Size) -> Instance:
    """As it is scored, on a tile of (rows, columns); the whole mask is not made."""
    rows = size[0]
    bordered = np.pad(placed.mask, ((1, 1), (0, 0))).astype(np.int8)
    steps = np.diff(bordered, axis=0).T  # a row for each column of the mask
    column, start = np.nonzero(steps == 1)
    _, end = np.nonzero(steps == -1)
    base = (placed.box.left + column) * rows + placed.box.top
    starts, ends = base + start, base + end
    apart = starts[1:] != ends[:-1]  # a run may go on at the top of the next column
    starts = np.concatenate([starts[:1], starts[1:][apart]])
    ends = np.concatenate([ends[:-1][apart], ends[-1:]])
    turns = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(np.concatenate([[0], turns, [rows * size[1]]])).tolist()
    if counts[-1] == 0:
        counts.pop()
    box = placed.box
    return Instance(
        category=placed.category,
        counts=counts_text(counts).encode("ascii"),
        score=placed.score,
        box=(float(box.left), float(box.top), float(box.width), float(box.height)),
    )
