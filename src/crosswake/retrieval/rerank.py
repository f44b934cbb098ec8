"""k-reciprocal re-ranking (Zhong et al., "Re-ranking Person Re-identification with k-reciprocal
Encoding", CVPR 2017) with neighbour lists and sparse vectors.

The usual code holds several (Q+G) x (Q+G) arrays. Here a chip has a list of its nearest and a
sparse vector over its reciprocal neighbours, and distances are given out a query at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval.features import Features, check_counts, prepare
from crosswake.retrieval.metrics import Floats, Ints
from crosswake.retrieval.products import RankOptions, in_threads, threads
from crosswake.retrieval.ranking import DEFAULTS, search, strip_distances
from crosswake.settings.evaluate import RerankConfig

RERANKED_AT_ONCE = 512
"""Chips that a thread takes at a time."""
Modalities = tuple[ArrayLike, ArrayLike]
"""Of the queries, (Q,), and of the gallery, (G,)."""


PAPER = RerankConfig()


def rerank_rows(
    query: ArrayLike,
    gallery: ArrayLike,
    config: RerankConfig = PAPER,
    modalities: Modalities | None = None,
    options: RankOptions = DEFAULTS,
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) re-ranked distances of each query in turn, 0 to 1, smaller for more alike.

    Besides the budget, memory grows with Q + G lists and sparse vectors, never with (Q+G)^2.

    Args:
        query: (Q, D) features; Q may be 0.
        gallery: (G, D) features; G may be 0.
        config: settings; the paper's by default.
        modalities: of queries and of gallery, 0 optical, 1 SAR; only ``config.apart`` needs them.
        options: normalisation, budget and device of the search for neighbours.

    Raises:
        CrosswakeError: features that are not finite or do not fit each other; modalities that are
            needed and missing.
    """
    query, gallery = np.asarray(query), np.asarray(gallery)
    queries, entries = len(query), len(gallery)
    check_counts(query, gallery, queries, entries)
    if not queries or not entries:
        yield from np.zeros((queries, entries), dtype=np.float32)
        return
    both = prepare(query, gallery, options.normalise)
    chips = Features.joined(*both)
    modality = np.zeros(len(chips))
    if config.apart:
        modality = joint_modality((queries, entries), modalities)
    nearest = find_neighbours(chips, modality, max(config.k1 + 1, config.k2), options)
    vectors = make_vectors(chips, nearest, config)
    farthest = nearest.farthest.astype(np.float32)
    share = np.float32(config.lambda_)
    original = strip_distances(*both, options)
    jaccard = jaccard_rows(vectors, queries, config.half)
    for row, (new, old) in enumerate(zip(jaccard, original, strict=True)):
        yield new * (1 - share) + old / farthest[row] * share


