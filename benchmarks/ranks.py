"""``bench rank`` and ``bench rerank``: our ways beside the usual ones, on made-up features."""

import importlib.util
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.machine import describe_machine, measure_limits
from benchmarks.made import MadeFeatures, make_features
from benchmarks.plain import compiled_ranking, dense_rerank, exact_search, loop_ranking
from benchmarks.record import OURS, Bench
from benchmarks.timing import Timing, interleave
from crosswake.retrieval.metrics import Ranking
from crosswake.retrieval.products import GIGABYTE, RankOptions
from crosswake.retrieval.protocols import METRICS, per_query
from crosswake.retrieval.ranking import rank
from crosswake.retrieval.rerank import rerank_rows
from crosswake.settings.evaluate import RerankConfig

SEARCH = "faiss, top 50 alone"
SCALING = (8, 4, 2)
"""The curves' further points: an eighth, a quarter and half of the gallery."""
Ways = dict[str, Callable[[], Any]]


@dataclass(frozen=True, kw_only=True)
class RankSettings:
    """What is ranked, and how often.

    Attributes:
        queries: number of queries.
        gallery: number of gallery chips.
        width: of a feature.
        repeats: of every way.
        seed: of the features.
        device: where our way computes similarities.
        budget: bytes that our way may work in.
        alone: measure ours only, without curves: for sizes that the usual ways cannot hold.
    """

    queries: int
    gallery: int
    width: int
    repeats: int
    seed: int = 0
    device: str = "cpu"
    budget: int = GIGABYTE
    alone: bool = False

    @property
    def options(self) -> RankOptions:
        """How our way works."""
        return RankOptions(budget=self.budget, device=self.device)


def bench_rank(settings: RankSettings, *, quiet: bool = True) -> Bench:
    """Time exact mAP, CMC and mINP: ours, a loop over queries, and a Q x G matrix sorted row by
    row with a compiled loop; beside them faiss's exact search, if it is installed."""

    def ways(data: MadeFeatures) -> Ways:
        parts = (data.query, data.gallery, data.query_ids, data.gallery_ids)
        found: Ways = {OURS: lambda: averages(rank(*parts, settings.options))}
        if not settings.alone:
            found |= {
                "argsort loop": lambda: loop_ranking(*parts),
                "compiled": lambda: compiled_ranking(*parts),
            }
            if importlib.util.find_spec("faiss"):
                found[SEARCH] = lambda: exact_search(data.query, data.gallery, 50)
        return found

    def agreement(timings: dict[str, Timing]) -> dict[str, float]:
        ours = timings[OURS].result
        return {
            f"any metric, {name}": max(abs(ours[key] - timing.result[key]) for key in METRICS)
            for name, timing in timings.items()
            if name not in (OURS, SEARCH)
        }

    products = settings.queries * settings.gallery
    return run(
        "rank",
        settings,
        ways,
        agreement,
        flops=2.0 * products * settings.width,
        moved=4.0 * ((settings.queries + settings.gallery) * settings.width + 2 * products),
        quiet=quiet,
    )


def bench_rerank(settings: RankSettings, config: RerankConfig, *, quiet: bool = True) -> Bench:
    """Time k-reciprocal re-ranking: ours, and the usual one with (Q+G) x (Q+G) arrays in half
    precision."""

    def ways(data: MadeFeatures) -> Ways:
        parts = (data.query, data.gallery)
        found: Ways = {
            OURS: lambda: np.stack(list(rerank_rows(*parts, config, options=settings.options)))
        }
        if not settings.alone:
            found["dense"] = lambda: dense_rerank(*parts, config.k1, config.k2, config.lambda_)
        return found

    def agreement(timings: dict[str, Timing]) -> dict[str, float]:
        if "dense" not in timings:
            return {}
        apart = np.abs(timings[OURS].result - timings["dense"].result)
        return {"distance, dense in half precision": float(apart.max())}

    chips = settings.queries + settings.gallery
    products = chips**2 + settings.queries * settings.gallery
    return run(
        "rerank",
        settings,
        ways,
        agreement,
        flops=2.0 * products * settings.width,
        moved=4.0 * (2 * chips * settings.width + 2 * products),
        quiet=quiet,
        further=config.record,
    )


def run(
    name: str,
    settings: RankSettings,
    ways: Callable[[MadeFeatures], Ways],
    agreement: Callable[[dict[str, Timing]], dict[str, float]],
    *,
    flops: float,
    moved: float,
    quiet: bool,
    further: dict[str, object] | None = None,
) -> Bench:
    """Time the ways at full size and, for the curves, with less of a gallery."""
    data = make_features(settings.queries, settings.gallery, settings.width, seed=settings.seed)
    warm_up(ways(make_features(4, 64, 8)))
    limits = measure_limits(settings.device)
    timings = interleave(ways(data), repeats=settings.repeats, quiet=quiet)
    scaling: dict[str, dict[int, float]] = {way: {} for way in timings}
    sizes = (
        []
        if settings.alone
        else [settings.gallery // part for part in SCALING if settings.gallery >= 8 * part]
    )
    for size in sizes:
        for way, timing in interleave(ways(data.of_gallery(size)), repeats=1).items():
            scaling[way][size] = timing.median
    for way, timing in timings.items():
        scaling[way][settings.gallery] = timing.median
    return Bench(
        name=name,
        measured_on=data.words,
        settings=asdict(settings) | (further or {}),
        machine=describe_machine(settings.device),
        limits=limits,
        timings=timings,
        flops=flops,
        bytes=moved,
        agreement=agreement(timings),
        scaling_over="gallery chips",
        scaling=scaling if sizes else {},
    )


def warm_up(ways: Ways) -> None:
    """Do everything once on next to nothing, so that imports, compilation and first allocations are
    not timed."""
    for way in ways.values():
        way()


def averages(ranking: Ranking) -> dict[str, float]:
    """The metrics over the queries that have a true match."""
    return dict(
        zip(METRICS, map(float, per_query(ranking)[ranking.used].mean(axis=0)), strict=True)
    )
