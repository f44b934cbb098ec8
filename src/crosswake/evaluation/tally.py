"""What one query learns of the gallery, block by block: who is before its true matches, and who is nearest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.evaluation.features import Features, Floats, Ints, order_keys, pair_distances

UNIT = 2.0**-24
"""Unit roundoff of single precision."""
SPARE = 16
"""Roundings besides those of the product itself: scaling, thresholds, distances rounded to single."""
FEW = 64
"""A sort pays from one true match per this many values on; below, each match is counted for by itself."""
SAMPLE = 16
"""The first block is sampled at most this sparsely to guess where its nearest entries end."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """How similarities, which are computed, hang together with distances, which are meant.

    similarity = (q . g - (|g|^2 - one) / 2) / scale^2 = (|q|^2 + one - distance) / (2 scale^2), so that the
    most similar is the nearest. For features normalised to length 1 it is their cosine.

    Attributes:
        query: the queries.
        gallery: the gallery.
        one: 1 if features are normalised, else 0.
        scale: what features are divided by, so that single precision suffices; 1 if they are normalised.
        error: bound on the difference between computed and true similarity.
    """

    query: Features
    gallery: Features
    one: float
    scale: float
    error: float

    @classmethod
    def of(cls, query: Features, gallery: Features) -> "Space":
        """The space of two sets of features."""
        normalise = query.normalise
        longest = max(part.lengths.max(initial=0) for part in (query, gallery))
        return cls(
            query=query,
            gallery=gallery,
            one=1.0 if normalise else 0.0,
            scale=1.0 if normalise else float(longest) or 1.0,
            error=(query.width + SPARE) * UNIT * (1.0 if normalise else 2.0),
        )

    def offset(self, columns: slice) -> NDArray[np.float32] | None:
        """What to subtract from the products with ``columns``; None if nothing."""
        offset = (self.gallery.squares[columns] - self.one) / (2 * self.scale**2)
        return offset.astype(np.float32) if offset.any() else None

    def similarity(self, row: int, distance: NDArray[np.float32]) -> Floats:
        """Similarities of query ``row`` to entries at these distances."""
        return np.asarray((self.query.squares[row] + self.one - distance.astype(np.float64)) / (2 * self.scale**2))

    def distance(self, rows: int | slice, similarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared distances that belong to these similarities, to within rounding; a row of them a query, if many."""
        own = self.query.squares[rows]
        if similarity.ndim == 2:
            own = own[:, None]
        squared = own + self.one - 2 * self.scale**2 * similarity.astype(np.float64)
        return np.asarray(np.maximum(squared, 0).astype(np.float32))


