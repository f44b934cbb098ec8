"""What speaks for and against each candidate, each by itself, and the probability that follows.

Natural-log likelihood ratios of "same ship" against "another ship" are added; Bayes' rule makes
probabilities of the candidates and of "not in this gallery" from the sums."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crosswake.core.earth import great_circle_km, knots
from crosswake.gallery.facts import SightingFacts
from crosswake.gallery.reach import Sailing, claimed_ratio, reach_ratio, rings_of
from crosswake.gallery.sizes import FLEET_SAMPLE, log_sizes, size_ratio
from crosswake.retrieval.calibration import (
    UNWEIGHTED,
    USUAL_MOTION,
    Calibration,
    EvidenceWeights,
)
from crosswake.retrieval.metrics import Floats
from crosswake.settings.evidence import EvidenceConfig

EVIDENCE = ("appearance", "size", "reachability", "claims")
"""The kinds, in the order in which they are shown."""
ROUTED = 20
"""Candidates whose way around land is measured, where that is asked for."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Sizes and places that other ships of a gallery have: what would be found by chance.

    Attributes:
        facts: sightings that stand for all, at most :data:`FLEET_SAMPLE`.
        count: number of sightings of the gallery; each is as likely as any before evidence is seen.
    """

    facts: SightingFacts
    count: int

    @classmethod
    def of(cls, facts: SightingFacts) -> "Fleet":
        """The fleet of all sightings of a gallery."""
        step = max(1, -(-len(facts) // FLEET_SAMPLE))
        return cls(facts=facts.take(slice(None, None, step)), count=len(facts))


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """How evidence is weighed.

    Attributes:
        config: greatest speed, errors, prior and ratios of claims.
        calibration: of the model; without one nothing is said of appearance, and no probability.
        fleet: of the gallery; None for the candidates themselves.
    """

    config: EvidenceConfig = field(default_factory=EvidenceConfig)
    calibration: Calibration | None = None
    fleet: Fleet | None = None


@dataclass(frozen=True, kw_only=True)
class RawEvidence:
    """Log-likelihood ratios on N candidates for one query as they are, not weighted.

    Attributes:
        appearance: (N,); 0 says nothing.
        size: likewise.
        reachability: likewise; -inf where no ship could have sailed that fast.
        claims: likewise.
        cosine: (N,).
        km: (N,), along the great circle, or around land where that was asked for and is longer.
        hours: (N,), from query to candidate.
        count: number of sightings in the gallery.
        direction: ``o2s`` or ``s2o`` where all candidates are of the other modality, else ``all``.
    """

    appearance: Floats
    size: Floats
    reachability: Floats
    claims: Floats
    cosine: Floats
    km: Floats
    hours: Floats
    count: int
    direction: str = "all"

    def known(self) -> tuple[str, ...]:
        """The kinds that say anything on any candidate."""
        return tuple(kind for kind in EVIDENCE if getattr(self, kind).any())


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence on N candidates for one query, in the order in which they were given.

    Attributes:
        appearance: (N,), log-likelihood ratio weighted as the calibration learnt; 0 says nothing.
        size: likewise.
        reachability: likewise; -inf where no ship could have sailed that fast.
        claims: likewise.
        raw: the same, not weighted, with cosine, kilometres and hours.
        probability: (N,), that this is the sighting of the ship; NaN without a calibration.
        not_there: that none is; likewise.
    """

    appearance: Floats
    size: Floats
    reachability: Floats
    claims: Floats
    raw: RawEvidence
    probability: Floats
    not_there: float

    @property
    def total(self) -> Floats:
        """(N,): the sum of all four."""
        return np.asarray(self.appearance + self.size + self.reachability + self.claims)

    @property
    def cosine(self) -> Floats:
        """(N,)."""
        return self.raw.cosine

    @property
    def km(self) -> Floats:
        """(N,), from query to candidate; NaN where not known."""
        return self.raw.km

    @property
    def hours(self) -> Floats:
        """(N,), from query to candidate; below 0 where it was seen before."""
        return self.raw.hours

    @property
    def knots(self) -> Floats:
        """(N,), the least speed from the one to the other, errors of the positions not counted."""
        return knots(self.km, self.hours)

    @property
    def possible(self) -> NDArray[np.bool_]:
        """(N,), whether a ship could have sailed from the one to the other."""
        return np.isfinite(self.reachability)

    @property
    def impossible(self) -> int:
        """Number of sightings that are no candidates for that."""
        return int((~self.possible).sum())

    @property
    def calibrated(self) -> bool:
        """Whether there are probabilities."""
        return not np.isnan(self.not_there)

    def order(self) -> NDArray[np.int64]:
        """The possible candidates, best first: by the sum where there are probabilities, else by
        cosine."""
        key = self.total if self.calibrated else self.cosine
        rows = np.lexsort((-self.cosine, -key))
        return np.asarray(rows[self.possible[rows]])

    def to_columns(self) -> dict[str, Floats]:
        """The columns of a table of candidates."""
        names = (*EVIDENCE, "total", "probability", "km", "hours", "knots")
        return {name: getattr(self, name) for name in names}


