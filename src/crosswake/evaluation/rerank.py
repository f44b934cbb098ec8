"""k-reciprocal re-ranking with neighbour lists and sparse vectors.

Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017. The usual code holds
several (Q+G) x (Q+G) arrays; here a chip is its list of nearest neighbours and a sparse vector over its
reciprocal ones, and distances are given out a query at a time. The one quadratic thing left is the search for the
neighbours, which is the ranking of :mod:`crosswake.evaluation.ranking` in bounded memory.
"""

import itertools
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import _sparsetools

from crosswake.errors import CrosswakeError
from crosswake.evaluation.features import Features, check_counts, distance_rows, features_of
from crosswake.evaluation.neighbours import Neighbours, find_neighbours
from crosswake.evaluation.ranking import GIGABYTE

BLOCK = 250
"""Most queries that a thread takes at a time."""
ROWS_AT_ONCE = 1024
"""Chips whose neighbours' neighbours are looked at together."""


@dataclass(frozen=True, kw_only=True)
class RerankConfig:
    """Settings of k-reciprocal re-ranking (Zhong et al., CVPR 2017); the defaults are the paper's."""

    k1: int = 20
    """Neighbours among which reciprocal ones are sought."""
    k2: int = 6
    """Nearest chips, itself included, whose vectors are averaged (local query expansion); 1 for none."""
    lambda_: float = 0.3
    """Weight of the original distance; the rest is that of the Jaccard distance."""
    half: bool = False
    """Round and add weights in half precision, as the published code does, small ones getting lost in the sum."""
    apart: bool = False
    """Take the k1 and k2 nearest of each modality by itself, so that a modality gap does not shut one out."""

    @property
    def record(self) -> dict[str, object]:
        """The settings under the names of their options."""
        return {name.rstrip("_"): value for name, value in asdict(self).items()}

    @property
    def words(self) -> str:
        """The settings as a reader meets them."""
        apart = ", neighbours of each modality apart" if self.apart else ""
        half = ", in half precision" if self.half else ""
        return f"k-reciprocal re-ranking with k1 {self.k1}, k2 {self.k2}, lambda {self.lambda_:g}{apart}{half}"

    def __post_init__(self) -> None:
        for good, setting, problem in (
            (self.k1 > 0, "k1", f"must be above 0, got {self.k1}"),
            (self.k2 > 0, "k2", f"must be above 0, got {self.k2}"),
            (0 <= self.lambda_ <= 1, "lambda", f"must be from 0 to 1, got {self.lambda_}"),
        ):
            if not good:
                raise CrosswakeError(f"--rerank.{setting}: {problem}")


