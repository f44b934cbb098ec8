"""Ranking and re-ranking written the usual way: what the fast paths are measured against and tested
with.

Written for this purpose after the structure that published re-identification code shares."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def loop_ranking(
    query: Array, gallery: Array, query_ids: Array, gallery_ids: Array
) -> dict[str, float]:
    """A query at a time: its similarity to the gallery, argsort, and a search for the true matches.

    Args:
        query: (Q, D) unit features.
        gallery: (G, D) unit features.
        query_ids: (Q,) identities.
        gallery_ids: (G,) identities.
    """
    precisions, firsts, penalties = [], [], []
    for feature, identity in zip(query, query_ids, strict=True):
        order = np.argsort(gallery @ feature)[::-1]
        good = np.flatnonzero(gallery_ids == identity)
        rows = np.flatnonzero(np.isin(order, good)) + 1
        if len(rows):
            precisions.append(np.mean(np.arange(1, len(rows) + 1) / rows))
            firsts.append(rows[0])
            penalties.append(len(rows) / rows[-1])
    return averages(precisions, firsts, penalties)


def compiled_ranking(
    query: Array, gallery: Array, query_ids: Array, gallery_ids: Array
) -> dict[str, float]:
    """All distances at once, an argsort along rows, then a compiled loop; arguments as above."""
    order = np.argsort(squared_matrix(query, gallery), axis=1)
    _, codes = np.unique(np.concatenate([query_ids, gallery_ids]), return_inverse=True)
    found = np.zeros((len(query), 3))
    match_loop()(order, codes[: len(query)], codes[len(query) :], found)
    used = found[:, 1] > 0
    return averages(*(list(column) for column in found[used].T))


@functools.cache
def match_loop() -> Any:
    """The compiled loop: average precision, first match and inverse negative penalty a query."""
    from numba import njit

    def loop(order: Array, query_ids: Array, gallery_ids: Array, found: Array) -> None:
        for row in range(len(order)):
            count, total, first, last = 0, 0.0, 0, 1
            for place in range(order.shape[1]):
                if gallery_ids[order[row, place]] == query_ids[row]:
                    count, last = count + 1, place + 1
                    first = first or last
                    total += count / last
            found[row, 0], found[row, 1] = total / max(count, 1), first
            found[row, 2] = count / last

    return njit(cache=True)(loop)


def exact_search(query: Array, gallery: Array, top: int) -> Array:
    """(Q, top): the nearest gallery entries by faiss, and nothing else."""
    import faiss

    index = faiss.IndexFlatIP(gallery.shape[1])
    index.add(gallery)
    return np.asarray(index.search(query, top)[1])


def averages(precisions: list[Any], firsts: list[Any], penalties: list[Any]) -> dict[str, float]:
    """The metrics of all queries that have a true match."""
    first = np.asarray(firsts)
    return {
        "mAP": float(np.mean(precisions)),
        **{f"rank{k}": float(np.mean(first <= k)) for k in (1, 5, 10)},
        "mINP": float(np.mean(penalties)),
    }


def squared_matrix(query: Array, gallery: Array) -> Array:
    """(Q, G) squared Euclidean distances."""
    return np.asarray((query**2).sum(1)[:, None] + (gallery**2).sum(1) - 2 * query @ gallery.T)


def dense_rerank(
    query: Array, gallery: Array, k1: int, k2: int, share: float, kind: Any = np.float16
) -> Array:
    """(Q, G): k-reciprocal re-ranking (Zhong et al., CVPR 2017) with (Q+G) x (Q+G) arrays.

    Args:
        query: (Q, D) unit features.
        gallery: (G, D) unit features.
        k1: number of nearest chips that may be reciprocal neighbours.
        k2: vectors averaged.
        share: weight of the original distance.
        kind: floating type of the weights; half precision is usual.
    """
    together = np.concatenate([query, gallery])
    original = squared_matrix(together, together)
    original = np.transpose(original / np.max(original, axis=0))
    order = np.argsort(original).astype(np.int32)
    vectors = np.zeros_like(original, dtype=kind)
    for row in range(len(together)):
        members = dense_members(order, row, k1)
        weights = np.exp(-original[row, members])
        vectors[row, members] = weights / np.sum(weights)
    if k2 > 1:
        averaged = np.zeros_like(vectors)
        for row in range(len(together)):
            averaged[row] = np.mean(vectors[order[row, :k2]], axis=0)
        vectors = averaged
    jaccard = dense_jaccard(vectors, len(query))
    return np.asarray((jaccard * (1 - share) + original[: len(query)] * share)[:, len(query) :])


def dense_members(order: Array, row: int, k1: int) -> Array:
    """The expanded reciprocal neighbours of one chip."""
    reciprocal = dense_mutual(order, row, k1)
    members = reciprocal
    for candidate in reciprocal:
        more = dense_mutual(order, candidate, int(np.around(k1 / 2)))
        if len(np.intersect1d(more, reciprocal)) > 2 / 3 * len(more):
            members = np.append(members, more)
    return np.unique(members)


def dense_mutual(order: Array, row: int, k: int) -> Array:
    """Those of the k + 1 nearest that have the chip among their own k + 1 nearest."""
    forward = order[row, : k + 1]
    backward = order[forward, : k + 1]
    return np.asarray(forward[np.where(backward == row)[0]])


def dense_jaccard(vectors: Array, queries: int) -> Array:
    """(Q, N): Jaccard distances of the queries to all chips."""
    size = len(vectors)
    having = [np.where(vectors[:, column] != 0)[0] for column in range(size)]
    jaccard = np.zeros((queries, size), dtype=vectors.dtype)
    for row in range(queries):
        least = np.zeros(size, dtype=vectors.dtype)
        for column in np.where(vectors[row] != 0)[0]:
            chips = having[column]
            least[chips] += np.minimum(vectors[row, column], vectors[chips, column])
        jaccard[row] = 1 - least / (2 - least)
    return jaccard
