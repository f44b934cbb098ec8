"""What each kind of evidence counts for when it is added, learnt from ships that are known.

Appearance and size are not independent, for a model sees how large a ship is; nor are the ratios of
one query with a thousand candidates. So each log ratio gets a factor, and the prior of "not in this
gallery" a shift, by maximum likelihood of the ship that it was (a conditional logit: McFadden,
"Conditional logit analysis of qualitative choice behavior", 1974)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.gallery.trial import Comparison
from crosswake.retrieval.calibration import EvidenceWeights
from crosswake.retrieval.metrics import Floats, Ints

PULL = 0.05
"""Strength with which the factors are drawn to 1 and the shift to 0, divided by the number of
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


def fit_weights(
    comparisons: Sequence[Comparison], kinds: Sequence[str], not_there: float
) -> EvidenceWeights:
    """Learn the weights for evidence of some kinds.

    Each query counts twice: with its ship in the gallery, and with its ship's sightings taken out,
    in shares of 1 - not_there and not_there.

    Args:
        comparisons: of queries of known ships.
        kinds: of :data:`crosswake.retrieval.calibration.LEARNT_KINDS`.
        not_there: prior of "not in this gallery".
    """
    from scipy.optimize import minimize

    choices = [Choices.of(one, kinds) for one in comparisons]
    ships = len(np.unique(np.concatenate([one.query for one in comparisons])))
    neutral = np.append(np.ones(len(kinds)), 0.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        value, slope = 0.0, np.zeros(len(weights))
        for one in choices:
            more, steeper = choice_loss(one, weights, not_there)
            value, slope = value + more / len(choices), slope + steeper / len(choices)
        away = weights - neutral
        return value + PULL / ships * float(away @ away), slope + 2 * PULL / ships * away

    bounds = [*[(0.0, MOST_WEIGHT)] * len(kinds), (-10.0, 10.0)]
    found = minimize(loss, neutral, jac=True, method="L-BFGS-B", bounds=bounds).x
    factors = {kind: float(weight) for kind, weight in zip(kinds, found, strict=False)}
    return EvidenceWeights(**factors, absent=float(found[-1]))


def choice_loss(one: Choices, weights: Floats, not_there: float) -> tuple[float, Floats]:
    """Mean of -log p(what was so) over the queries, and its slope by the weights."""
    factors, none = weights[:-1], np.log(not_there) + weights[-1]
    total = np.where(one.possible, np.tensordot(factors, one.ratios, 1), -np.inf)
    value, slope = 0.0, np.zeros(len(weights))
    rest = one.possible & ~one.match
    present = np.asarray(one.match.any(axis=1), np.bool_)
    for there, share in ((True, 1 - not_there), (False, not_there)):
        among = one.possible if there else rest
        left = np.maximum(one.counts if there else one.counts - one.matches, 1)
        score = np.where(among, total + (np.log1p(-not_there) - np.log(left))[:, None], -np.inf)
        top = np.maximum(score.max(axis=1), none)
        part = np.exp(score - top[:, None])
        nobody = np.exp(none - top)
        whole = part.sum(axis=1) + nobody
        chance = part / whole[:, None]
        slopes = np.stack([(chance * ratios).sum(axis=1) for ratios in one.ratios])
        so = nobody / whole
        if there:
            mine = np.where(one.match, part, 0)
            right = np.maximum(mine.sum(axis=1), 1e-300)
            mine = mine / right[:, None]
            slopes -= np.stack([(mine * ratios).sum(axis=1) for ratios in one.ratios])
            so_log, shift = np.log(right / whole), so
            used = present
        else:
            so_log, shift = np.log(np.maximum(so, 1e-300)), so - 1
            used = np.ones(len(present), bool)
        if used.any():
            value -= share * float(so_log[used].mean())
            slope += share * np.append(slopes[:, used].mean(axis=1), shift[used].mean())
    return value, slope