def weigh(
    query: SightingFacts, candidates: SightingFacts, cosine: Floats, how: Weighing
) -> Evidence:
    """Weigh all candidates for one query. What is not known on either side says nothing: 0.

    Args:
        query: one row.
        candidates: N rows; the query itself must not be among them.
        cosine: (N,), of their embeddings with the query's.
        how: how.
    """
    raw = look_at(query, candidates, cosine, how)
    return add_up(raw, raw.known(), how)


def look_at(
    query: SightingFacts, candidates: SightingFacts, cosine: Floats, how: Weighing
) -> RawEvidence:
    """All evidence, each kind by itself; arguments as of :func:`weigh`."""
    config, calibration = how.config, how.calibration
    fleet = how.fleet or Fleet.of(candidates)
    cosine = np.asarray(cosine, np.float64)
    appearance, spread = np.zeros(len(candidates)), None
    if calibration:
        appearance = calibration.log_ratio(cosine, candidates.sar, bool(query.sar[0]))
        spread = calibration.spread
    own, others, known = (log_sizes(one, spread) for one in (query, candidates, fleet.facts))
    size = size_ratio(own, others, known)
    km, hours = way_to(query, candidates)
    reach = reachability(query, candidates, km, fleet, how)
    if config.sea_routes:
        km = routed(query, candidates, km, appearance + size + reach)
        reach = reachability(query, candidates, km, fleet, how)
    return RawEvidence(
        appearance=appearance,
        size=size,
        reachability=reach,
        claims=claimed_ratio(query, candidates, config.claim_ratio, config.type_ratio),
        cosine=cosine,
        km=km,
        hours=hours,
        count=fleet.count,
        direction=direction_of(bool(query.sar[0]), candidates.sar),
    )


def direction_of(sar: bool, candidates: NDArray[np.bool_]) -> str:
    """The protocol of a query and its candidates, by whether they are SAR."""
    other = len(candidates) > 0 and bool((candidates != sar).all())
    return ("s2o" if sar else "o2s") if other else "all"


def add_up(raw: RawEvidence, kinds: Iterable[str], how: Weighing) -> Evidence:
    """Weigh and add evidence of some kinds, and make probabilities of it."""
    kinds, calibration = tuple(kinds), how.calibration
    weights = UNWEIGHTED
    if calibration:
        weights = calibration.weights_for(kinds, raw.direction)
    nothing = np.zeros(len(raw.cosine))
    parts = {
        kind: weighted_ratio(getattr(raw, kind), getattr(weights, kind, 1.0))
        if kind in kinds
        else nothing
        for kind in EVIDENCE
    }
    probability, not_there = np.full(len(raw.cosine), np.nan), float("nan")
    if calibration:
        prior = how.config.not_there or calibration.not_there
        total = np.asarray(sum(parts.values()))
        probability, not_there = posterior(total, prior, raw.count, weights)
    return Evidence(**parts, raw=raw, probability=probability, not_there=not_there)


