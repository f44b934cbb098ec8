"""Intervals by resampling identities, not queries: the sightings of one ship are not independent.

Source: the cluster bootstrap, Field and Welsh, "Bootstrapping clustered data", Journal of the Royal
Statistical Society B, 2007, section 2 (clusters are drawn, and stay whole)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.protocols import NOT_MEASURED, Estimate

IDENTITY_DRAWS = 1000


def draw_identities(
    identity: NDArray[Any], *, seed: int, resamples: int = IDENTITY_DRAWS
) -> NDArray[np.int32]:
    """(resamples, Q): how often each query counts when identities are drawn with replacement.

    Args:
        identity: (Q,), whose sighting each query is.
        seed: of the drawing.
        resamples: how often as many identities as there are are drawn.
    """
    names, code = np.unique(identity, return_inverse=True)
    if not len(names):
        return np.zeros((resamples, 0), np.int32)
    equal = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), equal, size=resamples)
    return drawn[:, code].astype(np.int32)


def mean_of_draws(values: Floats, draws: NDArray[np.int32]) -> Floats:
    """(resamples,): weighted mean of (Q,) values, those that are NaN left out; NaN where none is
    drawn."""
    used = ~np.isnan(values)
    total = draws @ used.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(draws @ np.where(used, values, 0.0) / total)


def mean_with_interval(values: Floats, draws: NDArray[np.int32]) -> Estimate:
    """Mean of (Q,) values, NaN left out, with its 95 % percentile interval."""
    if np.isnan(values).all():
        return NOT_MEASURED
    return percentile_interval(float(np.nanmean(values)), mean_of_draws(values, draws))


def percentile_interval(value: float, resampled: Floats) -> Estimate:
    """A value with the 2.5 and 97.5 % percentiles of its resampled ones, NaN left out."""
    if np.isnan(value) or np.isnan(resampled).all():
        return Estimate(value=value, low=float("nan"), high=float("nan"))
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Estimate(value=value, low=float(low), high=float(high))


def reflected_interval(value: float, resampled: Floats) -> Estimate:
    """A value from 0 to 1 with its basic bootstrap interval, 2 value - percentiles.

    For errors of calibration: resampling adds noise, which only ever makes them larger, so that
    percentiles would lie above the value (Efron and Tibshirani, 1993, section 13.3).
    """
    found = percentile_interval(value, resampled)
    low, high = (
        float(np.clip(2 * value - end, 0, 1)) if not np.isnan(end) else end
        for end in (found.high, found.low)
    )
    return Estimate(value=value, low=min(low, value), high=max(high, value))
