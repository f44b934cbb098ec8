"""How similarities, which are computed in single precision, hang together with distances, which are
meant."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval.features import Features, Floats

UNIT = 2.0**-24
"""Unit roundoff of single precision."""
SPARE = 16
"""Roundings besides those of the product itself: scaling, thresholds, distances rounded to
single."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """How similarities, which are computed, hang together with distances, which are meant.

    similarity = (q . g - (|g|^2 - one) / 2) / scale^2 = (|q|^2 + one - distance) / (2 scale^2), so
    that the most similar is the nearest. For features normalised to length 1 it is their cosine.

    Attributes:
        query: the queries.
        gallery: the gallery.
        one: 1 if features are normalised, else 0.
        scale: what features are divided by, so that single precision suffices; 1 if they are
            normalised.
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
        return np.asarray(
            (self.query.squares[row] + self.one - distance.astype(np.float64)) / (2 * self.scale**2)
        )

    def distance(self, rows: int | slice, similarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared distances that belong to these similarities, to within rounding; a row of them a
        query, if many."""
        own = self.query.squares[rows]
        if similarity.ndim == 2:
            own = own[:, None]
        squared = own + self.one - 2 * self.scale**2 * similarity.astype(np.float64)
        return np.asarray(np.maximum(squared, 0).astype(np.float32))
