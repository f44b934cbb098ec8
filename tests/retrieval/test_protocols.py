import numpy as np
import pytest

from crosswake.retrieval.protocols import METRICS, bootstrap, evaluate_protocol
from crosswake.retrieval.ranking import rank


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