def joint_modality(counts: tuple[int, int], given: Modalities | None) -> NDArray[Any]:
    """(Q + G,): modalities of the queries, then of the gallery."""
    for count, modality in zip(counts, given or (None, None), strict=True):
        if modality is None or np.shape(modality) != (count,):
            raise CrosswakeError(
                "--rerank.apart: the modality of every query and gallery chip is needed, "
                f"got shape {None if modality is None else np.shape(modality)} for {count} chips"
            )
    return np.concatenate([np.asarray(modality) for modality in given or ()])


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest of every one of N chips.

    Attributes:
        lists: an (N, k) array for each modality, nearest first. A chip is in a list of its own.
        farthest: (N,), the largest squared distance from each chip to any; 1 where that is 0.
    """

    lists: tuple[Ints, ...]
    farthest: Floats

    def table(self, count: int) -> sparse.csr_array:
        """(N, N) with ones where the column is among the ``count`` nearest of the row."""
        nearest = np.concatenate([part[:, :count] for part in self.lists], axis=1)
        size, length = nearest.shape
        begin = np.arange(0, nearest.size + 1, length)
        ones = np.ones(nearest.size, dtype=np.float32)
        table = sparse.csr_array((ones, nearest.ravel(), begin), shape=(size, size))
        table.sort_indices()
        return table


def find_neighbours(
    chips: Features, modality: NDArray[Any], count: int, options: RankOptions
) -> Neighbours:
    """The ``count`` nearest chips of each modality, for every chip."""
    lists, least = [], []
    for value in np.unique(modality):
        group = np.flatnonzero(modality == value)
        found = list(search(chips, chips.subset(group), replace(options, top=count)))
        lists.append(group[np.concatenate([part.nearest_first()[0] for part in found])])
        least.append(np.concatenate([part.nearest.least for part in found]))
    farthest = chips.distance(slice(None), np.min(least, axis=0)[:, None])[:, 0]
    return Neighbours(lists=tuple(lists), farthest=np.where(farthest > 0, farthest, 1))


def make_vectors(chips: Features, nearest: Neighbours, config: RerankConfig) -> sparse.csr_array:
    """(N, N): the sparse vector of every chip, averaged over its k2 nearest (equation 11)."""
    kind = np.float16 if config.half else np.float32
    vectors = encode(chips, nearest, config.k1)
    vectors.data = vectors.data.astype(kind).astype(np.float32)
    if config.k2 > 1:
        table = nearest.table(config.k2)
        table.data /= table.indptr[1]
        vectors = by_rows(lambda rows: table[rows] @ vectors, len(chips))
        vectors.data = vectors.data.astype(kind).astype(np.float32)
    return vectors


def encode(chips: Features, nearest: Neighbours, k1: int) -> sparse.csr_array:
    """(N, N): each chip's weights over its expanded neighbours, exp(-distance), with sum 1
    (equations 5 and 7)."""
    from crosswake.retrieval.kernels import inner_products

    members = expand(nearest, k1)
    rows = np.repeat(np.arange(len(chips)), np.diff(members.indptr))
    where, inner = kernel_view(members), np.empty(members.nnz, dtype=np.float32)
    features, size = chips.block(0, len(chips)), len(chips)

    def multiply(start: int) -> None:
        inner_products(features, start, min(start + RERANKED_AT_ONCE, size), where, inner)

    in_threads(multiply, range(0, size, RERANKED_AT_ONCE), threads())
    distance = np.maximum(chips.squares[rows] + chips.squares[members.indices] - 2 * inner, 0)
    weights = np.exp(-distance / nearest.farthest[rows])
    weights /= np.bincount(rows, weights, minlength=size)[rows]
    members.data = weights.astype(np.float32)
    return members


def expand(nearest: Neighbours, k1: int) -> sparse.csr_array:
    """(N, N): the reciprocal neighbours R(p, k1), joined by R(q, k1/2) of those q among them that
    share more than two thirds of theirs with p (equation 3)."""
    tables = [
        nearest.table(k + 1) for k in (k1, int(np.around(k1 / 2)))
    ]  # as published code rounds
    reciprocal, smaller = (sparse.csr_array(table.multiply(table.T.tocsr())) for table in tables)
    sizes, turned = smaller.sum(axis=1), smaller.T.tocsr()

    def block(rows: slice) -> sparse.csr_array:
        own = reciprocal[rows]
        shared = (own @ turned).multiply(own).tocsr()
        shared.data = (shared.data > 2 / 3 * sizes[shared.indices]).astype(np.float32)
        shared.eliminate_zeros()
        return sparse.csr_array(own + shared @ smaller)

    members = by_rows(block, len(sizes))
    members.sort_indices()
    return members


def by_rows(block: Callable[[slice], sparse.csr_array], count: int) -> sparse.csr_array:
    """(count, N): blocks of rows, each made by ``block`` in a thread, put together."""
    starts = range(0, count, RERANKED_AT_ONCE)
    parts = in_threads(
        lambda start: block(slice(start, start + RERANKED_AT_ONCE)), starts, threads()
    )
    return sparse.csr_array(sparse.vstack(parts, format="csr"))


def jaccard_rows(
    vectors: sparse.csr_array, queries: int, half: bool
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) Jaccard distances of each query's vector to those of the gallery (equations 8
    and 10).

    Minima are added up over the entries that both vectors have, so that the others cost nothing."""
    from crosswake.retrieval.kernels import add_minima

    query, gallery = vectors[:queries], kernel_view(vectors[queries:].T.tocsr())
    query.sort_indices()  # in half precision the order of a sum matters
    entries = vectors.shape[0] - queries

    def distances(start: int) -> NDArray[np.float32]:
        rows = query[start : start + share]
        total = np.zeros((rows.shape[0], entries), dtype=np.float32)
        add_minima(kernel_view(rows), gallery, total, half)
        for row in total:  # one by one, while it is in the cache
            minima: NDArray[Any] = row.astype(np.float16) if half else row
            row[:] = np.maximum(1 - minima / (2 - minima), 0)  # sums of weights round above 1
        return total

    share = max(1, min(RERANKED_AT_ONCE // 4, -(-queries // threads()), 2**24 // entries))
    batch = share * threads()
    for first in range(0, queries, batch):
        starts = range(first, min(first + batch, queries), share)
        for part in in_threads(distances, starts, threads()):
            yield from part


def kernel_view(matrix: sparse.csr_array) -> Any:
    """A sparse matrix as the kernels take it."""
    from crosswake.retrieval.kernels import Sparse

    return Sparse(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)
