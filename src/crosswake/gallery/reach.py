"""How much the way between two sightings speaks for one ship: what a ship could sail, against where
other ships of the gallery are."""

from dataclasses import dataclass

import numpy as np

from crosswake.core.earth import KM_PER_NAUTICAL_MILE
from crosswake.gallery.facts import SightingFacts
from crosswake.retrieval.calibration import USUAL_MOTION, Motion
from crosswake.retrieval.metrics import Floats

ANYWHERE = 0.1
"""Of ships under way, the share that is anywhere within reach."""
NEAREST_KM, FARTHEST_KM, RINGS = 0.05, 20_100.0, 400
DELAYS = 96
"""Distances and times are sorted into that many steps, each some percent wider than the last."""
NOBODY = 1e-30
"""Density, per square kilometre, that stands for none."""


@dataclass(frozen=True, kw_only=True)
class Rings:
    """How many other sightings lie at which distance of the query.

    Attributes:
        km: (rings,), middle of each ring that has any.
        share: (rings,), of the sightings; 1 in sum.
        count: number of sightings whose place is known.
    """

    km: Floats
    share: Floats
    count: int


def rings_of(km: Floats) -> Rings:
    """Sort the distances of other sightings; NaN are left out."""
    edges = np.geomspace(NEAREST_KM, FARTHEST_KM, RINGS)
    middle = np.concatenate([[0.0], np.sqrt(edges[1:] * edges[:-1])])
    known = km[~np.isnan(km)]
    place = np.minimum(np.searchsorted(edges, known), RINGS - 1)
    count = np.bincount(place, minlength=RINGS).astype(np.float64)
    some = count > 0
    return Rings(km=middle[some], share=count[some] / max(1, len(known)), count=len(known))


@dataclass(frozen=True, kw_only=True)
class Sailing:
    """What ships can do: the greatest speed in knots, and how they move."""

    max_speed: float
    motion: Motion = USUAL_MOTION

    @property
    def km_an_hour(self) -> float:
        """The greatest speed."""
        return self.max_speed * KM_PER_NAUTICAL_MILE


def log_kernels(km: Floats, hours: Floats, error_km: Floats, sailing: Sailing) -> Floats:
    """(2, ...) log densities, per square kilometre, of a ship's place after a time; -inf out of
    reach.

    Of ships that lie still, normal about the place with a deviation of the drift and half the
    error; and of ships under way, falling from the place to the edge of what is within reach, a
    tenth of it evenly spread. The integral of either over the plane is 1, less what of the first
    lies out of reach.

    Args:
        km: distance.
        hours: time between, 0 or more.
        error_km: of both positions together, above 0.
        sailing: greatest speed and motion.
    """
    slow = sailing.motion.slow
    reach = sailing.km_an_hour * hours + error_km
    drift = sailing.motion.drift_knots * KM_PER_NAUTICAL_MILE * hours
    variance = drift**2 + (error_km / 2) ** 2
    still = -0.5 * km**2 / variance - np.log(2 * np.pi * variance)
    falling = (slow + 1) * (slow + 2) / 2 * np.maximum(1 - km / reach, 0) ** slow
    under_way = np.log((1 - ANYWHERE) * falling + ANYWHERE) - np.log(np.pi * reach**2)
    return np.where(km <= reach, np.stack([still, under_way]), -np.inf)


def log_chance(rings: Rings, hours: Floats, error_km: float, sailing: Sailing) -> Floats:
    """(2, n): logs of the kernels' means over other sightings, for times that lie close together or
    far apart: computed at :data:`DELAYS` of them, and linear between."""
    widest = max(0.02, float(hours.max(initial=0)))
    grid = np.concatenate([[0.0], np.geomspace(0.01, widest, DELAYS)])
    density = log_kernels(rings.km[None], grid[:, None], np.full((1, 1), error_km), sailing)
    mean = np.log(np.maximum(np.exp(density) @ rings.share, NOBODY))
    # In the logarithm of what is within reach both ends of the grid are straight lines.
    scale = np.log(grid + error_km / sailing.km_an_hour)
    now = np.log(hours + error_km / sailing.km_an_hour)
    return np.stack([np.interp(now, scale, one) for one in mean])


