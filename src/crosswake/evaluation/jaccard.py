"""Jaccard distances of sparse vectors, a query at a time (Zhong et al., CVPR 2017, equations 8 and 10)."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import _sparsetools

from crosswake.evaluation.ranking import GIGABYTE

BLOCK = 250
"""Most queries that a thread takes at a time."""


def jaccard_rows(
    vectors: sparse.csr_array, queries: int, *, half: bool = False, budget: int = GIGABYTE
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) Jaccard distances of each query's vector to those of the gallery (equations 8 and 10).

    Sums of minima are taken over the entries that both have, so only what overlaps is touched. Queries are taken a
    block at a time, as many as ``budget`` bytes hold a row of distances of.
    """
    import torch  # noqa: PLC0415

    asked, sought = vectors[:queries], vectors[queries:].T.tocsr()
    asked.sort_indices()  # in half precision the order of a sum matters
    workers = max(1, torch.get_num_threads())
    block = max(1, min(BLOCK, budget // (8 * workers * sought.shape[1]), -(-queries // workers)))
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, queries, block * workers):
            starts = range(start, min(queries, start + block * workers), block)
            parts = pool.map(lambda first: overlaps(asked[first : first + block], sought, half), starts)
            for part in parts:
                yield from part


def overlaps(asked: sparse.csr_array, sought: sparse.csr_array, half: bool) -> NDArray[np.float32]:
    """(n, G): Jaccard distances of the rows of ``asked`` and the columns of ``sought``, added up entry after entry."""
    import torch  # noqa: PLC0415

    chips = sought.shape[1]
    result = np.empty((asked.shape[0], chips), np.float32)
    lengths = np.diff(sought.indptr)
    bounds = list(itertools.pairwise(asked.indptr.tolist()))
    most = max(int(lengths[asked.indices[start:stop]].sum()) for start, stop in bounds)
    places, values = np.empty(most, sought.indices.dtype), np.empty(most, np.float32)
    wide = torch.empty(most, dtype=torch.int64)
    for row, (start, stop) in enumerate(bounds):
        columns = asked.indices[start:stop]
        counts = lengths[columns]
        size = int(counts.sum())
        gather(sought, columns, places, values)
        least = np.minimum(values[:size], np.repeat(asked.data[start:stop], counts), out=values[:size])
        where = wide[:size].copy_(torch.from_numpy(places[:size]))
        if half:  # adds in half precision, where scatter_add_ would not
            shared = torch.zeros(chips, dtype=torch.float16).index_add_(0, where, torch.from_numpy(least).half())
        else:
            shared = torch.zeros(chips).scatter_add_(0, where, torch.from_numpy(least))
        result[row] = (1 - shared / (2 - shared)).clamp_(min=0)  # sums of shares may exceed 1 by rounding
    return result


def gather(matrix: sparse.csr_array, rows: NDArray[Any], places: NDArray[Any], values: NDArray[Any]) -> None:
    """Write columns and values of some rows, one after another, where there is room for them.

    ``matrix[rows]`` does this and checks what it made, which takes as long again.
    """
    _sparsetools.csr_row_index(len(rows), rows, matrix.indptr, matrix.indices, matrix.data, places, values)