def rerank_rows(
    query: ArrayLike,
    gallery: ArrayLike,
    config: RerankConfig | None = None,
    *,
    query_modality: ArrayLike | None = None,
    gallery_modality: ArrayLike | None = None,
    normalise: bool = True,
    budget: int = GIGABYTE,
    device: str = "cpu",
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) re-ranked distances of each query in turn, 0 to 1, smaller for more alike.

    Memory is that of Q + G neighbour lists and sparse vectors besides ``budget``, never (Q+G)^2.

    Args:
        query: (Q, D) features; Q may be 0.
        gallery: (G, D) features; G may be 0.
        config: settings; the paper's if None.
        query_modality: (Q,), 0 optical, 1 SAR; asked for by ``config.apart`` only.
        gallery_modality: (G,), likewise.
        normalise: L2-normalise the features first.
        budget: bytes that the search for neighbours works in.
        device: where similarities are computed.

    Raises:
        CrosswakeError: features that are not finite or do not fit each other; modalities that are asked for and
            missing.
    """
    config = config or RerankConfig()
    rows = [np.asarray(part) for part in (query, gallery)]
    check_counts(*rows, *(np.zeros(len(part)) for part in rows))
    if not all(map(len, rows)):
        yield from np.zeros((len(rows[0]), len(rows[1])), dtype=np.float32)
        return
    names = ("query features", "gallery features")
    for part, name in zip(rows, names, strict=True):
        features_of(part, normalise=normalise, name=name)
    features = features_of(np.concatenate(rows), normalise=normalise, name="features")
    modality = joint_modality(rows, (query_modality, gallery_modality)) if config.apart else None
    longest = max(config.k1 + 1, config.k2)
    neighbours = find_neighbours(features, longest, modality, budget=budget, device=device)
    vectors = make_vectors(features, neighbours, config)
    jaccard = jaccard_rows(vectors, len(rows[0]), half=config.half, budget=budget)
    original = original_rows(features, len(rows[0]), budget)
    share = np.float32(config.lambda_)
    for place, (new, old) in enumerate(zip(jaccard, original, strict=True)):
        farthest = np.float32(neighbours.farthest[place] or 1)
        yield new * (1 - share) + old / farthest * share


def original_rows(features: Features, queries: int, budget: int) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) squared distances of each of the first ``queries`` features to the others.

    Lengths of 1 leave single precision nothing to lose; others are taken in double precision.
    """
    if not features.normalise:
        yield from distance_rows(features.rows[:queries], features.rows[queries:], normalise=False)
        return
    gallery = features.scaled(slice(queries, None), 1.0)
    block = max(1, min(BLOCK, budget // 8 // (4 * len(gallery))))
    ours, theirs = (features.squares[part].astype(np.float32) for part in (slice(queries), slice(queries, None)))
    room = np.empty((block, len(gallery)), dtype=np.float32)
    for start in range(0, queries, block):
        rows = slice(start, min(queries, start + block))
        distance = np.matmul(features.scaled(rows, 1.0), gallery.T, out=room[: rows.stop - start])
        distance *= -2
        distance += theirs
        distance += ours[rows, None]
        yield from np.maximum(distance, 0, out=distance)


def make_vectors(features: Features, neighbours: Neighbours, config: RerankConfig) -> sparse.csr_array:
    """(N, N): the sparse vector of every chip, averaged over its nearest if asked for."""
    kind = np.float16 if config.half else np.float32
    vectors = encode(features, neighbours, config.k1)
    vectors.data = vectors.data.astype(kind).astype(np.float32)
    if config.k2 > 1:
        vectors = average(vectors, neighbours, config.k2)
        vectors.data = vectors.data.astype(kind).astype(np.float32)
    return vectors


def joint_modality(rows: list[NDArray[Any]], given: tuple[ArrayLike | None, ArrayLike | None]) -> NDArray[Any]:
    """(N,): modalities of queries, then gallery."""
    parts = []
    for part, modality in zip(rows, given, strict=True):
        if modality is None or np.shape(modality) != (len(part),):
            raise CrosswakeError(
                "--rerank.apart: the modality of every query and gallery chip is needed, "
                f"got shape {np.shape(modality) if modality is not None else None} for {len(part)} chips"
            )
        parts.append(np.asarray(modality))
    return np.concatenate(parts)


def encode(features: Features, neighbours: Neighbours, k1: int) -> sparse.csr_array:
    """(N, N): each chip's weights over its expanded reciprocal neighbours, exp(-distance), sum 1 (equations 5, 7)."""
    members = expand(neighbours, k1)
    lengths = np.diff(members.indptr)
    rows = np.repeat(np.arange(len(features)), lengths)
    inner = inner_products(features, members)
    together = features.squares[rows] + features.squares[members.indices]
    farthest = np.where(neighbours.farthest > 0, neighbours.farthest, 1)
    weights = np.exp(-np.maximum(together - 2 * inner, 0) / farthest[rows])
    weights /= np.repeat(np.add.reduceat(weights, members.indptr[:-1]), lengths)
    return sparse.csr_array((weights.astype(np.float32), members.indices, members.indptr), shape=members.shape)


def inner_products(features: Features, where: sparse.csr_array) -> NDArray[np.float32]:
    """(nnz,): inner products of the features at the entries of ``where``, in single precision."""
    import torch  # noqa: PLC0415

    result = np.empty(where.nnz, dtype=np.float32)
    everyone = torch.from_numpy(features.scaled(slice(None), 1.0))
    for start in range(0, len(features), ROWS_AT_ONCE):
        part = where[start : start + ROWS_AT_ONCE]
        pattern = sparse_tensor(part)
        found = torch.sparse.sampled_addmm(pattern, everyone[start : start + ROWS_AT_ONCE], everyone.T, beta=0.0)
        result[where.indptr[start] : where.indptr[start] + part.nnz] = found.values().numpy()
    return result


def sparse_tensor(matrix: sparse.csr_array) -> Any:
    """The same matrix in PyTorch."""
    import torch  # noqa: PLC0415

    starts, columns = (torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(
            starts, columns, torch.from_numpy(matrix.data), size=matrix.shape, check_invariants=False
        )


def expand(neighbours: Neighbours, k1: int) -> sparse.csr_array:
    """(N, N): the reciprocal neighbours R(p, k1), joined by R(q, k1/2) of those q that share enough (equation 3).

    Enough is over two thirds of R(q, k1/2).
    """
    reciprocal, half = (mutual(neighbours.table(k + 1)) for k in (k1, int(np.around(k1 / 2))))
    sizes = half.sum(axis=1)
    half_turned = half.T.tocsr()

    def block(rows: slice) -> sparse.csr_array:
        own = reciprocal[rows]
        shared = (own @ half_turned).multiply(own).tocoo()
        enough = shared.data > 2 / 3 * sizes[shared.col]
        ones, places = np.ones(np.count_nonzero(enough), dtype=np.float32), (shared.row[enough], shared.col[enough])
        return sparse.csr_array(own + sparse.csr_array((ones, places), shape=own.shape) @ half)

    members = by_rows(block, half.shape[0])
    members.sort_indices()
    return members


def by_rows(block: Callable[[slice], sparse.csr_array], count: int) -> sparse.csr_array:
    """(count, N): blocks of rows made by ``block``, a thread each, put together."""
    import torch  # noqa: PLC0415

    parts = [slice(start, start + ROWS_AT_ONCE) for start in range(0, count, ROWS_AT_ONCE)]
    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        return sparse.csr_array(sparse.vstack(list(pool.map(block, parts)), format="csr"))


def mutual(table: sparse.csr_array) -> sparse.csr_array:
    """The entries that are there both ways: p among the nearest of q, and q among those of p."""
    return sparse.csr_array(table.multiply(table.T.tocsr()))


def average(vectors: sparse.csr_array, neighbours: Neighbours, k2: int) -> sparse.csr_array:
    """(N, N): each vector replaced by the mean of those of its k2 nearest (local query expansion, equation 11)."""
    table = neighbours.table(k2)
    table.data /= table.indptr[1]
    return by_rows(lambda rows: sparse.csr_array(table[rows] @ vectors), table.shape[0])


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

    total = torch.zeros(asked.shape[0], sought.shape[1], dtype=torch.float16 if half else torch.float32)
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
            total[row].index_add_(0, where, torch.from_numpy(least).half())
        else:
            total[row].scatter_add_(0, where, torch.from_numpy(least))
    part = total.numpy()
    return np.asarray(1 - part / (2 - part), dtype=np.float32)


def gather(matrix: sparse.csr_array, rows: NDArray[Any], places: NDArray[Any], values: NDArray[Any]) -> None:
    """Write columns and values of some rows, one after another, where there is room for them.

    ``matrix[rows]`` does this and checks what it made, which takes as long again.
    """
    _sparsetools.csr_row_index(len(rows), rows, matrix.indptr, matrix.indices, matrix.data, places, values)
