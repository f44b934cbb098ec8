"""Features as the ranking needs them: checked, scaled a block at a time, and compared exactly, pair
by pair."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.core.errors import CrosswakeError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROWS_AT_ONCE = 512
"""Rows brought to double precision at a time; few enough to stay in the cache."""
DISTANCES_AT_ONCE, COLUMNS_AT_ONCE = 2**26, 4096
"""Distances that :func:`distance_rows` holds in memory at a time (256 MB), and gallery features for
them."""
PAIRS_AT_ONCE = 256
"""Pairs compared at a time; few enough to stay in the cache."""
NOTHING = 2.0**-40
"""A distance below this share of the squared lengths is rounding left over from equal features, and
becomes 0."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """N features of one kind, query or gallery, as the user has them: nothing is copied.

    Attributes:
        rows: (N, D), of any floating type; may be a memory map.
        lengths: (N,), Euclidean length of each row; 1 for a row of zeros.
        squares: (N,), squared length that distances are computed with: that of the unit row if
            normalised.
        normalise: whether rows count as scaled to length 1.
    """

    rows: NDArray[Any]
    lengths: Floats
    squares: Floats
    normalise: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        """D."""
        return int(self.rows.shape[1])

    def double(self, part: slice) -> Floats:
        """(n, D): the rows of ``part`` in double precision, of length 1 if normalised."""
        rows = self.rows[part].astype(np.float64)
        return rows / self.lengths[part, None] if self.normalise else rows

    def subset(self, rows: Ints) -> "Features":
        """Some of the features, copied."""
        return Features(
            rows=self.rows[rows],
            lengths=self.lengths[rows],
            squares=self.squares[rows],
            normalise=self.normalise,
        )

    def scaled(self, part: slice, scale: float) -> NDArray[np.float32]:
        """(n, D): the rows of ``part`` as they enter a matrix product; ``scale`` divides those not
        normalised."""
        start, stop, _ = part.indices(len(self))
        result = np.empty((stop - start, self.width), dtype=np.float32)
        kind = np.result_type(self.rows, np.float32)
        for begin in range(start, stop, ROWS_AT_ONCE):
            end = min(stop, begin + ROWS_AT_ONCE)
            factor = (
                1 / self.lengths[begin:end, None] if self.normalise else np.full((1, 1), 1 / scale)
            )
            result[begin - start : end - start] = self.rows[begin:end] * factor.astype(kind)
        return result


Exact = Callable[[Features, Ints, Features, Ints], NDArray[np.float32]]
"""Computes distances as :func:`exact_pairs` does."""


def features_of(rows: ArrayLike, *, normalise: bool, name: str) -> Features:
    """Measure every row.

    Raises:
        CrosswakeError: rows that are not finite, named by ``name`` and the first such row.
    """
    array = np.asarray(rows)
    if not np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float64)
    squares = np.empty(len(array))
    for start in range(0, len(array), ROWS_AT_ONCE):
        block = array[start : start + ROWS_AT_ONCE].astype(np.float64)
        squares[start : start + ROWS_AT_ONCE] = np.add.reduce(block * block, axis=1)
    refuse_rows(~np.isfinite(squares), name)
    lengths = np.sqrt(squares)
    lengths[lengths == 0] = 1
    return Features(
        rows=array,
        lengths=lengths,
        squares=(squares > 0).astype(np.float64) if normalise else squares,
        normalise=normalise,
    )


def exact_pairs(
    query: Features, rows: Ints, gallery: Features, columns: Ints, threads: int = 1
) -> NDArray[np.float32]:
    """(n,): squared distances of query ``rows`` to gallery ``columns``, pair by pair.

    Each depends on its two rows alone: products, or differences where rows are not normalised, and
    their sum are in double precision, in an order that the width fixes, then rounded to single. So
    equal features are equally far, wherever they stand and whatever is asked along with them, which
    no matrix product promises.

    Args:
        query: of which there are ``rows``.
        rows: (n,).
        gallery: of which there are ``columns``.
        columns: (n,).
        threads: that share the work.
    """
    sums = np.empty(len(columns))

    def fill(part: slice) -> None:
        # Whole passes over memory that is there already: small steps between them would have
        # threads wait in turn.
        ours, theirs = (
            Rows(features, min(PAIRS_AT_ONCE, len(sums))) for features in (query, gallery)
        )
        for start in range(part.start, part.stop, PAIRS_AT_ONCE):
            pairs = slice(start, min(part.stop, start + PAIRS_AT_ONCE))
            one, other = ours.double(rows[pairs]), theirs.double(columns[pairs])
            if not query.normalise:
                other = np.subtract(one, other, out=one)
            np.einsum("nd,nd->n", one, other, out=sums[pairs])

    share = max(PAIRS_AT_ONCE, -(-len(columns) // threads))
    parts = [
        slice(start, min(len(columns), start + share)) for start in range(0, len(columns), share)
    ]
    if len(parts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, parts))
    elif parts:
        fill(parts[0])
    if query.normalise:
        sums /= gallery.lengths[columns] * query.lengths[rows]
        sums = unit_distance(sums, query.squares[rows] + gallery.squares[columns])
    return sums.astype(np.float32)


def unit_distance(inner: Floats, together: Floats) -> Floats:
    """Squared distances of normalised rows from inner products and the sum of both squared
    lengths."""
    squared = together - 2 * inner
    squared[squared < NOTHING * together] = 0
    return np.asarray(squared)


class Rows:
    """Some rows of features at a time in double precision, in memory that is used again."""

    def __init__(self, features: Features, most: int) -> None:
        self._rows = features.rows
        self._raw = np.empty((most, features.width), features.rows.dtype)
        self._double = np.empty((most, features.width))

    def double(self, places: Ints) -> Floats:
        """(n, D): the rows at ``places``, until the next call."""
        raw, double = self._raw[: len(places)], self._double[: len(places)]
        np.take(
            self._rows, places, axis=0, out=raw, mode="clip"
        )  # with another mode it would take a copy
        np.copyto(double, raw)
        return double


def order_keys(distance: NDArray[np.float32], columns: Ints) -> Ints:
    """(n,): integers in the order of the rank list: nearer first; of equals, the lower gallery
    index first.

    The bits of floats that are not negative are ordered as the floats are.
    """
    bits = distance.view(np.int32).astype(np.int64)
    return np.asarray((bits << 32) | columns, dtype=np.int64)


def distance_rows(
    query: ArrayLike, gallery: ArrayLike, *, normalise: bool = True
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) squared distances of each query in turn, computed a bounded block at a time.

    The plain way: a matrix product in double precision, rounded to single so that equal features
    come out equally far."""
    asked = features_of(query, normalise=normalise, name="query features")
    sought = features_of(gallery, normalise=normalise, name="gallery features")
    block = max(1, DISTANCES_AT_ONCE // max(1, len(sought)))
    for start in range(0, len(asked), block):
        rows = slice(start, min(len(asked), start + block))
        result = np.empty((rows.stop - start, len(sought)), dtype=np.float32)
        double = asked.double(rows)
        for first in range(0, len(sought), COLUMNS_AT_ONCE):
            columns = slice(first, first + COLUMNS_AT_ONCE)
            together = asked.squares[rows, None] + sought.squares[columns]
            result[:, columns] = np.maximum(together - 2 * double @ sought.double(columns).T, 0)
        yield from result


def unit_rows(features: ArrayLike, name: str = "features") -> Floats:
    """Rows scaled to length 1, in double precision; a row of zeros stays so."""
    rows = finite_rows(features, name)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def finite_rows(features: ArrayLike, name: str = "features") -> Floats:
    """(N, D) features in double precision, or an error that names the first row which is not
    finite."""
    rows = np.asarray(features, dtype=np.float64)
    refuse_rows(np.asarray(~np.isfinite(rows).all(axis=1)), name)
    return rows


def refuse_rows(bad: NDArray[np.bool_], name: str) -> None:
    """Raise if any row is ``bad``, that is, not finite."""
    if bad.any():
        raise CrosswakeError(
            f"{name}: {bad.sum()} of {len(bad)} rows are not finite, row {int(np.argmax(bad))} "
            "first; "
            "the model has diverged or the precision is too low: try --precision fp32 or other "
            "weights"
        )


def check_counts(
    query: ArrayLike, gallery: ArrayLike, query_ids: NDArray[Any], gallery_ids: NDArray[Any]
) -> None:
    """Raise unless features and identities are as many, and features of one width."""
    shapes = {"query": np.shape(query), "gallery": np.shape(gallery)}
    for (name, shape), ids in zip(shapes.items(), (query_ids, gallery_ids), strict=True):
        if len(ids) != shape[0] or (shape[0] and len(shape) != 2):
            raise CrosswakeError(
                f"{name} features of shape {shape} with {len(ids)} identities; rows and identities "
                "must match"
            )
    if shapes["query"][0] and shapes["gallery"][0] and shapes["query"][1] != shapes["gallery"][1]:
        raise CrosswakeError(
            f"features differ in width: query {shapes['query']}, gallery {shapes['gallery']}"
        )
