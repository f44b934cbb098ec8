"""k-reciprocal re-ranking with neighbour lists and sparse vectors.

Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017. The usual code holds
several (Q+G) x (Q+G) arrays; here a chip is its list of nearest neighbours and a sparse vector over its
reciprocal ones, and distances are given out a query at a time. The one quadratic thing left is the search for the
neighbours, which is the ranking of :mod:`crosswake.evaluation.ranking` in bounded memory.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from crosswake.errors import CrosswakeError
from crosswake.evaluation.features import Features, check_counts, distance_rows, features_of, pair_distances
from crosswake.evaluation.neighbours import Neighbours, find_neighbours
from crosswake.evaluation.ranking import GIGABYTE

ROWS_AT_ONCE = 1024
"""Chips whose neighbours' neighbours are looked at together."""
BLOCK = 512
"""Most queries whose Jaccard distances are computed together."""


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
    original = distance_rows(*rows, normalise=normalise)
    share = np.float32(config.lambda_)
    for place, (new, old) in enumerate(zip(jaccard, original, strict=True)):
        farthest = np.float32(neighbours.farthest[place] or 1)
        yield new * (1 - share) + old / farthest * share


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
    import torch  # noqa: PLC0415

    members = expand(neighbours, k1)
    starts, columns = members.indptr, members.indices.astype(np.int64)
    weights = np.empty(len(columns), dtype=np.float32)

    def fill(start: int) -> None:
        for row in range(start, min(start + ROWS_AT_ONCE, len(features))):
            part = slice(starts[row], starts[row + 1])
            distance = pair_distances(features, row, features, columns[part], np.float32)
            weight = np.exp(-distance / np.float32(neighbours.farthest[row] or 1))
            weights[part] = weight / weight.sum()

    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        list(pool.map(fill, range(0, len(features), ROWS_AT_ONCE)))
    return sparse.csr_array((weights, columns, starts), shape=members.shape)


def expand(neighbours: Neighbours, k1: int) -> sparse.csr_array:
    """(N, N): the reciprocal neighbours R(p, k1), joined by R(q, k1/2) of those q that share enough (equation 3).

    Enough is over two thirds of R(q, k1/2).
    """
    reciprocal, half = (mutual(neighbours.table(k + 1)) for k in (k1, int(np.around(k1 / 2))))
    sizes = half.sum(axis=1)
    half_turned = half.T.tocsr()
    blocks = []
    for start in range(0, half.shape[0], ROWS_AT_ONCE):
        own = reciprocal[start : start + ROWS_AT_ONCE]
        shared = (own @ half_turned).multiply(own).tocoo()
        enough = shared.data > 2 / 3 * sizes[shared.col]
        rows, columns = shared.row[enough], shared.col[enough]
        joined = sparse.csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=own.shape)
        blocks.append(own + joined @ half)
    members = sparse.csr_array(sparse.vstack(blocks, format="csr"))
    members.sort_indices()
    return members


def mutual(table: sparse.csr_array) -> sparse.csr_array:
    """The entries that are there both ways: p among the nearest of q, and q among those of p."""
    return sparse.csr_array(table.multiply(table.T.tocsr()))


def average(vectors: sparse.csr_array, neighbours: Neighbours, k2: int) -> sparse.csr_array:
    """(N, N): each vector replaced by the mean of those of its k2 nearest (local query expansion, equation 11)."""
    table = neighbours.table(k2)
    table.data /= table.indptr[1]
    return sparse.csr_array(table @ vectors)


def jaccard_rows(
    vectors: sparse.csr_array, queries: int, *, half: bool = False, budget: int = GIGABYTE
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) Jaccard distances of each query's vector to those of the gallery (equations 8 and 10).

    Sums of minima are taken over the entries that both have, so only what overlaps is touched. Queries are taken a
    block at a time, as many as ``budget`` bytes hold a row of distances of.
    """
    import torch  # noqa: PLC0415

    asked, sought = vectors[:queries], vectors[queries:].tocsc()
    workers = max(1, torch.get_num_threads())
    block = max(1, min(BLOCK, budget // (16 * workers * sought.shape[0]), -(-queries // workers)))
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, queries, block * workers):
            starts = range(start, min(queries, start + block * workers), block)
            for part in pool.map(lambda first: overlaps(asked[first : first + block], sought, half), starts):
                yield from np.asarray(1 - part / (2 - part), dtype=np.float32)


def overlaps(asked: sparse.csr_array, sought: sparse.csc_array, half: bool) -> NDArray[Any]:
    """(n, G): sums of minima of the rows of ``asked`` and of ``sought``, added up column after column."""
    import torch  # noqa: PLC0415

    kind = torch.float16 if half else torch.float32
    size = sought.shape[0]
    turned = asked.tocsc()
    index = np.int32 if asked.shape[0] * size < 2**31 else np.int64
    rows, chips = (torch.from_numpy(part.indices.astype(index, copy=False)) for part in (turned, sought))
    rows = rows[:, None] * size
    weights, values = torch.from_numpy(turned.data).to(kind)[:, None], torch.from_numpy(sought.data)
    result = torch.zeros(asked.shape[0] * size, dtype=kind)
    bounds, limits = turned.indptr.tolist(), sought.indptr.tolist()
    for column in np.flatnonzero(np.diff(turned.indptr)).tolist():
        ours, theirs = slice(bounds[column], bounds[column + 1]), slice(limits[column], limits[column + 1])
        least = torch.minimum(weights[ours], values[theirs].to(kind))
        result.index_add_(0, (rows[ours] + chips[theirs]).view(-1), least.view(-1))
    return result.view(-1, size).numpy()
