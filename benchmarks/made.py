"""Features that are made up, of identities that are more or less hard to tell apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHIPS_PER_IDENTITY = 20
NOISE = (1.0, 4.0)
"""Least and most noise of a chip, each drawn for itself, in units of its identity's own feature."""


@dataclass(frozen=True, kw_only=True)
class MadeFeatures:
    """Queries and gallery.

    Attributes:
        query: (Q, D) float32, of length 1.
        gallery: (G, D) float32, of length 1.
        query_ids: (Q,) identities.
        gallery_ids: (G,) identities.
    """

    query: NDArray[np.float32]
    gallery: NDArray[np.float32]
    query_ids: NDArray[Any]
    gallery_ids: NDArray[Any]

    @property
    def words(self) -> str:
        """What they are."""
        queries, width = self.query.shape
        return (
            f"made-up features, {queries:,} queries x {len(self.gallery):,} gallery chips x "
            f"{width}, "
            f"{CHIPS_PER_IDENTITY} chips an identity"
        )

    def of_gallery(self, size: int) -> "MadeFeatures":
        """The same queries with the first ``size`` of the gallery."""
        return MadeFeatures(
            query=self.query,
            gallery=self.gallery[:size],
            query_ids=self.query_ids,
            gallery_ids=self.gallery_ids[:size],
        )


def make_features(queries: int, gallery: int, width: int, *, seed: int = 0) -> MadeFeatures:
    """Normal noise of differing strength around an identity's normal feature; so some chips are
    found, some not."""
    generator = np.random.default_rng(seed)
    identities = max(1, gallery // CHIPS_PER_IDENTITY)
    centres = generator.standard_normal((identities, width), dtype=np.float32)

    def chips(count: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        ids = generator.integers(0, identities, count)
        features = np.empty((count, width), dtype=np.float32)
        for start in range(0, count, 65536):
            part = slice(start, start + 65536)
            own = generator.standard_normal(features[part].shape, dtype=np.float32)
            own *= generator.uniform(*NOISE, size=(len(own), 1)).astype(np.float32)
            own += centres[ids[part]]
            features[part] = own / np.linalg.norm(own, axis=1, keepdims=True)
        return features, ids

    query, query_ids = chips(queries)
    found, gallery_ids = chips(gallery)
    return MadeFeatures(query=query, gallery=found, query_ids=query_ids, gallery_ids=gallery_ids)
