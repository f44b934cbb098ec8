"""The sparse vector of every chip over its reciprocal neighbours (Zhong et al., CVPR 2017, section
3)."""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosswake.retrieval.features import Features
from crosswake.retrieval.neighbours import Neighbours

ROWS_AT_ONCE = 1024
"""Chips whose neighbours' neighbours are looked at together."""


def make_vectors(
    features: Features, neighbours: Neighbours, k1: int, k2: int, *, half: bool
) -> sparse.csr_array:
    """(N, N): the sparse vector of every chip, averaged over its nearest if asked for."""
    kind = np.float16 if half else np.float32
    vectors = encode(features, neighbours, k1)
    vectors.data = vectors.data.astype(kind).astype(np.float32)
    if k2 > 1:
        vectors = average(vectors, neighbours, k2)
        vectors.data = vectors.data.astype(kind).astype(np.float32)
    return vectors


def encode(features: Features, neighbours: Neighbours, k1: int) -> sparse.csr_array:
    """(N, N): each chip's weights over its expanded reciprocal neighbours, exp(-distance), sum 1
    (equations 5, 7)."""
    members = expand(neighbours, k1)
    rows = np.repeat(np.arange(len(features)), np.diff(members.indptr))
    together = features.squares[rows] + features.squares[members.indices]
    inner = inner_products(features.scaled(slice(None), 1.0), members)
    farthest = np.where(neighbours.farthest > 0, neighbours.farthest, 1)
    weights = np.exp(-np.maximum(together - 2 * inner, 0) / farthest[rows])
    weights /= np.bincount(rows, weights, minlength=len(features))[rows]
    return sparse.csr_array(
        (weights.astype(np.float32), members.indices, members.indptr), shape=members.shape
    )


def inner_products(rows: NDArray[np.float32], where: sparse.csr_array) -> NDArray[np.float32]:
    """(nnz,): inner products of rows with each other at the entries of ``where``, in single
    precision."""
    import torch

    result = np.empty(where.nnz, dtype=np.float32)
    everyone = torch.from_numpy(rows)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = where[start : start + ROWS_AT_ONCE]
        pattern = sparse_tensor(part)
        found = torch.sparse.sampled_addmm(
            pattern, everyone[start : start + ROWS_AT_ONCE], everyone.T, beta=0.0
        )
        result[where.indptr[start] : where.indptr[start] + part.nnz] = found.values().numpy()
    return result


def sparse_tensor(matrix: sparse.csr_array) -> Any:
    """The same matrix in PyTorch."""
    import torch

    starts, columns = (
        torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(
            starts,
            columns,
            torch.from_numpy(matrix.data),
            size=matrix.shape,
            check_invariants=False,
        )


def expand(neighbours: Neighbours, k1: int) -> sparse.csr_array:
    """(N, N): the reciprocal neighbours R(p, k1), joined by R(q, k1/2) of those q that share enough
    (equation 3).

    Enough is over two thirds of R(q, k1/2).
    """
    reciprocal, half = (mutual(neighbours.table(k + 1)) for k in (k1, half_of(k1)))
    sizes = half.sum(axis=1)
    half_turned = half.T.tocsr()

    def block(rows: slice) -> sparse.csr_array:
        own = reciprocal[rows]
        shared = (own @ half_turned).multiply(own).tocoo()
        enough = shared.data > 2 / 3 * sizes[shared.col]
        ones, places = (
            np.ones(np.count_nonzero(enough), dtype=np.float32),
            (shared.row[enough], shared.col[enough]),
        )
        return sparse.csr_array(own + sparse.csr_array((ones, places), shape=own.shape) @ half)

    members = by_rows(block, half.shape[0])
    members.sort_indices()
    return members


def half_of(k1: int) -> int:
    """Neighbours of a neighbour that are looked at; half of an odd number goes to the even, as in
    published code."""
    return int(np.around(k1 / 2))


def by_rows(block: Callable[[slice], sparse.csr_array], count: int) -> sparse.csr_array:
    """(count, N): blocks of rows made by ``block``, a thread each, put together."""
    import torch

    parts = [slice(start, start + ROWS_AT_ONCE) for start in range(0, count, ROWS_AT_ONCE)]
    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        return sparse.csr_array(sparse.vstack(list(pool.map(block, parts)), format="csr"))


def mutual(table: sparse.csr_array) -> sparse.csr_array:
    """The entries that are there both ways: p among the nearest of q, and q among those of p."""
    return sparse.csr_array(table.multiply(table.T.tocsr()))


def average(vectors: sparse.csr_array, neighbours: Neighbours, k2: int) -> sparse.csr_array:
    """(N, N): each vector replaced by the mean of those of its k2 nearest (local query expansion,
    equation 11)."""
    table = neighbours.table(k2)
    table.data /= table.indptr[1]
    return by_rows(lambda rows: sparse.csr_array(table[rows] @ vectors), table.shape[0])
