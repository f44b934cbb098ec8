"""The nearest of every chip among all chips, as lists: what re-ranking starts from, in O(N k) memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosswake.evaluation.features import Features, Floats, Ints, exact_pairs, order_keys
from crosswake.evaluation.ranking import GIGABYTE, STRIP, TILE, full_single_precision, open_device, tally
from crosswake.evaluation.tally import Space

SLACK = 8
"""Candidates beyond the list's end, so that its end is seldom in doubt."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest of every one of N chips, queries first, then gallery.

    Attributes:
        lists: one (N, k) array of chips a modality, or one for all; nearest first, each chip itself included in
            that of its own modality.
        farthest: (N,), the largest squared distance from each chip to any.
    """

    lists: tuple[NDArray[np.int64], ...]
    farthest: NDArray[np.float64]

    def table(self, count: int) -> sparse.csr_array:
        """(N, N) with ones where the column is among the ``count`` nearest of the row."""
        nearest = np.concatenate([part[:, :count] for part in self.lists], axis=1)
        size, length = nearest.shape
        ones = np.ones(nearest.size, dtype=np.float32)
        starts = np.arange(0, nearest.size + 1, length)
        table = sparse.csr_array((ones, nearest.ravel(), starts), shape=(size, size))
        table.sort_indices()
        return table


def find_neighbours(
    features: Features,
    count: int,
    modality: NDArray[Any] | None = None,
    *,
    budget: int = GIGABYTE,
    device: str = "cpu",
) -> Neighbours:
    """The ``count`` nearest of every chip: among all, or, given its ``modality``, among each modality."""
    groups = [np.arange(len(features))]
    if modality is not None:
        groups = [np.flatnonzero(modality == value) for value in np.unique(modality)]
    farthest = np.zeros(len(features))
    lists = []
    for group in groups:
        among = features if modality is None else features.subset(group)
        found, largest = nearest(features, among, min(count, len(group)), budget=budget, device=device)
        lists.append(group[found])
        farthest = np.maximum(farthest, largest)
    return Neighbours(lists=tuple(lists), farthest=farthest)


def nearest(
    features: Features, among: Features, count: int, *, budget: int = GIGABYTE, device: str = "cpu"
) -> tuple[Ints, Floats]:
    """(N, count): places in ``among`` of the nearest of each feature, in exact order; and (N,) largest distances.

    Candidates come from single-precision products. Where those are nearer to each other than the error bound, exact
    distances decide (see :mod:`crosswake.evaluation.ranking`); a row whose list ends in doubt is ranked anew.
    """
    import torch  # noqa: PLC0415

    space, where = Space.of(features, among), open_device(device)
    tile = min(len(among), TILE, max(256, budget // 8 // (8 * features.width + 1)))
    strip = min(STRIP, max(1, budget // 16 // (4 * tile)))
    found = np.empty((len(features), count), dtype=np.int64)
    farthest = np.empty(len(features))
    open_rows: list[Ints] = []
    with full_single_precision():
        for start in range(0, len(features), strip):
            part = slice(start, min(len(features), start + strip))
            asked = torch.from_numpy(features.scaled(part, space.scale)).to(where)
            similar, places, least = candidates(asked, space, count + SLACK, tile)
            farthest[part] = space.distance(part, least)
            found[part] = settle(space, part, similar, places)[:, :count]
            if similar.shape[1] < len(among):
                doubtful = similar[:, count - 1] - similar[:, -1] <= 2 * space.error
                open_rows.append(start + np.flatnonzero(doubtful))
    rows = np.concatenate([*open_rows, np.zeros(0, dtype=np.int64)])
    again = tally(features.subset(rows), among, top=count, budget=budget, device=device, rough=True)
    for row, one in zip(rows, again, strict=True):
        found[row] = one.top
    return found, farthest


def candidates(
    asked: Any, space: Space, count: int, tile: int
) -> tuple[NDArray[np.float32], Ints, NDArray[np.float32]]:
    """(n, k) largest similarities, descending, and where; and (n,) the smallest of all."""
    import torch  # noqa: PLC0415

    similar = torch.empty(len(asked), 0, device=asked.device)
    places = torch.empty(len(asked), 0, dtype=torch.int64, device=asked.device)
    least = torch.full((len(asked),), torch.inf, device=asked.device)
    for start in range(0, len(space.gallery), tile):
        columns = slice(start, min(len(space.gallery), start + tile))
        block = asked @ torch.from_numpy(space.gallery.scaled(columns, space.scale)).to(asked.device).T
        offset = space.offset(columns)
        if offset is not None:
            block -= torch.from_numpy(offset).to(asked.device)
        least = torch.minimum(least, block.amin(dim=1))
        more, where = block.topk(min(count, block.shape[1]), dim=1)
        similar, places = torch.cat([similar, more], dim=1), torch.cat([places, where + start], dim=1)
        similar, order = similar.topk(min(count, similar.shape[1]), dim=1)
        places = places.gather(1, order)
    return similar.cpu().numpy(), places.cpu().numpy(), least.cpu().numpy()


def settle(space: Space, part: slice, similar: NDArray[np.float32], places: Ints) -> Ints:
    """(n, k): candidates in exact order, of equals the lower first."""
    distance = space.distance(part, similar)
    near = similar[:, :-1] - similar[:, 1:] <= np.float32(2 * space.error)
    unsure = np.zeros(similar.shape, dtype=bool)
    unsure[:, :-1] |= near
    unsure[:, 1:] |= near
    rows, columns = np.nonzero(unsure)
    distance[rows, columns] = exact_pairs(space.query, part.start + rows, space.gallery, places[rows, columns])
    order = np.argsort(order_keys(distance, places), axis=1)
    return np.take_along_axis(places, order, axis=1)
