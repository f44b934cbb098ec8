"""Promise: open-set rates and calibration errors are those of a plain count, resampled by ship."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.retrieval.open_set import (
    OpenSetAnswers,
    identification_curve,
    identification_draws,
    identification_rate,
)
from crosswake.retrieval.reliability import BINS, reliability
from crosswake.retrieval.resampling import draw_identities, mean_of_draws, mean_with_interval


def some_answers(seed: int, count: int = 60) -> OpenSetAnswers:
    random = np.random.default_rng(seed)
    present = random.random(count) < 0.6
    right = present & (random.random(count) < 0.7)
    score = np.round(random.normal(size=count) + np.where(right, 1.5, 0.0), 1)  # some are equal
    return OpenSetAnswers(score=score, right=right, present=present)


def plain_rate(answers: OpenSetAnswers, rate: float) -> float:
    """Try every threshold there is; the lowest that is not passed too often counts."""
    absent, there = answers.score[~answers.present], int(answers.present.sum())
    best = float("nan")
    for threshold in sorted([-np.inf, *answers.score], reverse=True):
        if (absent > threshold).mean() <= rate + 1e-12:
            passed = answers.present & answers.right & (answers.score > threshold)
            best = passed.sum() / there
    return best


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rate=st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_the_rate_is_that_of_the_lowest_threshold_allowed(seed: int, rate: float) -> None:
    answers = some_answers(seed)
    assert identification_rate(answers, rate) == pytest.approx(plain_rate(answers, rate))


def test_a_query_counts_as_often_as_its_ship_is_drawn() -> None:
    answers = some_answers(1)
    identity = np.arange(60) // 3
    draws = draw_identities(identity, seed=0, resamples=200)
    assert (draws.sum(axis=1) == 60).all()
    assert (draws[:, ::3] == draws[:, 1::3]).all(), "sightings of a ship stay together"
    for rate in (0.01, 0.1):
        each = [identification_rate(answers, rate, count) for count in draws]
        np.testing.assert_allclose(identification_draws(answers, rate, draws), each)
        repeated = [
            identification_rate(
                OpenSetAnswers(**{k: np.repeat(v, count) for k, v in vars(answers).items()}), rate
            )
            for count in draws[:20]
        ]
        np.testing.assert_allclose(each[:20], repeated)


def test_the_curve_has_the_rates() -> None:
    answers = some_answers(2)
    rates, found = identification_curve(answers)
    assert rates[0] == 0
    assert found[-1] == pytest.approx(
        (answers.right & answers.present).sum() / answers.present.sum()
    )
    for rate, share in zip(rates, found, strict=True):
        assert share == pytest.approx(identification_rate(answers, rate + 1e-9))


def test_without_queries_of_one_kind_there_is_no_rate() -> None:
    answers = some_answers(3)
    for present in (np.ones(60, bool), np.zeros(60, bool)):
        one = OpenSetAnswers(score=answers.score, right=answers.right & present, present=present)
        assert np.isnan(identification_rate(one, 0.1))
        assert np.isnan(identification_draws(one, 0.1, np.ones((5, 60), np.int32))).all()
        assert len(identification_curve(one)[0]) == 0


def test_calibration_error_is_the_plain_sum() -> None:
    random = np.random.default_rng(0)
    said, weight = random.random(500), random.random(500)
    true = (random.random(500) < said**2).astype(float)
    found = reliability(said, true, np.ones((3, 500), np.int32), weight)
    plain = 0.0
    for number in range(BINS):
        inside = (said >= number / BINS) & (said < (number + 1) / BINS)
        share = weight[inside].sum() / weight.sum()
        gap = np.average(said[inside], weights=weight[inside]) - np.average(
            true[inside], weights=weight[inside]
        )
        plain += share * abs(gap)
        assert found.share[number] == pytest.approx(share)
    assert found.error.value == pytest.approx(plain)
    assert found.error.low <= found.error.value <= found.error.high


def test_honest_probabilities_have_a_small_error_and_boastful_ones_a_large_one() -> None:
    random = np.random.default_rng(1)
    said = random.random(20_000)
    true = (random.random(20_000) < said).astype(float)
    draws = draw_identities(np.arange(20_000) // 10, seed=0, resamples=50)
    assert reliability(said, true, draws).error.value < 0.02
    boast = reliability(np.where(said > 0.5, 0.99, 0.01), true, draws).error
    assert boast.low > 0.2
    certain = reliability(np.ones(10), np.ones(10), np.ones((4, 10), np.int32))
    assert certain.error.value == 0
    assert np.isnan(certain.said[0])
    assert certain.record["said"] == [None] * 9 + [1.0]


def test_means_leave_out_what_does_not_count() -> None:
    values = np.array([1.0, np.nan, 0.0, 1.0])
    draws = np.array([[1, 5, 1, 1], [2, 0, 0, 0], [0, 4, 0, 0]], np.int32)
    np.testing.assert_allclose(mean_of_draws(values, draws), [2 / 3, 1, np.nan])
    found = mean_with_interval(values, draw_identities(np.arange(4), seed=0))
    assert found.value == pytest.approx(2 / 3)
    assert found.low < found.value < found.high
