"""Jaccard distances of sparse vectors, a query at a time (Zhong et al., CVPR 2017, equations 8 and
10)."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosswake.retrieval import compiling
from crosswake.retrieval.minima import TYPES, add_minima
from crosswake.retrieval.ranking import GIGABYTE

BLOCK = 250
"""Most queries that a thread takes at a time."""


def jaccard_rows(
    vectors: sparse.csr_array, queries: int, *, half: bool = False, budget: int = GIGABYTE
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) Jaccard distances of each query's vector to those of the gallery (equations 8
    and 10).

    Sums of minima are taken over the entries that both have, so only what overlaps is touched.
    Queries are taken a block at a time, as many as ``budget`` bytes hold a row of distances of."""
    import torch

    asked, sought = vectors[:queries], vectors[queries:].T.tocsr()
    asked.sort_indices()  # in half precision the order of a sum matters
    sums = int(np.diff(sought.indptr)[asked.indices].sum(dtype=np.int64))
    compiled = None if half or sums < compiling.WORTH else compiling.compiled(add_minima, TYPES)
    workers = max(1, torch.get_num_threads())
    block = max(1, min(BLOCK, budget // (8 * workers * sought.shape[1]), -(-queries // workers)))

    def distances(first: int) -> NDArray[np.float32]:
        rows = asked[first : first + block]
        shared = (
            overlaps(rows, sought, half)
            if compiled is None
            else compiled_overlaps(rows, sought, compiled)
        )
        for row in shared:  # each by itself, while it is in the cache
            np.divide(row, 2 - row, out=row)
            np.subtract(1, row, out=row)
            np.maximum(row, 0, out=row)  # sums of shares may exceed 1 by rounding
        return shared.astype(np.float32, copy=False)

    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, queries, block * workers):
            for part in pool.map(
                distances, range(start, min(queries, start + block * workers), block)
            ):
                yield from part


def compiled_overlaps(
    asked: sparse.csr_array, sought: sparse.csr_array, compiled: Any
) -> NDArray[np.float32]:
    """:func:`overlaps` in single precision, by compiled code."""
    total = np.zeros((asked.shape[0], sought.shape[1]), np.float32)
    kind = np.result_type(asked.indices, sought.indices)
    parts = (asked.indptr, asked.indices, asked.data, sought.indptr, sought.indices, sought.data)
    compiled(
        *(part if part.dtype == np.float32 else part.astype(kind, copy=False) for part in parts),
        total,
    )
    return total


def overlaps(asked: sparse.csr_array, sought: sparse.csr_array, half: bool) -> NDArray[Any]:
    """(n, G): sums of minima of the rows of ``asked`` and the columns of ``sought``, added up entry
    after entry."""
    import torch

    total = torch.zeros(
        asked.shape[0], sought.shape[1], dtype=torch.float16 if half else torch.float32
    )
    for row, (start, stop) in enumerate(itertools.pairwise(asked.indptr.tolist())):
        found = sought[asked.indices[start:stop]]
        least = np.minimum(found.data, np.repeat(asked.data[start:stop], np.diff(found.indptr)))
        places, values = torch.from_numpy(found.indices.astype(np.int64)), torch.from_numpy(least)
        if half:  # adds in half precision, where scatter_add_ would not
            total[row].index_add_(0, places, values.half())
        else:
            total[row].scatter_add_(0, places, values)
    return total.numpy()
