"""The nearest of many queries, kept while the gallery goes by a block at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval.features import Exact, Ints, order_keys
from crosswake.retrieval.space import Space

SLACK = 8
"""Candidates beyond a list's end, so that its end is seldom in doubt."""
FOLD, SORTED = 8, 64
"""Columns looked at together, at most, so that so many times the count are left; a sort of fewer
pays less."""


class Nearest:
    """Candidates for the lists of a block of queries.

    Args:
        space: features, and the error bound.
        part: which queries.
        count: length of a list.
        device: where similarities are computed.
        exact: computes exact distances.
        tile: most gallery entries to look at together.
        group: most queries whose lists are settled together.
    """

    def __init__(
        self,
        space: Space,
        part: slice,
        count: int,
        device: Any,
        exact: Exact,
        *,
        tile: int,
        group: int,
    ) -> None:
        import torch

        self._space, self._part, self._count, self._exact = space, part, count, exact
        self._tile, self._group = tile, group
        shape = (part.stop - part.start, min(count + SLACK, len(space.gallery)) if count else 0)
        self._similar = torch.full(shape, -torch.inf, device=device)
        self._places = torch.zeros(shape, dtype=torch.int64, device=device)
        self._least = torch.full(shape[:1], torch.inf, device=device)

    def visit(self, first: int, similarity: Any, start: int) -> None:
        """Take in the similarities of queries from ``first`` on to gallery entries from ``start``
        on."""
        import torch

        rows = slice(first, first + len(similarity))
        self._least[rows] = torch.minimum(self._least[rows], similarity.amin(dim=1))
        kept = self._similar.shape[1]
        if not kept:
            return
        more, where = largest(similarity, min(kept, similarity.shape[1]))
        similar = torch.cat([self._similar[rows], more], dim=1) if start else more
        places = torch.cat([self._places[rows], where + start], dim=1) if start else where
        if similar.shape[1] > kept:
            similar, order = similar.topk(kept, dim=1)
            places = places.gather(1, order)
        self._similar[rows, : similar.shape[1]], self._places[rows, : similar.shape[1]] = (
            similar,
            places,
        )

    def farthest(self) -> NDArray[np.float32]:
        """(n,): the largest squared distance of each query to any entry, to within the error
        bound."""
        return self._space.distance(self._part, self._least.cpu().numpy()[:, None])[:, 0]

    def lists(self, cuts: Sequence[int] | None = None) -> tuple[Ints, NDArray[np.float32]]:
        """(n, k): the nearest of each query in exact order, of equals the lower index first, and
        their distances.

        Args:
            cuts: it is enough to know exactly which are the so many nearest, for each of these
                numbers; order and distances may be off by the error bound otherwise.
        """
        space, similar, places = (
            self._space,
            self._similar.cpu().numpy(),
            self._places.cpu().numpy(),
        )
        distance = space.distance(self._part, similar)
        asked = (
            np.ones(similar.shape, dtype=bool)
            if cuts is None
            else straddling(similar, 2 * space.error, cuts)
        )
        rows, columns = np.nonzero(asked)
        distance[rows, columns] = self._exact(
            space.query, self._part.start + rows, space.gallery, places[rows, columns]
        )
        order = np.argsort(order_keys(distance, places), axis=1)[:, : self._count]
        places, distance = (np.take_along_axis(part, order, axis=1) for part in (places, distance))
        if 0 < similar.shape[1] < len(space.gallery):
            open_ended = similar[:, self._count - 1] - similar[:, -1] <= 2 * space.error
            doubtful = np.flatnonzero(open_ended)
            for start in range(0, len(doubtful), self._group):
                rows = doubtful[start : start + self._group]
                places[rows], distance[rows] = self._settled(rows)
        return places, distance

    def _settled(self, rows: Ints) -> tuple[Ints, NDArray[np.float32]]:
        """The lists of queries whose end is in doubt, as where many are equally far: all that may
        be in is settled."""
        import torch

        space, numbers = self._space, self._part.start + rows
        asked = torch.from_numpy(space.query.subset(numbers).scaled(slice(None), space.scale))
        keys = [np.zeros(0, dtype=np.int64)] * len(rows)
        for start in range(0, len(space.gallery), self._tile):
            columns = slice(start, min(len(space.gallery), start + self._tile))
            similar = asked @ torch.from_numpy(space.gallery.scaled(columns, space.scale)).T
            offset = space.offset(columns)
            if offset is not None:
                similar -= torch.from_numpy(offset)
            limit = (
                similar.topk(min(self._count, similar.shape[1]), dim=1).values[:, -1:]
                - 2 * space.error
            )
            found, where = np.nonzero((similar >= limit).numpy())
            distance = self._exact(space.query, numbers[found], space.gallery, where + start)
            each = np.split(
                order_keys(distance, where + start), np.searchsorted(found, np.arange(1, len(rows)))
            )
            keys = [
                np.sort(np.append(*pair))[: self._count] for pair in zip(keys, each, strict=True)
            ]
        best = np.stack(keys)
        return best & 0xFFFFFFFF, (best >> 32).astype(np.int32).view(np.float32)


def largest(block: Any, count: int) -> tuple[Any, Any]:
    """(n, count) largest values of each row, descending, and where.

    Of columns that are far apart, a few at a time, only the largest is looked at first: the
    ``count`` largest are among those whose largest is one of the ``count`` largest."""
    import torch

    fold = min(FOLD, block.shape[1] // (SORTED * count))
    if fold < 2:
        found = block.topk(count, dim=1)
        return found.values, found.indices
    part = block.shape[1] // fold
    best = (
        block[:, : fold * part]
        .unflatten(1, (fold, part))
        .amax(1)
        .topk(count, dim=1, sorted=False)
        .indices
    )
    rest = torch.arange(fold * part, block.shape[1], device=block.device).expand(len(block), -1)
    where = torch.cat([*(best + number * part for number in range(fold)), rest], dim=1)
    values, order = block.gather(1, where).topk(count, dim=1)
    return values, where.gather(1, order)


def straddling(
    similar: NDArray[np.float32], bound: float, cuts: Sequence[int]
) -> NDArray[np.bool_]:
    """Which of the values, descending along rows, belong to a run that a cut goes through.

    In a run each value is within ``bound`` of the next, so that any of them may be on either side.
    """
    close = similar[:, :-1] - similar[:, 1:] <= np.float32(bound)
    run = np.zeros(similar.shape, dtype=np.int32)
    np.cumsum(~close, axis=1, out=run[:, 1:])
    result = np.zeros(similar.shape, dtype=bool)
    for cut in cuts:
        if 0 < cut < similar.shape[1]:
            result |= close[:, cut - 1 : cut] & (run == run[:, cut : cut + 1])
    return result
