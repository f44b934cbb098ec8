"""Exact ranking of a gallery for every query, and what is read off it.

Sources: average precision and CMC as in Zheng et al., "Scalable Person Re-identification: A Benchmark",
ICCV 2015, section 4.2; inverse negative penalty from Ye et al., "Deep Learning for Person Re-identification:
A Survey and Outlook", TPAMI 2021, section 4.1. Nothing is filtered out of the gallery.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.errors import CrosswakeError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DISTANCES_AT_ONCE = 2**23
"""Distances held in memory at a time (64 MB in double precision), whatever the number of queries."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What the ranked galleries of Q queries show.

    Attributes:
        average_precision: (Q,), over the whole ranking; NaN for a query without a true match.
        first_match: (Q,), rank of the first true match, from 1; 0 without one.
        inverse_negative_penalty: (Q,), true matches divided by the rank of the last one; NaN without one.
        matches: (Q,), number of true matches in the gallery.
        top: (Q, k), gallery indices of the k nearest, nearest first.
        top_distance: (Q, k), their squared distances.
        gallery: number of gallery chips.
    """

    average_precision: Floats
    first_match: Ints
    inverse_negative_penalty: Floats
    matches: Ints
    top: Ints
    top_distance: Floats
    gallery: int

    @property
    def used(self) -> NDArray[np.bool_]:
        """(Q,), true for the queries that count: those with a true match in the gallery."""
        return self.matches > 0


def rank(
    query: ArrayLike,
    gallery: ArrayLike,
    query_identity: Sequence[Any] | NDArray[Any],
    gallery_identity: Sequence[Any] | NDArray[Any],
    *,
    top: int = 50,
    normalise: bool = True,
) -> Ranking:
    """Rank the gallery for every query by squared Euclidean distance; of equals, the lower index first.

    Args:
        query: (Q, D) features; Q may be 0.
        gallery: (G, D) features; G may be 0.
        query_identity: Q identities.
        gallery_identity: G identities.
        top: length of the rank lists kept; the whole gallery if that is shorter.
        normalise: L2-normalise the features first, so that the order is that of cosine similarity.

    Raises:
        CrosswakeError: features that are not finite, or counts that do not fit each other.
    """
    query_ids, gallery_ids = np.asarray(query_identity), np.asarray(gallery_identity)
    check_counts(query, gallery, query_ids, gallery_ids)
    count, size = len(query_ids), len(gallery_ids)
    top = min(top, size)
    result = Ranking(
        average_precision=np.full(count, np.nan),
        first_match=np.zeros(count, dtype=np.int64),
        inverse_negative_penalty=np.full(count, np.nan),
        matches=np.zeros(count, dtype=np.int64),
        top=np.zeros((count, top), dtype=np.int64),
        top_distance=np.zeros((count, top)),
        gallery=size,
    )
    if count and size:
        for row, distance in enumerate(distance_rows(query, gallery, normalise=normalise)):
            fill_row(result, row, distance, np.flatnonzero(gallery_ids == query_ids[row]))
    return result


def fill_row(result: Ranking, row: int, distance: NDArray[np.float32], matches: Ints) -> None:
    """Write one query's numbers into ``result``."""
    nearest = nearest_first(distance, result.top.shape[1])
    result.top[row], result.top_distance[row] = nearest, distance[nearest]
    result.matches[row] = len(matches)
    if len(matches):
        ranks = match_ranks(distance, matches)
        result.average_precision[row] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
        result.first_match[row] = ranks[0]
        result.inverse_negative_penalty[row] = len(ranks) / ranks[-1]


def match_ranks(distance: NDArray[Any], matches: Ints) -> Ints:
    """Ranks, from 1 and ascending, of the gallery entries ``matches``, by counting what is before."""
    before = [
        np.count_nonzero(distance < distance[match]) + np.count_nonzero(distance[:match] == distance[match])
        for match in matches
    ]
    return np.sort(np.asarray(before, dtype=np.int64)) + 1


def nearest_first(distance: NDArray[Any], count: int) -> Ints:
    """Indices of the ``count`` smallest distances, ascending; of equals, the lower index first."""
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    limit = np.partition(distance, count - 1)[count - 1]
    candidates = np.flatnonzero(distance <= limit)
    order = np.argsort(distance[candidates], kind="stable")[:count]
    return np.asarray(candidates[order], dtype=np.int64)


def distance_rows(query: ArrayLike, gallery: ArrayLike, *, normalise: bool = True) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) squared distances of each query in turn, computed a bounded block at a time.

    Sums are in double precision and rounded to single: matrix products add in an order that depends on the
    position in the block, and equal features must come out equally far for ties to be ties.
    """
    prepare = unit_rows if normalise else finite_rows
    rows, columns = prepare(query, "query features"), prepare(gallery, "gallery features")
    row_norms, column_norms = (np.einsum("nd,nd->n", part, part) for part in (rows, columns))
    block = max(1, DISTANCES_AT_ONCE // max(1, len(columns)))
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        squared = row_norms[part, None] + column_norms - 2 * rows[part] @ columns.T
        yield from np.maximum(squared, 0).astype(np.float32)


def unit_rows(features: ArrayLike, name: str = "features") -> Floats:
    """Rows scaled to length 1, in double precision; a row of zeros stays so."""
    rows = finite_rows(features, name)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def finite_rows(features: ArrayLike, name: str = "features") -> Floats:
    """(N, D) features in double precision, or an error that names the first row which is not finite."""
    rows = np.asarray(features, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise CrosswakeError(
            f"{name}: {len(bad)} of {len(rows)} rows are not finite, row {bad[0]} first; "
            "the model has diverged or the precision is too low: try --precision fp32 or other weights"
        )
    return rows


def check_counts(query: ArrayLike, gallery: ArrayLike, query_ids: NDArray[Any], gallery_ids: NDArray[Any]) -> None:
    """Raise unless features and identities are as many, and features of one width."""
    shapes = {"query": np.shape(query), "gallery": np.shape(gallery)}
    for (name, shape), ids in zip(shapes.items(), (query_ids, gallery_ids), strict=True):
        if len(ids) != shape[0] or (shape[0] and len(shape) != 2):
            raise CrosswakeError(
                f"{name} features of shape {shape} with {len(ids)} identities; rows and identities must match"
            )
    if shapes["query"][0] and shapes["gallery"][0] and shapes["query"][1] != shapes["gallery"][1]:
        raise CrosswakeError(f"features differ in width: query {shapes['query']}, gallery {shapes['gallery']}")
