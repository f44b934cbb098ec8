"""What each kind of evidence counts for when it is added, learnt from ships that are known.

Appearance and size are not independent, for a model sees how large a ship is; nor are the ratios of
one query with a thousand candidates. So each log ratio gets a factor, and what the candidates say
together against "not in this gallery" an exponent and a shift, by maximum likelihood of the ship
that it was (a nested logit: McFadden, "Modelling the choice of residential location", 1978)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.gallery.trial import Comparison
from crosswake.retrieval.calibration import EvidenceWeights
from crosswake.retrieval.metrics import Floats, Ints

PULL = 0.05
"""Strength with which the weights are drawn to those that change nothing, divided by the number of
ships."""
MOST_WEIGHT = 5.0


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Q queries and their candidates, of one comparison.

    Attributes:
        ratios: (kinds, Q, G), 0 where impossible.
        possible: (Q, G).
        match: (Q, G), of these, those that show the query's ship.
        counts: (Q,), sightings compared with.
        matches: (Q,), of these, those of the query's ship, whether possible or not.
    """

    ratios: NDArray[np.float64]
    possible: NDArray[np.bool_]
    match: NDArray[np.bool_]
    counts: Ints
    matches: Ints

    @classmethod
    def of(cls, comparison: Comparison, kinds: Sequence[str]) -> "Choices":
        """The choices by evidence of some kinds."""
        stacked = np.stack([comparison.parts[kind] for kind in kinds]).astype(np.float64)
        possible = np.asarray(np.isfinite(stacked).all(axis=0), np.bool_)
        match = comparison.match
        return cls(
            ratios=np.where(possible, stacked, 0.0),
            possible=possible,
            match=match & possible,
            counts=comparison.counts,
            matches=match.sum(axis=1),
        )


def fit_weights(one: Comparison, kinds: Sequence[str], not_there: float) -> EvidenceWeights:
    """Learn the weights for evidence of some kinds.

    Each query counts twice: with its ship in the gallery, and with its ship's sightings taken out,
    in shares of 1 - not_there and not_there.

    Args:
        one: comparison of queries of known ships.
        kinds: of :data:`crosswake.retrieval.calibration.LEARNT_KINDS`.
        not_there: prior of "not in this gallery".
    """
    from scipy.optimize import minimize

    choices, ships = Choices.of(one, kinds), len(np.unique(one.query))
    neutral = np.append(np.ones(len(kinds)), [0.0, 1.0, 0.0])

    def loss(weights: Floats) -> tuple[float, Floats]:
        value, slope = choice_loss(choices, weights, not_there)
        away = weights - neutral
        return value + PULL / ships * float(away @ away), slope + 2 * PULL / ships * away

    bounds = [*[(0.0, MOST_WEIGHT)] * len(kinds), (-10.0, 10.0), (0.0, 2.0), (0.0, 2.0)]
    found = minimize(loss, neutral, jac=True, method="L-BFGS-B", bounds=bounds).x
    names = (*kinds, "absent", "nest", "peak")
    return EvidenceWeights(**dict(zip(names, map(float, found), strict=True)))


def choice_loss(one: Choices, weights: Floats, not_there: float) -> tuple[float, Floats]:
    """Mean of -log p(what was so) over the queries, and its slope by the weights: those of the
    kinds, absent, nest and peak."""
    total = np.where(one.possible, np.tensordot(weights[:-3], one.ratios, 1), -np.inf)
    present = np.asarray(one.match.any(axis=1), np.bool_)
    value, slope = 0.0, np.zeros(len(weights))
    for there, share in ((True, 1 - not_there), (False, not_there)):
        used = present if there else np.ones(len(present), bool)
        if not used.any():
            continue
        among = one.possible if there else one.possible & ~one.match
        left = np.maximum(one.counts - (0 if there else one.matches), 1)
        nest = Nest.of(np.where(among, total, -np.inf), one.ratios, left)
        odds, steeper = nest.odds(weights, not_there)
        sign = 1 if there else -1  # of the odds for "not there" in -log p
        each = np.logaddexp(0.0, sign * odds)
        slopes = sign * steeper * np.exp(-np.logaddexp(0.0, -sign * odds))
        if there:
            mine = Nest.of(np.where(one.match, total, -np.inf), one.ratios, left)
            each = each - (mine.mean - nest.mean)
            slopes[: len(one.ratios)] -= mine.slope - nest.slope
        value += share * float(each[used].mean())
        slope += share * slopes[:, used].mean(axis=1)
    return value, slope


@dataclass(frozen=True, kw_only=True)
class Nest:
    """What some candidates of Q queries say together, with slopes by the factors of the kinds.

    Attributes:
        some: (Q,), whether there are any.
        mean: (Q,), log of the mean of exp(total).
        slope: (kinds, Q), of the mean.
        peak: (Q,), log of the sum of the squared shares.
        peak_slope: (kinds, Q).
    """

    some: NDArray[np.bool_]
    mean: Floats
    slope: Floats
    peak: Floats
    peak_slope: Floats

    @classmethod
    def of(cls, total: Floats, ratios: NDArray[np.float64], left: Ints) -> "Nest":
        """Of (Q, G) sums, -inf where there is no candidate, (kinds, Q, G) ratios, and (Q,) sizes of
        the gallery."""
        top = total.max(axis=1)
        some = np.isfinite(top)
        top = np.where(some, top, 0.0)
        part = np.exp(total - top[:, None])
        whole = np.where(some, part.sum(axis=1), 1.0)
        share = part / whole[:, None]
        squares = share**2
        together = np.where(some, squares.sum(axis=1), 1.0)
        slope = np.einsum("qg,kqg->kq", share, ratios)
        sharper = np.einsum("qg,kqg->kq", squares, ratios) / together
        return cls(
            some=some,
            mean=top + np.log(whole) - np.log(left),
            slope=slope,
            peak=np.log(together),
            peak_slope=2 * (sharper - slope),
        )

    def odds(self, weights: Floats, not_there: float) -> tuple[Floats, Floats]:
        """(Q,) log odds of "not there", and (weights, Q) their slopes; as
        :func:`crosswake.gallery.evidence.posterior`."""
        absent, nest, peak = weights[-3:]
        prior = np.log(not_there) - np.log1p(-not_there) + absent
        odds = prior - nest * self.mean - peak * self.peak
        kinds = -nest * self.slope - peak * self.peak_slope
        slopes = np.vstack([kinds, np.ones(len(odds)), -self.mean, -self.peak])
        return np.where(self.some, odds, 50.0), np.where(self.some, slopes, 0.0)