def reach_ratio(
    km: Floats, hours: Floats, error_km: Floats, rings: Rings, sailing: Sailing
) -> Floats:
    """(N,) log-likelihood ratios: -inf out of reach, 0 where way or time is not known.

    A ship that was seen at one place is seen next where ships are seen at all and it can be: with
    density rho(x) k(x) / integral(rho k), where rho is the density of sightings and k the kernel;
    another ship with density rho(x). So the ratio is k at the candidate over the mean of k over
    the surroundings: for ships that lie still, for those under way, and 1 for those that have
    forgotten where they were, whose share grows with time.

    Args:
        km: (N,), from query to candidate; NaN where not known.
        hours: (N,), between them, 0 or more, likewise.
        error_km: (N,), of both positions.
        rings: distances of other sightings from the query.
        sailing: greatest speed and motion.
    """
    known = ~np.isnan(km) & ~np.isnan(hours)
    result = np.zeros(len(km))
    km, hours, error_km = km[known], hours[known], error_km[known]
    density = log_kernels(km, hours, error_km, sailing)
    chance = np.zeros(density.shape)
    # Errors take few values; of many, those within 5 % are taken as one.
    step = np.round(np.log(error_km) / 0.05)
    for value in np.unique(step):
        rows = step == value
        chance[:, rows] = log_chance(rings, hours[rows], float(np.exp(0.05 * value)), sailing)
    # The candidate itself is one of the places where ships are seen.
    chance = np.maximum(chance, density - np.log(rings.count + 1.0))
    ratio = np.full(len(km), -np.inf)
    possible = np.isfinite(density[1])
    ratio[possible] = mixed(density[:, possible], chance[:, possible], hours[possible], sailing)
    result[known] = ratio
    return result


def mixed(density: Floats, chance: Floats, hours: Floats, sailing: Sailing) -> Floats:
    """(n,) log ratios of the mixture of ships that lie still, that are under way, and that a place
    tells nothing of: these are 1 - exp(-hours / forget_hours).

    Args:
        density: (2, n), from :func:`log_kernels`.
        chance: (2, n), of its means over the surroundings.
        hours: (n,).
        sailing: greatest speed and motion.
    """
    motion = sailing.motion
    still, under_way = np.exp(density - chance)
    remembered = motion.still * still + (1 - motion.still) * under_way
    forgot = -np.expm1(-hours / motion.forget_hours)
    return np.asarray(np.log((1 - forgot) * remembered + forgot))


def claimed_ratio(
    query: SightingFacts, candidates: SightingFacts, claim_ratio: float, type_ratio: float
) -> Floats:
    """(N,) log ratios of what sightings say of themselves: equal or contradicting identity (MMSI,
    else IMO number, else name: the first that both say) and type of ship. Claims can be false, so
    their ratios are set, not learnt."""
    result, open_ = np.zeros(len(candidates)), np.ones(len(candidates), bool)
    for name in ("mmsi", "imo", "name"):
        said = agreement(query, candidates, name)
        result += np.where(open_, said, 0) * np.log(claim_ratio)
        open_ &= said == 0
    result += agreement(query, candidates, "ship_type") * np.log(type_ratio)
    return result


def agreement(query: SightingFacts, candidates: SightingFacts, name: str) -> Floats:
    """(N,): 1 where a claim is equal, -1 where it is another, 0 where one says nothing."""
    own, others = getattr(query, name)[0], getattr(candidates, name)
    if own is None:
        return np.zeros(len(others))
    return np.where(others == None, 0.0, np.where(others == own, 1.0, -1.0))  # noqa: E711