def weighted_ratio(ratio: Floats, weight: float) -> Floats:
    """A log ratio times its weight; what is impossible stays so, whatever the weight."""
    finite = np.isfinite(ratio)
    return np.where(finite, np.where(finite, ratio, 0.0) * weight, ratio)


def way_to(query: SightingFacts, candidates: SightingFacts) -> tuple[Floats, Floats]:
    """(N,) kilometres along the great circle and hours from the query to each candidate."""
    place = query.lon[0], query.lat[0]
    return (
        great_circle_km(*place, candidates.lon, candidates.lat),
        np.asarray(candidates.hours - query.hours[0]),
    )


def reachability(
    query: SightingFacts, candidates: SightingFacts, km: Floats, fleet: Fleet, how: Weighing
) -> Floats:
    """(N,) log ratios of the way, see :func:`crosswake.gallery.reach.reach_ratio`."""
    config = how.config
    error_km = position_error_km(query, config)[0] + position_error_km(candidates, config)
    away, later = way_to(query, fleet.facts)
    itself = (away == 0) & (later == 0)
    rings = rings_of(np.where(itself, np.nan, away))
    hours = np.abs(candidates.hours - query.hours[0])
    motion = how.calibration.motion if how.calibration else USUAL_MOTION
    sailing = Sailing(max_speed=config.max_speed, motion=motion)
    return reach_ratio(km, hours, error_km, rings, sailing)


def position_error_km(facts: SightingFacts, config: EvidenceConfig) -> Floats:
    """(N,) errors of the positions, in kilometres, at least one metre."""
    metres = facts.position_error_m
    metres = np.where(np.isnan(metres), config.position_error, metres)
    return np.asarray(np.maximum(metres, 1.0) / 1000)


def routed(query: SightingFacts, candidates: SightingFacts, km: Floats, total: Floats) -> Floats:
    """The kilometres, with those of the best candidates around land."""
    from crosswake.gallery.sea_routes import sea_route_km

    best = np.argsort(-total, kind="stable")[:ROUTED]
    km = km.copy()
    for row in best[np.isfinite(total[best]) & ~np.isnan(km[best])]:
        end = candidates.lon[row], candidates.lat[row]
        km[row] = max(km[row], sea_route_km((query.lon[0], query.lat[0]), end))
    return km


def posterior(
    total: Floats, not_there: float, count: int, weights: EvidenceWeights = UNWEIGHTED
) -> tuple[Floats, float]:
    """Probabilities of N candidates and of "not in this gallery", 1 in sum.

    Among the candidates p_i is proportional to exp(total_i). All of them together stand to "not
    there" as (1 - not_there) m^nest to not_there exp(absent) c^-peak, where m is the mean of
    exp(total) over the gallery and c the sum of the squared shares p_i: a nested logit (McFadden,
    "Modelling the choice of residential location", 1978, equation 20), but for c.

    Args:
        total: (N,) sums of log ratios; -inf for what is impossible.
        not_there: prior that the ship is in none of the sightings.
        count: number of sightings in the gallery, those included that are no candidates any more.
        weights: with nest 1 and peak 0 this is Bayes' rule, the prior shifted.
    """
    top = float(total.max(initial=-np.inf))
    if top == -np.inf:
        return np.zeros(len(total)), 1.0
    part = np.exp(total - top)
    whole = part.sum()
    share = part / whole
    mean = top + np.log(whole) - np.log(max(count, 1))
    odds = np.log(not_there) - np.log1p(-not_there) + weights.absent - weights.nest * mean
    odds -= weights.peak * np.log((share**2).sum())
    none = np.exp(-np.logaddexp(0.0, -odds))
    return np.asarray(share * np.exp(-np.logaddexp(0.0, odds))), float(none)
