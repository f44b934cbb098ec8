"""The numbers of one protocol with their 95 % intervals, and a light score for validation while
training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.data.reid import DIRECTION, PROTOCOLS, ProtocolName
from crosswake.retrieval.metrics import Floats, Ranking
from crosswake.retrieval.products import RankOptions
from crosswake.retrieval.ranking import rank

CMC_RANKS = (1, 5, 10)
METRICS = ("mAP", *(f"rank{k}" for k in CMC_RANKS), "mINP")
CURVE_LENGTH = 50
RESAMPLES = 2000
COUNTS_AT_ONCE = 2**22


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric's value and the ends of its 95 % interval, each a fraction; NaN without queries."""

    value: float
    low: float
    high: float


NOT_MEASURED = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))


@dataclass(frozen=True, kw_only=True)
class ProtocolResult:
    """What one protocol measures.

    Attributes:
        name: ``all``, ``o2s`` or ``s2o``.
        metrics: ``mAP``, ``rank1``, ``rank5``, ``rank10``, ``mINP``, each with its interval.
        median_rank: median over queries of the first true match's rank, with its interval.
        curve: (50,), CMC from rank 1 on; NaN without queries.
        queries: number of queries that have a true match and count.
        left_out: number of queries without a true match.
        tied: number of queries with a wrong chip exactly as near as a true match. Average
            precision is its mean over all orders of equals; the other numbers take equals in the
            order of the gallery.
        gallery: number of gallery chips.
        ranking: the numbers and rank list of each query, those left out included.
    """

    name: ProtocolName
    metrics: Mapping[str, Estimate]
    median_rank: Estimate
    curve: Floats
    queries: int
    left_out: int
    tied: int
    gallery: int
    ranking: Ranking

    @property
    def mAP(self) -> float:  # noqa: N802
        """Mean average precision."""
        return self.metrics["mAP"].value

    @property
    def mINP(self) -> float:  # noqa: N802
        """Mean inverse negative penalty."""
        return self.metrics["mINP"].value

    @property
    def cmc(self) -> dict[int, float]:
        """Share of queries with a true match among the first 1, 5 and 10."""
        return {k: self.metrics[f"rank{k}"].value for k in CMC_RANKS}


def evaluate_protocol(name: ProtocolName, ranking: Ranking, *, seed: int = 0) -> ProtocolResult:
    """Average a ranking over the queries that have a true match.

    Args:
        name: what the protocol is called.
        ranking: from :func:`crosswake.retrieval.ranking.rank`.
        seed: of the bootstrap.
    """
    used = ranking.used
    values = per_query(ranking)[used]
    return ProtocolResult(
        name=name,
        metrics=dict(zip(METRICS, bootstrap(values, seed=seed), strict=True)),
        median_rank=bootstrap_median(ranking.first_match[used], seed=seed),
        curve=cmc_curve(ranking, CURVE_LENGTH),
        queries=int(used.sum()),
        left_out=int((~used).sum()),
        tied=int(ranking.tied.sum()),
        gallery=ranking.gallery,
        ranking=ranking,
    )


def per_query(ranking: Ranking) -> Floats:
    """(Q, 5): every metric of every query, in the order of ``METRICS``. Rows of queries that are
    not used mean nothing."""
    hits = [ranking.first_match <= k for k in CMC_RANKS]
    return np.stack(
        [ranking.expected_precision, *hits, ranking.inverse_negative_penalty],
        axis=1,
        dtype=np.float64,
    )


def cmc_curve(ranking: Ranking, length: int) -> Floats:
    """(length,): share of the used queries with a true match among the first 1, 2, ... of the
    gallery."""
    first = ranking.first_match[ranking.used]
    if len(first) == 0:
        return np.full(length, np.nan)
    return np.asarray(np.mean(first[:, None] <= np.arange(1, length + 1), axis=0), dtype=np.float64)


