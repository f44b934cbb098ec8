"""k-reciprocal re-ranking with neighbour lists and sparse vectors.

Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017. The usual
code holds several (Q+G) x (Q+G) arrays; here a chip is its list of nearest neighbours and a sparse
vector over its reciprocal ones, and distances are given out a query at a time. The one quadratic
thing left is the search for the neighbours, which is the ranking of
:mod:`crosswake.retrieval.ranking` in bounded memory."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval.features import Features, check_counts, distance_rows, features_of
from crosswake.retrieval.jaccard import jaccard_rows
from crosswake.retrieval.neighbours import find_neighbours
from crosswake.retrieval.ranking import GIGABYTE
from crosswake.retrieval.reciprocal import half_of, make_vectors

BLOCK = 250
"""Most queries whose original distances are computed together."""


@dataclass(frozen=True, kw_only=True)
class RerankConfig:
    """Settings of k-reciprocal re-ranking (Zhong et al., CVPR 2017); the defaults are the
    paper's."""

    k1: int = 20
    """Neighbours among which reciprocal ones are sought."""
    k2: int = 6
    """Nearest chips, itself included, whose vectors are averaged (local query expansion); 1 for
    none."""
    lambda_: float = 0.3
    """Weight of the original distance; the rest is that of the Jaccard distance."""
    half: bool = False
    """Round and add weights in half precision, as the published code does, small ones getting lost
    in the sum."""
    apart: bool = False
    """Take the k1 and k2 nearest of each modality by itself, so that a modality gap does not shut
    one out."""

    @property
    def record(self) -> dict[str, object]:
        """The settings under the names of their options."""
        return {name.rstrip("_"): value for name, value in asdict(self).items()}

    @property
    def words(self) -> str:
        """The settings as a reader meets them."""
        apart = ", neighbours of each modality apart" if self.apart else ""
        half = ", in half precision" if self.half else ""
        numbers = f"k1 {self.k1}, k2 {self.k2}, lambda {self.lambda_:g}"
        return f"k-reciprocal re-ranking with {numbers}{apart}{half}"

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
        CrosswakeError: features that are not finite or do not fit each other; modalities that are
            asked for and missing.
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
    joined = np.concatenate(rows)
    if not normalise:  # which changes no distance, and leaves single precision less to lose
        joined = joined - joined.mean(axis=0, dtype=np.float64)
    features = features_of(joined, normalise=normalise, name="features")
    modality = joint_modality(rows, (query_modality, gallery_modality)) if config.apart else None
    counts = (config.k1 + 1, half_of(config.k1) + 1, config.k2)
    neighbours = find_neighbours(features, counts, modality, budget=budget, device=device)
    vectors = make_vectors(features, neighbours, config.k1, config.k2, half=config.half)
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
    ours, theirs = (
        features.squares[part].astype(np.float32) for part in (slice(queries), slice(queries, None))
    )
    room = np.empty((block, len(gallery)), dtype=np.float32)
    for start in range(0, queries, block):
        rows = slice(start, min(queries, start + block))
        distance = np.matmul(features.scaled(rows, 1.0), gallery.T, out=room[: rows.stop - start])
        distance *= -2
        distance += theirs
        distance += ours[rows, None]
        yield from np.maximum(distance, 0, out=distance)


def joint_modality(
    rows: list[NDArray[Any]], given: tuple[ArrayLike | None, ArrayLike | None]
) -> NDArray[Any]:
    """(N,): modalities of queries, then gallery."""
    parts = []
    for part, modality in zip(rows, given, strict=True):
        if modality is None or np.shape(modality) != (len(part),):
            raise CrosswakeError(
                "--rerank.apart: the modality of every query and gallery chip is needed, "
                f"got shape {np.shape(modality) if modality is not None else None} for {len(part)} "
                "chips"
            )
        parts.append(np.asarray(modality))
    return np.concatenate(parts)
