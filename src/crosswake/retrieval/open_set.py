"""Queries whose ship may not be in the gallery: how often the right ship is named at a given rate
of false alarms.

Source: detection and identification rate at a false alarm rate, Phillips, Grother and Micheals,
"Evaluation Methods in Face Recognition", Handbook of Face Recognition 2011, section 21.3: of the
queries whose ship is there, the share whose first candidate is right and scores above a threshold;
of those whose ship is not there, the share that has any candidate above it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval.metrics import Floats

FALSE_ALARMS = (0.01, 0.1)
"""Rates that are reported."""
DRAWS_AT_ONCE = 128


@dataclass(frozen=True, kw_only=True)
class OpenSetAnswers:
    """The first candidate of each of Q queries.

    Attributes:
        score: (Q,), how sure the answer is, in any unit; higher is surer.
        right: (Q,), whether it is of the query's ship.
        present: (Q,), whether that ship is in the gallery at all.
    """

    score: Floats
    right: NDArray[np.bool_]
    present: NDArray[np.bool_]


def threshold_at(score: Floats, count: NDArray[Any], rate: float) -> float:
    """The lowest threshold that at most a share ``rate`` of the scores is above.

    Args:
        score: (n,) scores of queries whose ship is absent, highest first.
        count: (n,), how often each counts.
        rate: the share.

    Returns:
        NaN where nothing counts.
    """
    above = np.cumsum(count)
    if not len(above) or not above[-1]:
        return float("nan")
    place = int(np.searchsorted(above, rate * above[-1] + 1e-9, side="right"))
    return float(score[place]) if place < len(score) else float("-inf")


def identification_rate(
    answers: OpenSetAnswers, rate: float, count: NDArray[Any] | None = None
) -> float:
    """Share of the queries whose ship is there that are answered rightly, at the threshold that
    ``rate`` of those whose ship is absent pass; NaN without one of both kinds.

    Args:
        answers: first candidates.
        rate: of false alarms.
        count: (Q,), how often each query counts; once if None.
    """
    count = np.ones(len(answers.score), np.int64) if count is None else count
    absent = np.flatnonzero(~answers.present)
    absent = absent[np.argsort(-answers.score[absent], kind="stable")]
    threshold = threshold_at(answers.score[absent], count[absent], rate)
    there = count[answers.present].sum()
    if np.isnan(threshold) or not there:
        return float("nan")
    found = answers.present & answers.right & (answers.score > threshold)
    return float(count[found].sum() / there)


def identification_draws(answers: OpenSetAnswers, rate: float, draws: NDArray[np.int32]) -> Floats:
    """(resamples,): :func:`identification_rate` under each drawing of the identities, threshold
    included; the same numbers, all at once."""
    absent = np.flatnonzero(~answers.present)
    absent = absent[np.argsort(-answers.score[absent], kind="stable")]
    found = np.flatnonzero(answers.present & answers.right)
    there = draws[:, answers.present].sum(axis=1)
    above = np.cumsum(draws[:, absent], axis=1, dtype=np.float64)
    if not len(absent):
        return np.full(len(draws), np.nan)
    place = (above <= rate * above[:, -1:] + 1e-9).sum(axis=1)
    scores = np.append(answers.score[absent], -np.inf)
    threshold = scores[place]
    rates = np.empty(len(draws))
    for start in range(0, len(draws), DRAWS_AT_ONCE):
        part = slice(start, start + DRAWS_AT_ONCE)
        passed = answers.score[found] > threshold[part, None]
        rates[part] = (draws[part][:, found] * passed).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((above[:, -1] > 0) & (there > 0), rates / there, np.nan)


def identification_curve(answers: OpenSetAnswers) -> tuple[Floats, Floats]:
    """False alarm rates, ascending, and the identification rate at each; both empty without
    queries of both kinds."""
    absent = np.sort(answers.score[~answers.present])[::-1]
    there = int(answers.present.sum())
    if not len(absent) or not there:
        return np.zeros(0), np.zeros(0)
    found = np.sort(answers.score[answers.present & answers.right])
    above = len(found) - np.searchsorted(found, absent, side="right")
    rates = np.arange(len(absent) + 1) / len(absent)
    return rates, np.append(above, len(found)) / there
