"""The nearest of every chip among all chips, as lists: what re-ranking starts from, in O(N k)
memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosswake.retrieval.features import Features, Floats, Ints
from crosswake.retrieval.ranking import GIGABYTE, compare


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest of every one of N chips, queries first, then gallery.

    Attributes:
        lists: one (N, k) array of chips a modality, or one for all, each chip itself included in
            that of its own modality; nearest first, exactly so from one of the counts asked for to
            the next.
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
    counts: Sequence[int],
    modality: NDArray[Any] | None = None,
    *,
    budget: int = GIGABYTE,
    device: str = "cpu",
) -> Neighbours:
    """The nearest of every chip: among all, or, given its ``modality``, among each modality.

    Args:
        features: N of them.
        counts: how many: the longest is kept, and the nearest of each count are exact as a set.
        modality: (N,), of each; None takes all together.
        budget: bytes to work in.
        device: where similarities are computed.
    """
    groups = [np.arange(len(features))]
    if modality is not None:
        groups = [np.flatnonzero(modality == value) for value in np.unique(modality)]
    farthest = np.zeros(len(features))
    lists = []
    for group in groups:
        among = features if modality is None else features.subset(group)
        found, largest = nearest(features, among, counts, budget=budget, device=device)
        lists.append(group[found])
        farthest = np.maximum(farthest, largest)
    return Neighbours(lists=tuple(lists), farthest=farthest)


def nearest(
    features: Features,
    among: Features,
    counts: Sequence[int],
    *,
    budget: int = GIGABYTE,
    device: str = "cpu",
) -> tuple[Ints, Floats]:
    """(N, k): places in ``among`` of the nearest of each feature; and (N,) largest distances."""
    count = min(max(counts), len(among))
    found = np.empty((len(features), count), dtype=np.int64)
    farthest = np.empty(len(features))
    for block in compare(features, among, top=count, budget=budget, device=device, cuts=counts):
        found[block.rows], farthest[block.rows] = block.top, block.farthest
    return found, farthest
