"""The ranks of true matches, counted while the gallery goes by a block at a time."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from crosswake.evaluation.features import Exact, Ints, order_keys
from crosswake.evaluation.space import Space

ENOUGH = 2**16
"""Gallery entries in doubt that are settled together."""


class Targets:
    """The true matches of a block of queries, each query's nearest first once all are measured.

    Args:
        space: features, and the error bound.
        part: which queries.
        matches: (m,) gallery indices of each query's true matches, a query at a time.
        exact: computes exact distances.
    """

    def __init__(self, space: Space, part: slice, matches: Iterable[Ints], exact: Exact) -> None:
        each = list(matches)
        counts = np.array([len(one) for one in each])
        columns = np.concatenate([*each, np.zeros(0, dtype=np.int64)])
        rows = np.repeat(np.arange(len(each)), counts)
        keys = order_keys(exact(space.query, rows + part.start, space.gallery, columns), columns)
        order = np.lexsort((keys, rows))
        self._space, self._first, self._exact = space, part.start, exact
        self._rows, self._columns, self._keys = rows, columns[order], keys[order]
        self.start = np.append(0, np.cumsum(counts))
        similarity = space.similarity(rows + part.start, (self._keys >> 32).astype(np.int32).view(np.float32))
        self._high = (similarity + space.error).astype(np.float32)
        self._low = (similarity - space.error).astype(np.float32)
        self._before = np.zeros(len(columns), dtype=np.int64)
        self._doubtful: list[tuple[int, Ints]] = []
        self._waiting = 0

    def visit(self, first: int, similarity: NDArray[np.float32], start: int) -> None:
        """Count for the queries from ``first`` on among the gallery entries from ``start`` on; the array is spoilt."""
        rows, columns = self._rows - first, self._columns - start
        here = (rows >= 0) & (rows < len(similarity)) & (columns >= 0) & (columns < similarity.shape[1])
        similarity[rows[here], columns[here]] = -np.inf  # true matches are counted by their place in the list
        for row, values in enumerate(similarity, first):
            if self.start[row] < self.start[row + 1]:
                self._count(row, values, start)
        if self._waiting:
            self._settle()

    def ranks(self) -> Ints:
        """(m,): ranks of the true matches from 1, each query's ascending."""
        return np.asarray(self._before + np.arange(1, len(self._before) + 1) - self.start[self._rows])

    def _count(self, row: int, similarity: NDArray[np.float32], start: int) -> None:
        """Count what is surely before each true match of one query; put off what single precision leaves open.

        An entry is before all true matches that are less similar, so one place among them says it all.
        """
        part = slice(self.start[row], self.start[row + 1])
        low, high = self._low[part], self._high[part]
        columns = np.flatnonzero(similarity >= low[-1])
        if not len(columns):
            return
        values = similarity[columns]
        place = np.searchsorted(-low, -values)
        sure = values > high[place]
        self._before[part] += np.bincount(place[sure], minlength=len(low)).cumsum()
        doubtful = columns[~sure]
        if len(doubtful):
            self._doubtful.append((row, doubtful + start))
            self._waiting += len(doubtful)
            if self._waiting > ENOUGH:
                self._settle()

    def _settle(self) -> None:
        """Count what was put off, by exact distances."""
        counts = [len(columns) for _, columns in self._doubtful]
        rows = np.repeat([row for row, _ in self._doubtful], counts)
        columns = np.concatenate([columns for _, columns in self._doubtful])
        keys = order_keys(self._exact(self._space.query, rows + self._first, self._space.gallery, columns), columns)
        for (row, _), own in zip(self._doubtful, np.split(keys, np.cumsum(counts)[:-1]), strict=True):
            part = slice(self.start[row], self.start[row + 1])
            self._before[part] += np.searchsorted(np.sort(own), self._keys[part])
        self._doubtful, self._waiting = [], 0