def bootstrap(values: Floats, *, seed: int, resamples: int = RESAMPLES) -> list[Estimate]:
    """Mean over queries of each column, with its percentile interval (Efron and Tibshirani, "An
    Introduction to the Bootstrap", 1993, ch. 13).

    Where all queries give one value, resampling shows no spread; then, and only then, the interval
    is :func:`wilson`.

    Args:
        values: (Q, M), a row for each query, a column for each metric.
        seed: of the resampling.
        resamples: how often Q queries are drawn with replacement.
    """
    count, generator = len(values), np.random.default_rng(seed)
    if not count:
        return [NOT_MEASURED] * values.shape[1]
    # A mean depends only on how often each query is drawn, and these counts are multinomial.
    equal = np.full(count, 1 / count)
    means = [
        generator.multinomial(count, equal, size=size) @ values / count
        for size in draw_sizes(count, resamples)
    ]
    found = estimates(values.mean(axis=0), np.concatenate(means))
    flat = (values == values[0]).all(axis=0)
    return [wilson(e.value, count) if one else e for e, one in zip(found, flat, strict=True)]


def wilson(share: float, count: int) -> Estimate:
    """A share of ``count`` queries with its 95 % score interval, which is no point at 0 and 1
    (Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927).

    Of a mean of values from 0 to 1 it is at least wide enough, for none spread more than shares."""
    square = 1.959964**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = square * (share * (1 - share) / count + square / (4 * count**2))
    half = spread**0.5 / (1 + square / count)
    low, high = max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))
    return Estimate(value=share, low=low, high=high)


def bootstrap_median(values: NDArray[Any], *, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """Median of (Q,) values with its percentile interval."""
    count, generator = len(values), np.random.default_rng(seed)
    if not count:
        return NOT_MEASURED
    medians = [
        np.median(values[generator.integers(count, size=(size, count))], axis=1)
        for size in draw_sizes(count, resamples)
    ]
    return estimates(np.median(values, keepdims=True), np.concatenate(medians)[:, None])[0]


def draw_sizes(count: int, resamples: int) -> list[int]:
    """How many resamples of ``count`` queries to draw at a time, so that memory is bounded."""
    block = max(1, COUNTS_AT_ONCE // count)
    return [min(block, resamples - start) for start in range(0, resamples, block)]


def estimates(values: Floats, resampled: Floats) -> list[Estimate]:
    """(M,) values with the 95 % intervals of their (resamples, M) resampled ones."""
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    parts = zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(value=v, low=a, high=b) for v, a, b in parts]


def of_queries(ranking: Ranking, rows: NDArray[np.bool_]) -> Ranking:
    """The ranking of some of its queries, in the same gallery."""
    fields = {name: value[rows] for name, value in vars(ranking).items() if name != "gallery"}
    return replace(ranking, **fields)


def score(
    query: ArrayLike,
    gallery: ArrayLike,
    query_identity: Sequence[Any] | NDArray[Any],
    gallery_identity: Sequence[Any] | NDArray[Any],
) -> dict[str, float]:
    """``mAP``, ``rank1``, ``rank5``, ``rank10`` and ``mINP`` from features alone, without
    intervals.

    Args:
        query: (Q, D) features, of any length: they are L2-normalised here.
        gallery: (G, D) features.
        query_identity: Q identities.
        gallery_identity: G identities.

    Returns:
        Fractions; NaN where no query has a true match.
    """
    ranking = rank(query, gallery, query_identity, gallery_identity, RankOptions(top=1))
    values = per_query(ranking)[ranking.used]
    means = values.mean(axis=0) if len(values) else np.full(len(METRICS), np.nan)
    return dict(zip(METRICS, map(float, means), strict=True))


def score_protocols(
    query: NDArray[Any],
    gallery: NDArray[Any],
    query_identity: Sequence[Any] | NDArray[Any],
    gallery_identity: Sequence[Any] | NDArray[Any],
    query_modality: ArrayLike,
    gallery_modality: ArrayLike,
) -> dict[ProtocolName, dict[str, float]]:
    """:func:`score` for ``all``, ``o2s`` and ``s2o``. Modalities: 0 is optical, 1 is SAR."""
    query_ids, gallery_ids = np.asarray(query_identity), np.asarray(gallery_identity)
    scores = {}
    for name in PROTOCOLS:
        rows = np.ones(len(query_ids), dtype=bool)
        columns = np.ones(len(gallery_ids), dtype=bool)
        if name in DIRECTION:
            rows = np.asarray(query_modality) == DIRECTION[name][0]
            columns = np.asarray(gallery_modality) == DIRECTION[name][1]
        scores[name] = score(query[rows], gallery[columns], query_ids[rows], gallery_ids[columns])
    return scores
