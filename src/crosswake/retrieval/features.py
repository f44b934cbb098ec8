"""Features as ranking needs them: checked once, and scaled a block at a time."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval.metrics import Floats, Ints

ROWS_AT_ONCE = 512
"""Rows brought to double precision at a time; few enough to stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """N features of one kind, query or gallery.

    The similarity of q and g is ``q . g - (|g|^2 - one) / 2``, so that the squared distance is
    ``|q|^2 + one - 2 similarity``, and the most similar is the nearest. Of features normalised to
    length 1 it is the cosine.

    Attributes:
        rows: (N, D), as given; may be a memory map.
        lengths: (N,), what rows are divided by.
        squares: (N,), squared lengths of the rows that are multiplied.
        centre: (D,), what is subtracted from rows that are not normalised. It changes no distance,
            but numbers near zero lose less in single precision. None if normalised.
    """

    rows: NDArray[Any]
    lengths: Floats
    squares: Floats
    centre: Floats | None = None

    @classmethod
    def of(cls, rows: ArrayLike, name: str) -> "Features":
        """Measure features that are to be normalised; a row of zeros stays one.

        Raises:
            CrosswakeError: rows that are not finite, with ``name`` and the first such row.
        """
        array = np.asarray(rows)
        if not np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float64)
        squares = squared_lengths(array)
        refuse_rows(~np.isfinite(squares), name)
        lengths = np.where(squares > 0, np.sqrt(squares), 1)
        return cls(rows=array, lengths=lengths, squares=(squares > 0).astype(np.float64))

    @classmethod
    def joined(cls, query: "Features", gallery: "Features") -> "Features":
        """Both, one behind the other."""
        names = ("rows", "lengths", "squares")
        parts = {n: np.concatenate([getattr(query, n), getattr(gallery, n)]) for n in names}
        return cls(**parts, centre=gallery.centre)

    def __len__(self) -> int:
        return len(self.rows)

    def centred(self, centre: Floats) -> "Features":
        """The same features, not normalised, with their origin at ``centre``."""
        return replace(self, centre=centre, squares=squared_lengths(self.rows, centre))

    def subset(self, places: Ints) -> "Features":
        """Some of the features, copied."""
        names = ("rows", "lengths", "squares")
        return replace(self, **{name: getattr(self, name)[places] for name in names})

    def block(self, start: int, count: int) -> NDArray[np.float32]:
        """(count, D): rows from ``start`` on as they are multiplied; zeros behind the last one."""
        rows = self.rows[start : start + count]
        result = np.empty((count, self.rows.shape[1]), dtype=np.float32)
        result[len(rows) :] = 0
        if self.centre is not None:
            np.subtract(rows, self.centre, out=result[: len(rows)], casting="same_kind")
            return result
        lengths = self.lengths[start : start + count, None]
        kind = np.result_type(rows, np.float32)  # single precision does for all but doubles
        np.divide(rows, lengths.astype(kind), out=result[: len(rows)], casting="same_kind")
        return result

    @property
    def one(self) -> float:
        """1 for features that are normalised, else 0."""
        return 1.0 if self.centre is None else 0.0

    def offset(self, start: int, count: int) -> NDArray[np.float32]:
        """(count,): what to subtract from products with gallery features, padded with zeros."""
        squares = self.squares[start : start + count]
        return np.pad((squares - self.one) / 2, (0, count - len(squares))).astype(np.float32)

    def distance(self, rows: slice, similarity: NDArray[np.float32]) -> Floats:
        """(n, k): squared distances from similarities of the queries ``rows``."""
        return np.asarray(np.maximum(self.squares[rows, None] + self.one - 2.0 * similarity, 0))


def prepare(query: ArrayLike, gallery: ArrayLike, normalise: bool) -> tuple[Features, Features]:
    """The features of queries and gallery; those not normalised are centred at the gallery's mean.

    Raises:
        CrosswakeError: rows that are not finite.
    """
    pair = Features.of(query, "query features"), Features.of(gallery, "gallery features")
    if normalise:
        return pair
    centre = np.asarray(pair[1].rows.mean(axis=0, dtype=np.float64))
    return pair[0].centred(centre), pair[1].centred(centre)


def squared_lengths(rows: NDArray[Any], centre: Floats | float = 0.0) -> Floats:
    """(N,): squared lengths of the rows, less ``centre``, in double precision."""
    result = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        block = rows[start : start + ROWS_AT_ONCE] - np.float64(centre)
        np.einsum("nd,nd->n", block, block, out=result[start : start + ROWS_AT_ONCE])
    return result


def refuse_rows(bad: NDArray[np.bool_], name: str) -> None:
    """Raise if any row is ``bad``, that is, not finite."""
    if bad.any():
        raise CrosswakeError(
            f"{name}: {bad.sum()} of {len(bad)} rows are not finite, row {int(np.argmax(bad))} "
            "first; the model has diverged or the precision is too low: try --precision fp32 or "
            "other weights"
        )


def check_counts(query: ArrayLike, gallery: ArrayLike, queries: int, entries: int) -> None:
    """Raise unless features and identities are as many, and features of one width."""
    shapes = {"query": np.shape(query), "gallery": np.shape(gallery)}
    for (name, shape), count in zip(shapes.items(), (queries, entries), strict=True):
        if count != shape[0] or (count and len(shape) != 2):
            raise CrosswakeError(
                f"{name} features of shape {shape} with {count} identities; rows and identities "
                "must match"
            )
    if queries and entries and shapes["query"][1] != shapes["gallery"][1]:
        raise CrosswakeError(
            f"features differ in width: query {shapes['query']}, gallery {shapes['gallery']}"
        )