class Tally:
    """One query's count.

    Args:
        space: features, and the error bound.
        row: which query.
        matches: (M,), gallery indices of its true matches, ascending.
        top: how many of the nearest to keep.
        rough: distances need not be exact; their order is all the same.

    Attributes:
        ranks: (M,), ranks of the true matches from 1, ascending, once finished.
        top: (k,), gallery indices of the nearest, nearest first, once finished.
        top_distance: (k,), their squared distances.
        farthest: the largest squared distance to any entry, to within the error bound.
    """

    ranks: Ints
    top: Ints
    top_distance: NDArray[np.float32]
    farthest: float

    def __init__(self, space: Space, row: int, matches: Ints, top: int, *, rough: bool = False) -> None:
        self._space, self._row, self._length, self._rough = space, row, top, rough
        self._matches = matches
        self._columns = np.zeros(0, dtype=np.int64)
        self._similar = np.zeros(0, dtype=np.float32)
        self._limit = -np.inf
        self._least = np.inf

    def begin(self) -> None:
        """Settle how far the true matches are."""
        self._before = np.zeros(len(self._matches), dtype=np.int64)
        if not len(self._matches):
            return
        distance = self._exact(self._matches)
        self._keys = np.sort(order_keys(distance, self._matches))
        distance = (self._keys >> 32).astype(np.int32).view(np.float32)
        similarity = self._space.similarity(self._row, distance)
        self._high = (similarity + self._space.error).astype(np.float32)
        self._low = (similarity - self._space.error).astype(np.float32)

    def visit(self, similarity: NDArray[np.float32], start: int) -> None:
        """Take in the similarities of the gallery entries from ``start`` on; the array is spoilt."""
        self._least = min(self._least, float(similarity.min()))
        if self._length:
            self._collect(similarity, start)
        if len(self._matches):
            self._count(similarity, start)

    def finish(self) -> None:
        """Turn counts into ranks and candidates into the rank list; nothing else is kept."""
        self.ranks = self._before + np.arange(1, len(self._before) + 1)
        keys, columns = self._nearest(rough=self._rough)
        self.top, self.top_distance = columns, (keys >> 32).astype(np.int32).view(np.float32)
        self.farthest = float(self._space.distance(self._row, np.array([self._least], dtype=np.float32))[0])
        del self._columns, self._similar

    def _exact(self, columns: Ints) -> NDArray[np.float32]:
        return pair_distances(self._space.query, self._row, self._space.gallery, columns)

    def _collect(self, similarity: NDArray[np.float32], start: int) -> None:
        """Add what may be among the nearest.

        With x the k-th largest similarity computed so far, the k-th nearest is truly at least x - error, so what
        is computed below x - 2 error is out.
        """
        if self._limit == -np.inf:
            sample = similarity[:: max(1, min(SAMPLE, len(similarity) // (4 * self._length)))]
            if len(sample) >= self._length:
                self._limit = kth_largest(sample, self._length) - 2 * self._space.error
        found = np.flatnonzero(similarity >= np.float32(self._limit))
        if len(found):
            self._columns = np.concatenate([self._columns, found + start])
            self._similar = np.concatenate([self._similar, similarity[found]])
            if len(self._columns) > self._length:
                self._trim()

    def _trim(self) -> None:
        """Drop candidates that are out; where ties leave too many, settle them."""
        self._limit = kth_largest(self._similar, self._length) - 2 * self._space.error
        self._keep(self._similar >= np.float32(self._limit))
        if len(self._columns) > 4 * self._length + SAMPLE:
            _, nearest = self._nearest()
            self._keep(np.isin(self._columns, nearest))
            self._limit = float(self._similar.min()) - 2 * self._space.error

    def _keep(self, stays: NDArray[np.bool_]) -> None:
        self._columns, self._similar = self._columns[stays], self._similar[stays]

    def _nearest(self, *, rough: bool = False) -> tuple[Ints, Ints]:
        """Order keys and gallery indices of the nearest candidates, nearest first."""
        distance = self._rough_distance() if rough else self._exact(self._columns)
        keys = order_keys(distance, self._columns)
        order = np.argsort(keys)[: self._length]
        return keys[order], self._columns[order]

    def _rough_distance(self) -> NDArray[np.float32]:
        """Distances of the candidates from computed similarities; exact ones where those leave the order open."""
        distance = self._space.distance(self._row, self._similar)
        order = np.argsort(self._similar)
        near = np.diff(self._similar[order]) <= np.float32(2 * self._space.error)
        unsure = order[np.append(near, False) | np.append(False, near)]
        if len(unsure):
            distance[unsure] = self._exact(self._columns[unsure])
        return distance

    def _count(self, similarity: NDArray[np.float32], start: int) -> None:
        """Count the entries before each true match; true matches themselves are out of it."""
        first, last = np.searchsorted(self._matches, [start, start + len(similarity)])
        similarity[self._matches[first:last] - start] = -np.inf
        columns = np.flatnonzero(similarity >= self._low[-1])
        values = similarity[columns]
        sure, possible = larger(values, self._high, strictly=True), larger(values, self._low, strictly=False)
        unsure = possible > sure
        if unsure.any():
            doubtful = within(values, self._low[unsure], self._high[unsure])
            settled = columns[doubtful] + start
            keys = np.sort(order_keys(self._exact(settled), settled))
            sure -= larger(values[doubtful], self._high, strictly=True)
            sure += np.searchsorted(keys, self._keys)
        self._before += sure


def kth_largest(values: NDArray[np.float32], k: int) -> float:
    """The k-th largest of at least k values."""
    return float(np.partition(values, len(values) - k)[len(values) - k])


def larger(values: NDArray[np.float32], limits: NDArray[np.float32], *, strictly: bool) -> Ints:
    """(n,): how many ``values`` are larger than each of the ``limits``, or at least as large."""
    if len(limits) * FEW < len(values):
        compare = np.greater if strictly else np.greater_equal
        return np.array([np.count_nonzero(compare(values, limit)) for limit in limits], dtype=np.int64)
    side = "right" if strictly else "left"
    return np.asarray(len(values) - np.searchsorted(np.sort(values), limits, side=side), dtype=np.int64)  # type: ignore[call-overload]


def within(values: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]) -> Ints:
    """Indices of the values that lie in any of the closed intervals; ``low`` and ``high`` both descend."""
    if len(low) * FEW < len(values):
        inside = np.zeros(len(values), dtype=bool)
        for least, most in zip(low, high, strict=True):
            inside |= (values >= least) & (values <= most)
        return np.flatnonzero(inside)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    edges = np.zeros(len(values) + 1, dtype=np.int64)
    np.add.at(edges, np.searchsorted(ordered, low, side="left"), 1)
    np.add.at(edges, np.searchsorted(ordered, high, side="right"), -1)
    return np.asarray(order[np.cumsum(edges[:-1]) > 0], dtype=np.int64)
