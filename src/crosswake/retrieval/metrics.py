"""Exact ranking of a gallery for every query, and what is read off it.

Sources: average precision and CMC as in Zheng et al., "Scalable Person Re-identification: A
Benchmark", ICCV 2015, section 4.2; inverse negative penalty from Ye et al., "Deep Learning for
Person Re-identification:
A Survey and Outlook", TPAMI 2021, section 4.1. Nothing is filtered out of the gallery.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.retrieval.features import (
    Floats,
    Ints,
    check_counts,
    distance_rows,
    features_of,
    unit_rows,
)
from crosswake.retrieval.ranking import GIGABYTE, compare, find_matches

__all__ = [
    "Floats",
    "Ints",
    "Ranking",
    "distance_rows",
    "nearest_first",
    "rank",
    "rank_rows",
    "unit_rows",
]

MANY = 64
"""True matches from which on a sort is quicker than a count for each."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What the ranked galleries of Q queries show.

    Attributes:
        average_precision: (Q,), over the whole ranking; NaN for a query without a true match.
        first_match: (Q,), rank of the first true match, from 1; 0 without one.
        inverse_negative_penalty: (Q,), true matches divided by the rank of the last one; NaN
            without one.
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
    budget: int = GIGABYTE,
    device: str = "cpu",
) -> Ranking:
    """Rank the gallery for every query by squared Euclidean distance; of equals, the lower index
    first.

    Equal are distances that single precision does not tell apart; those of equal features are. The
    result does not depend on ``budget``, ``device`` or the number of threads: see
    :mod:`crosswake.retrieval.ranking`.

    Args:
        query: (Q, D) features; Q may be 0.
        gallery: (G, D) features; G may be 0.
        query_identity: Q identities.
        gallery_identity: G identities.
        top: length of the rank lists kept; the whole gallery if that is shorter.
        normalise: L2-normalise the features first, so that the order is that of cosine similarity.
        budget: bytes to work in, features and result not counted; at least 32 MB.
        device: where similarities are computed, a torch device such as ``cuda``.

    Raises:
        CrosswakeError: features that are not finite, counts that do not fit each other, a budget
            too small, a device that is not there.
    """
    query_ids, gallery_ids = np.asarray(query_identity), np.asarray(gallery_identity)
    check_counts(query, gallery, query_ids, gallery_ids)
    result = empty_ranking(len(query_ids), len(gallery_ids), top)
    if len(query_ids) and len(gallery_ids):
        asked = features_of(query, normalise=normalise, name="query features")
        sought = features_of(gallery, normalise=normalise, name="gallery features")
        matches = find_matches(query_ids, gallery_ids)
        found = compare(
            asked, sought, matches, top=result.top.shape[1], budget=budget, device=device
        )
        for block in found:
            result.top[block.rows], result.top_distance[block.rows] = block.top, block.top_distance
            if block.ranks is not None:
                fill_matches(result, block.rows, block.ranks, matches.count[block.rows])
    return result


def rank_rows(
    rows: Iterable[NDArray[Any]],
    query_identity: Sequence[Any] | NDArray[Any],
    gallery_identity: Sequence[Any] | NDArray[Any],
    *,
    top: int = 50,
) -> Ranking:
    """:func:`rank` by distances that are given, such as re-ranked ones: a (G,) row a query, in
    turn."""
    query_ids, gallery_ids = np.asarray(query_identity), np.asarray(gallery_identity)
    result = empty_ranking(len(query_ids), len(gallery_ids), top)
    if len(query_ids) and len(gallery_ids):
        matches = find_matches(query_ids, gallery_ids)
        for row, distance in enumerate(rows):
            nearest = nearest_first(distance, result.top.shape[1])
            result.top[row], result.top_distance[row] = nearest, distance[nearest]
            ranks = match_ranks(distance, matches.of(row))
            fill_matches(result, slice(row, row + 1), ranks, matches.count[row : row + 1])
    return result


def empty_ranking(count: int, size: int, top: int) -> Ranking:
    """A ranking of ``count`` queries against a gallery of ``size``, to be filled."""
    top = min(top, size)
    return Ranking(
        average_precision=np.full(count, np.nan),
        first_match=np.zeros(count, dtype=np.int64),
        inverse_negative_penalty=np.full(count, np.nan),
        matches=np.zeros(count, dtype=np.int64),
        top=np.zeros((count, top), dtype=np.int64),
        top_distance=np.zeros((count, top)),
        gallery=size,
    )


def fill_matches(result: Ranking, rows: slice, ranks: Ints, counts: Ints) -> None:
    """Write what follows from the ranks of true matches into ``rows`` of ``result``.

    Args:
        result: to write into.
        rows: which queries.
        ranks: (m,), ascending, a query at a time.
        counts: (n,), true matches of each.
    """
    ends = np.cumsum(counts)
    starts = ends - counts
    row = np.repeat(np.arange(len(counts)), counts)
    precision = (np.arange(1, len(ranks) + 1) - starts[row]) / ranks
    total = np.bincount(row, weights=precision, minlength=len(counts))
    some = counts > 0
    result.matches[rows] = counts
    result.average_precision[rows][some] = total[some] / counts[some]
    result.first_match[rows][some] = ranks[starts[some]]
    result.inverse_negative_penalty[rows][some] = counts[some] / ranks[ends[some] - 1]


def match_ranks(distance: NDArray[Any], matches: Ints) -> Ints:
    """Ranks, from 1 and ascending, of the gallery entries ``matches``: what is before is counted,
    or all is sorted."""
    if len(matches) > MANY:
        place = np.empty(len(distance), dtype=np.int64)
        place[np.argsort(distance, kind="stable")] = np.arange(1, len(distance) + 1)
        return np.sort(place[matches])
    before = [
        np.count_nonzero(distance < distance[match])
        + np.count_nonzero(distance[:match] == distance[match])
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
