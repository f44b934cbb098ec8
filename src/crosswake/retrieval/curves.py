"""From a similarity to a log-likelihood ratio of "same" against "different": monotone, smooth and
bounded.

Sources: isotonic regression for ratios, with one made-up observation at either end so that none is
infinite, Brummer and du Preez, "Application-independent evaluation of speaker detection", Computer
Speech and Language 2006, section 6; averaging over resamples, Breiman, "Bagging predictors",
Machine Learning 1996; the logistic fit with drawn-in targets, Platt, "Probabilistic outputs for
support vector machines", 1999, section 2.2."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval.metrics import Floats

KNOTS = 129
BAGS = 40
"""Resamples of the identities over which the isotonic fits are averaged."""
BEYOND = 0.05
"""Slope of a logistic fit beyond what as many pairs can tell, as a share of its own."""
FEWEST_SAME, FEWEST_IDENTITIES = 200, 40
"""Pairs of one ship, and ships that they are of, below which the fit is logistic."""


@dataclass(frozen=True, kw_only=True)
class KnownPairs:
    """Pairs of sightings whose identities are known.

    Attributes:
        similarity: (n,) cosines.
        same: (n,), whether both show one ship.
        first: (n,), a number for the ship of the first sighting.
        second: (n,), likewise of the second.
    """

    similarity: Floats
    same: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def take(self, rows: NDArray[Any]) -> "KnownPairs":
        """Some of the pairs."""
        return KnownPairs(**{name: value[rows] for name, value in vars(self).items()})

    @property
    def balance(self) -> Floats:
        """(n,), weights with which the pairs of one ship count as much as all others, 1 in sum."""
        same = self.same.mean() if len(self.same) else 0.5
        share = np.where(self.same, same, 1 - same)
        return np.asarray(0.5 / np.maximum(share, 1e-12) / max(len(share), 1))


@dataclass(frozen=True, kw_only=True)
class RatioCurve:
    """Natural-log likelihood ratio as a function of the cosine, linear between knots.

    Attributes:
        similarity: (k,), ascending, from -1 to 1.
        ratio: (k,), never falling.
        method: ``isotonic`` or ``logistic``.
    """

    similarity: Floats
    ratio: Floats
    method: str

    def __call__(self, similarity: Floats) -> Floats:
        """(n,) log ratios."""
        return np.asarray(np.interp(similarity, self.similarity, self.ratio))


def fit_curve(pairs: KnownPairs, seed: int = 0) -> RatioCurve:
    """Fit by isotonic regression averaged over resamples of the identities; by a logistic function
    where there are few pairs of one ship.

    Of pairs there must be one of either kind.
    """
    line, knots = fit_logistic(pairs), np.linspace(-1, 1, KNOTS)
    count, ships = int(pairs.same.sum()), len(np.unique(pairs.first[pairs.same]))
    bounds = -np.log(count + 1.0), np.log(float((~pairs.same).sum()) + 1.0)
    straight = line[0] + line[1] * knots
    bounded = np.clip(straight, *bounds)
    straight = bounded + BEYOND * (straight - bounded)  # so that the order of cosines stays
    if count < FEWEST_SAME or ships < FEWEST_IDENTITIES:
        return RatioCurve(similarity=knots, ratio=straight, method="logistic")
    low, high = pairs.similarity.min(), pairs.similarity.max()
    inside = np.linspace(low, high, KNOTS)
    ratio = bagged_isotonic(pairs, inside, seed)
    # Beyond what was seen the logistic slope goes on, so that the order of cosines stays.
    ends = ratio[0] + line[1] * (-1 - low), ratio[-1] + line[1] * (1 - high)
    return RatioCurve(
        similarity=np.concatenate([[min(-1.0, low - 1e-6)], inside, [max(1.0, high + 1e-6)]]),
        ratio=np.concatenate(
            [
                [max(ends[0], min(bounds[0], ratio[0]))],
                ratio,
                [min(ends[1], max(bounds[1], ratio[-1]))],
            ]
        ),
        method="isotonic",
    )


def fit_logistic(pairs: KnownPairs) -> tuple[float, float]:
    """Constant and slope (never below 0) of a logistic fit with both kinds weighing alike."""
    from scipy.optimize import minimize

    same, different = pairs.same.sum(), (~pairs.same).sum()
    target = np.where(pairs.same, (same + 1) / (same + 2), 1 / (different + 2))
    weight, centre = pairs.balance, float(pairs.similarity.mean())
    spread = float(pairs.similarity.std()) or 1.0
    x = (pairs.similarity - centre) / spread

    def loss(line: Floats) -> tuple[float, Floats]:
        z = line[0] + line[1] * x
        miss = weight * (1 / (1 + np.exp(-np.clip(z, -500, 500))) - target)
        value = float(weight @ (np.logaddexp(0, z) - target * z))
        return value, np.array([miss.sum(), miss @ x])

    found = minimize(
        loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None)]
    ).x
    slope = float(found[1]) / spread
    return float(found[0]) - slope * centre, slope


def bagged_isotonic(pairs: KnownPairs, knots: Floats, seed: int) -> Floats:
    """(k,): isotonic log ratios at the knots, averaged over resamples of the identities."""
    order = np.argsort(pairs.similarity, kind="stable")
    pairs = pairs.take(order)
    ships = int(max(pairs.first.max(), pairs.second.max())) + 1
    generator, there = np.random.default_rng(seed), np.unique([pairs.first, pairs.second])
    total, used = np.zeros(len(knots)), 0
    for _ in range(BAGS):
        drawn = generator.multinomial(len(there), np.full(len(there), 1 / len(there)))
        times = np.zeros(ships)
        times[there] = drawn
        # A pair of two ships is there as often as both are; of one ship, as often as that is.
        count = times[pairs.first] * np.where(pairs.same, 1, times[pairs.second])
        if (count[pairs.same] > 0).any() and (count[~pairs.same] > 0).any():
            total += isotonic_ratio(pairs, count, knots)
            used += 1
    if not used:
        return isotonic_ratio(pairs, np.ones(len(pairs.same)), knots)
    return np.asarray(np.maximum.accumulate(total / used))


def isotonic_ratio(pairs: KnownPairs, count: Floats, knots: Floats) -> Floats:
    """(k,): log ratios of one isotonic fit at the knots, linear between the middles of its steps.

    Args:
        pairs: by ascending similarity.
        count: (n,), how often each counts.
        knots: (k,).
    """
    from scipy.optimize import isotonic_regression

    here = count > 0
    x, same, weight = pairs.similarity[here], pairs.same[here], count[here].astype(np.float64)
    ones, others = weight[same].sum(), weight[~same].sum()
    weight = np.where(same, weight / ones, weight / others)
    # One made-up pair of one ship below all, and one of two ships above all.
    x = np.concatenate([x[:1], x, x[-1:]])
    target = np.concatenate([[1.0], same, [0.0]])
    weight = np.concatenate([[1 / ones], weight, [1 / others]])
    fit = isotonic_regression(target, weights=weight)
    bounds = np.asarray(fit.blocks)
    mass = np.add.reduceat(weight, bounds[:-1])
    middle = np.add.reduceat(weight * x, bounds[:-1]) / mass
    level = np.clip(fit.x[bounds[:-1]], 1e-12, 1 - 1e-12)
    return np.asarray(np.interp(knots, middle, np.log(level) - np.log1p(-level)))
