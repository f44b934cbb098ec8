import numpy as np
import pytest

from crosswake.retrieval.protocols import (
    METRICS,
    bootstrap,
    bootstrap_median,
    evaluate_protocol,
    of_queries,
    score,
)
from crosswake.retrieval.ranking import rank, rank_rows


def test_interval_covers_the_value_and_narrows_with_queries() -> None:
    generator = np.random.default_rng(0)
    widths = []
    for count in (50, 5000):
        (estimate,) = bootstrap(generator.random((count, 1)), seed=0)
        assert estimate.low < estimate.value < estimate.high
        widths.append(estimate.high - estimate.low)
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.25)


def test_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(size=(400, 1))
    (estimate,) = bootstrap(values, seed=0)
    half = 1.96 * values.std() / 20
    assert estimate.high - estimate.value == pytest.approx(half, rel=0.1)
    assert estimate.value - estimate.low == pytest.approx(half, rel=0.1)


def test_published_example_of_67_queries() -> None:
    """29.9 % of 67 queries: the interval is about 20 to 42 %."""
    hits = (np.arange(67) < 20).astype(float)[:, None]
    (estimate,) = bootstrap(hits, seed=0)
    assert estimate.low == pytest.approx(0.20, abs=0.03)
    assert estimate.high == pytest.approx(0.41, abs=0.03)


def test_a_share_of_all_or_none_has_an_interval_that_is_no_point() -> None:
    """By Wilson's formula, worked out by hand for ten queries: 0 to 27.75 %."""
    none, every, constant = bootstrap(np.tile([0.0, 1.0, 0.3], (10, 1)), seed=0)
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(1.959964**2 / (10 + 1.959964**2))
    assert (every.value, every.high) == (1, 1)
    assert every.low == pytest.approx(1 - none.high)
    assert constant.low < 0.3 < constant.high
    (one,) = bootstrap(np.ones((1, 1)), seed=0)
    assert one.low == pytest.approx(0.2065, abs=1e-3)


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(2).random((30, 2))
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3)
    assert bootstrap(values, seed=3) != bootstrap(values, seed=4)


def test_result_names_every_metric() -> None:
    features = np.eye(4)
    result = evaluate_protocol("o2s", rank(features, features, list("abcd"), list("abcd")))
    assert tuple(result.metrics) == METRICS
    assert result.mAP == result.mINP == 1
    assert result.name == "o2s"
    assert result.curve.shape == (50,)


def test_each_metric_has_the_interval_of_its_own_queries() -> None:
    values = np.random.default_rng(3).normal(size=(200, 3)) * [1, 5, 25] + [0, 100, 1000]
    for column, estimate in enumerate(bootstrap(values, seed=0)):
        std = values[:, column].std() / 200**0.5
        assert estimate.value == pytest.approx(values[:, column].mean())
        assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * std, rel=0.15)
        assert estimate.low < estimate.value < estimate.high


def test_interval_of_a_median_is_that_of_its_resamples() -> None:
    values = np.random.default_rng(4).geometric(0.02, 101)  # the mean lies far above the median
    estimate = bootstrap_median(values, seed=0)
    generator = np.random.default_rng(9)
    medians = [np.median(generator.choice(values, 101)) for _ in range(4000)]
    assert estimate.value == np.median(values)
    assert (estimate.low, estimate.high) == pytest.approx(
        np.percentile(medians, [2.5, 97.5]), abs=2
    )


def test_rank_k_counts_a_match_at_rank_k_and_none_behind() -> None:
    """Queries whose only match is at rank 1, 2, 5, 6, 10 and 11."""
    places = [1, 2, 5, 6, 10, 11]
    ids = np.arange(len(places))
    distance = np.tile(np.arange(12, dtype=np.float32), (len(places), 1))
    gallery = np.full(12, -1)
    gallery[np.array(places) - 1] = ids
    result = evaluate_protocol("all", rank_rows(distance, ids, gallery))
    assert result.cmc == pytest.approx({1: 1 / 6, 5: 3 / 6, 10: 5 / 6})
    assert result.curve[:12] * 6 == pytest.approx([1, 2, 2, 2, 3, 4, 4, 4, 4, 5, 6, 6])
    assert result.median_rank.value == 5.5


def test_a_query_without_a_match_counts_nowhere() -> None:
    distance = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2]], dtype=np.float32)
    ranking = rank_rows(distance, ["a", "z", "b"], ["a", "b", "c"])
    result = evaluate_protocol("all", ranking)
    assert (result.queries, result.left_out) == (2, 1)
    assert result.mAP == result.mINP == pytest.approx((1 + 1 / 2) / 2)
    assert result.cmc == {1: 0.5, 5: 1, 10: 1}
    assert result.median_rank.value == 1.5
    assert (result.curve[0], result.curve[1]) == (0.5, 1)
    without = evaluate_protocol("all", of_queries(ranking, ranking.used))
    assert without.metrics == result.metrics
    features = np.eye(4)
    assert score(features, features, list("abzc"), list("baxc"))["rank1"] == pytest.approx(1 / 3)
