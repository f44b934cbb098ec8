"""How ships move between sightings, learnt from ships that are known."""

from typing import Any

import numpy as np

from crosswake.core.earth import great_circle_km
from crosswake.gallery.evidence import position_error_km
from crosswake.gallery.reach import NOBODY, Sailing, log_kernels, mixed
from crosswake.gallery.trial import KnownSightings
from crosswake.retrieval.calibration import USUAL_MOTION, Motion
from crosswake.retrieval.metrics import Floats
from crosswake.settings.evidence import EvidenceConfig

FEWEST_WAYS = 50
MOST_WAYS, MOST_AROUND = 800, 250
"""Pairs of sightings of one ship, and other sightings for each, of which more are drawn from."""
LEAST = np.log([0.01, 0.02, 0.2, 3.0])
MOST = np.log([0.9, 5.0, 20.0, 20_000.0])


def fit_motion(sightings: KnownSightings, config: EvidenceConfig, seed: int = 0) -> Motion:
    """The motion under which the ways that known ships made are likeliest, by maximum likelihood of
    their ratios; the usual one where fewer than :data:`FEWEST_WAYS` are known.

    Args:
        sightings: some of them of one ship.
        config: greatest speed and usual error.
        seed: of what is drawn.
    """
    from scipy.optimize import minimize

    facts, random = sightings.facts, np.random.default_rng(seed)
    placed = np.flatnonzero(~np.isnan(facts.lon + facts.hours) & sightings.named)
    same = sightings.ship[placed][:, None] == sightings.ship[placed][None]
    first, second = np.nonzero(same & ~np.eye(len(placed), dtype=bool))
    if len(first) < FEWEST_WAYS:
        return USUAL_MOTION
    drawn = random.permutation(len(first))[:MOST_WAYS]
    first, second = placed[first[drawn]], placed[second[drawn]]
    others = random.permutation(placed)[:MOST_AROUND]

    def away(rows: np.typing.NDArray[np.int64]) -> Floats:
        at = facts.lon[first][:, None], facts.lat[first][:, None]
        return great_circle_km(*at, facts.lon[rows], facts.lat[rows])

    around = np.where(
        sightings.ship[others] == sightings.ship[first][:, None], np.nan, away(others)
    )
    way = great_circle_km(facts.lon[first], facts.lat[first], facts.lon[second], facts.lat[second])
    hours = np.abs(facts.hours[second] - facts.hours[first])
    errors = position_error_km(facts, config)
    error = errors[first] + errors[second]
    # What no ship can do is an error of the data, and teaches nothing of motion.
    good = way <= Sailing(max_speed=config.max_speed).km_an_hour * hours + error

    def loss(logs: Floats) -> float:
        still, drift, slow, forget = np.exp(logs)
        motion = Motion(still=still, drift_knots=drift, slow=slow, forget_hours=forget)
        sailing = Sailing(max_speed=config.max_speed, motion=motion)
        own = log_kernels(way[good], hours[good], error[good], sailing)
        each = np.exp(log_kernels(around[good], hours[good, None], error[good, None], sailing))
        count = (~np.isnan(around[good])).sum(axis=1)
        mean = (np.nansum(each, axis=2) + np.exp(own)) / (count + 1)
        chance = np.log(np.maximum(mean, NOBODY))
        return -float(mixed(own, chance, hours[good], sailing).mean())

    start = np.log([0.2, 0.2, 1.0, 48.0])
    bounds = list(zip(LEAST, MOST, strict=True))
    options: Any = {"maxfun": 150, "eps": 1e-3}
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options=options)
    values = np.exp(found.x)
    return Motion(**dict(zip(vars(USUAL_MOTION), map(float, values), strict=True)))
