"""Batches of pairs, and the windows that crops of them show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.pair_store import PairStore
from crosswake.core.boxes import Box

SAME_PLACE = 0.5
"""Windows of one image that share more than this of their area show the same place."""


def pair_batches(
    scene: NDArray[np.int64],
    *,
    crops: int,
    size: int,
    same_scene: int,
    seed: Sequence[int],
    processes: int = 1,
) -> list[NDArray[np.int64]]:
    """The batches of one epoch, as rows of the store; the same for the same seed.

    Every pair comes ``max(crops, 1)`` times. Pairs of one scene are dealt in groups, so that a
    batch holds negatives that look alike; what does not fill a batch at the end is left out, unless
    it is all there is.

    Args:
        scene: (pairs,) int64, the scene of each.
        crops: windows of each pair in an epoch; 0 for the whole, once.
        size: pairs in a batch.
        same_scene: pairs in a group.
        seed: of the order.
        processes: how many share a batch alike; they must divide ``size``.

    Returns:
        arrays of ``size`` rows; one smaller array if the epoch has fewer, of as many as processes
        can share.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(np.repeat(np.arange(len(scene)), max(crops, 1)))
    if same_scene > 1:
        by_scene = rows[np.argsort(scene[rows], kind="stable")]
        starts = np.flatnonzero(np.diff(scene[by_scene], prepend=-1))
        groups = [
            part[first : first + same_scene]
            for part in np.split(by_scene, starts[1:])
            for first in range(0, len(part), same_scene)
        ]
        rows = np.concatenate([groups[place] for place in random.permutation(len(groups))])
    count = max(1, len(rows) // size)
    size = min(size, len(rows) // processes * processes)
    return [rows[batch * size : (batch + 1) * size] for batch in range(count)]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Where a batch of pairs is cut: a window of each row's optical and of its SAR image."""

    optical: list[Box]
    sar: list[Box]


def draw_windows(
    store: PairStore,
    rows: NDArray[np.int64],
    size: tuple[int, int],
    offset: int,
    random: np.random.Generator,
) -> Windows:
    """A window of ``size`` at random in each row's image, the SAR one off by up to ``offset``
    pixels; where an image is no larger than that, all of it."""
    room = store.shape[rows] - size
    corner = random.integers(0, room + 1)
    shifted = np.clip(corner + random.integers(-offset, offset + 1, corner.shape), 0, room)
    optical, sar = (
        [Box(int(top), int(left), *size) for top, left in places] for places in (corner, shifted)
    )
    return Windows(optical=optical, sar=sar)


def same_place(place: NDArray[np.int64], windows: Windows) -> NDArray[np.bool_]:
    """(pairs, pairs): which show the same place, and so are not each other's negatives.

    Pairs of one id do, unless they are windows that share less than half of their area.
    """
    same = place[:, None] == place[None, :]
    for one, other in np.argwhere(np.triu(same, 1)):
        near = windows.optical[one].overlap(windows.optical[other]) > SAME_PLACE
        same[one, other] = same[other, one] = near
    return np.asarray(same, dtype=np.bool_)
