"""The ranks of true matches, counted while the gallery goes by a block at a time."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval import compiling
from crosswake.retrieval.features import Exact, Ints, order_keys
from crosswake.retrieval.space import Space

ENOUGH = 2**16
"""Gallery entries in doubt that are settled together."""
TYPES = (
    "Tuple((i8, i8))(f4[:, ::1], i8, i8, i8, i8, i8[::1], f4[::1], f4[::1], i8[::1], i8[::1], "
    "i8[::1])"
)
"""Of :func:`count_rows`."""


class Targets:
    """The true matches of a block of queries, each query's nearest first once all are measured.

    Args:
        space: features, and the error bound.
        part: which queries.
        matches: (m,) gallery indices of each query's true matches, a query at a time.
        exact: computes exact distances.
        threads: that share the counting, where it is compiled.
    """

    def __init__(
        self, space: Space, part: slice, matches: Iterable[Ints], exact: Exact, *, threads: int = 1
    ) -> None:
        each = list(matches)
        counts = np.array([len(one) for one in each])
        columns = np.concatenate([*each, np.zeros(0, dtype=np.int64)])
        rows = np.repeat(np.arange(len(each)), counts)
        keys = order_keys(exact(space.query, rows + part.start, space.gallery, columns), columns)
        order = np.lexsort((keys, rows))
        self._space, self._first, self._exact = space, part.start, exact
        self._rows, self._columns, self._keys = rows, columns[order], keys[order]
        self.start = np.append(0, np.cumsum(counts))
        similarity = space.similarity(
            rows + part.start, (self._keys >> 32).astype(np.int32).view(np.float32)
        )
        self._high = (similarity + space.error).astype(np.float32)
        self._low = (similarity - space.error).astype(np.float32)
        self._at = np.zeros(len(columns), dtype=np.int64)
        self._threads = threads
        self._settled = np.zeros(len(columns), dtype=np.int64)
        steps = len(each) * len(space.gallery)
        self._count: Any = (
            compiling.compiled(count_rows, TYPES) if steps >= compiling.WORTH else None
        )

    def visit(self, first: int, similarity: NDArray[np.float32], start: int) -> None:
        """Count for the queries from ``first`` on among the gallery entries from ``start`` on; the
        array is spoilt."""
        rows, columns = self._rows - first, self._columns - start
        here = (
            (rows >= 0)
            & (rows < len(similarity))
            & (columns >= 0)
            & (columns < similarity.shape[1])
        )
        similarity[
            rows[here], columns[here]
        ] = -np.inf  # true matches are counted by their place in the list
        count = self._count or count_rows_by_numpy
        share = -(-len(similarity) // (self._threads if self._count else 1))
        parts = [slice(begin, begin + share) for begin in range(0, len(similarity), share)]

        def fill(part: slice) -> None:
            row, last = first + part.start, first + min(part.stop, len(similarity))
            found = (np.empty(ENOUGH + similarity.shape[1], dtype=np.int64) for _ in range(2))
            doubtful, where = found
            while row < last:
                row, size = count(
                    similarity,
                    first,
                    row,
                    last,
                    start,
                    self.start,
                    self._low,
                    self._high,
                    self._at,
                    doubtful,
                    where,
                )
                self._settle(doubtful[:size], where[:size])

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(fill, parts))

    def ranks(self) -> Ints:
        """(m,): ranks of the true matches from 1, each query's ascending."""
        total = np.append(0, np.cumsum(self._at + 1))
        return np.asarray(total[1:] - total[self.start[self._rows]] + self._settled)

    def _settle(self, rows: Ints, columns: Ints) -> None:
        """Count entries that single precision leaves open, a query's together, by exact
        distances."""
        if not len(rows):
            return
        keys = order_keys(
            self._exact(self._space.query, rows + self._first, self._space.gallery, columns),
            columns,
        )
        bounds = np.flatnonzero(np.diff(rows)) + 1
        for row, own in zip(
            rows[np.append(0, bounds)].tolist(), np.split(keys, bounds), strict=True
        ):
            part = slice(self.start[row], self.start[row + 1])
            self._settled[part] += np.searchsorted(np.sort(own), self._keys[part])


def count_rows(
    similarity: NDArray[np.float32],
    first: int,
    row: int,
    last: int,
    start: int,
    starts: Ints,
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    at: Ints,
    doubtful: Ints,
    where: Ints,
) -> tuple[int, int]:
    """Count entries at the first true match that they are surely before, and list those that may be
    before or behind.

    An entry is before all true matches that are less similar, so one place among them says it all.

    Args:
        similarity: (n, g), of queries from ``first`` on and gallery entries from ``start`` on.
        first: query of the first row.
        row: query to begin with.
        last: query to end before.
        start: gallery entry of the first column.
        starts: (queries + 1,), where the true matches of each begin.
        low: (m,), least similarity that a true match may have, descending for each query.
        high: (m,), largest.
        at: (m,), counts, added to.
        doubtful: queries of listed entries; there is room for more than g.
        where: their gallery entries.

    Returns:
        the query to go on with, and how many are listed: it stops where the room may not do for
        another row.
    """
    found = 0
    while row < last and found <= len(doubtful) - similarity.shape[1]:
        begin, end = starts[row], starts[row + 1]
        if begin < end:
            for column in range(similarity.shape[1]):
                value = similarity[row - first, column]
                if value >= low[end - 1]:
                    place, beyond = begin, end - 1
                    while place < beyond:
                        middle = (place + beyond) // 2
                        if low[middle] <= value:
                            beyond = middle
                        else:
                            place = middle + 1
                    if value > high[place]:
                        at[place] += 1
                    else:
                        doubtful[found], where[found] = row, start + column
                        found += 1
        row += 1
    return row, found


def count_rows_by_numpy(
    similarity: NDArray[np.float32],
    first: int,
    row: int,
    last: int,
    start: int,
    starts: Ints,
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    at: Ints,
    doubtful: Ints,
    where: Ints,
) -> tuple[int, int]:
    """:func:`count_rows`, without loops over entries."""
    found = 0
    while row < last and found <= len(doubtful) - similarity.shape[1]:
        part = slice(starts[row], starts[row + 1])
        least, most = low[part], high[part]
        columns = (
            np.flatnonzero(similarity[row - first] >= least[-1])
            if len(least)
            else np.zeros(0, dtype=np.int64)
        )
        if len(columns):
            values = similarity[row - first, columns]
            place = np.searchsorted(-least, -values)
            sure = values > most[place]
            at[part] += np.bincount(place[sure], minlength=len(least))
            unsure = columns[~sure]
            doubtful[found : found + len(unsure)], where[found : found + len(unsure)] = (
                row,
                unsure + start,
            )
            found += len(unsure)
        row += 1
    return row, found
