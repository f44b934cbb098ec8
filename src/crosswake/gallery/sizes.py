"""How much a measured size speaks for one ship: log-normal density of the same ship, against the
sizes that other ships of the gallery have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.data.chips import DEFAULT_GROUND_SIZE, Modality
from crosswake.gallery.facts import SightingFacts
from crosswake.retrieval.calibration import SizeSpread
from crosswake.retrieval.metrics import Floats

PIXELS_OFF = 2.0
"""Error of a measured length or width in pixels, where nothing better is known."""
LEAST_SPREAD = 0.01
OUTLIERS = 0.02
"""Share of sightings whose size was measured wrongly altogether; bounds what a size can say."""
FLEET_BANDWIDTH = 0.1
"""Standard deviation of the kernel that smooths the fleet's log sizes."""
FLEET_SAMPLE = 20_000


@dataclass(frozen=True, kw_only=True)
class LogSizes:
    """(N, 2) logarithms of length and width, and the standard deviations of these; NaN where they
    are not known. SAR sizes are brought to optical ones where a calibration knows how."""

    values: Floats
    spread: Floats

    def sample(self, most: int) -> "LogSizes":
        """Evenly chosen rows, at most that many, of those that know something."""
        rows = np.flatnonzero(~np.isnan(self.values).all(axis=1))
        rows = rows[:: max(1, -(-len(rows) // most))]
        return LogSizes(values=self.values[rows], spread=self.spread[rows])


def log_sizes(facts: SightingFacts, learnt: SizeSpread | None = None) -> LogSizes:
    """Sizes with their errors: as the sighting says, else as the calibration learnt, else two
    pixels of the sensor."""
    metres = np.stack([facts.length_m, facts.width_m], axis=1)
    sar = facts.sar[:, None]
    if learnt:
        usual = np.where(sar, learnt.sar, learnt.optical)
        shift = np.where(sar, learnt.sar_longer, 0.0)
    else:
        ground = np.where(sar, *(DEFAULT_GROUND_SIZE[Modality(k)] for k in (1, 0)))
        usual, shift = PIXELS_OFF * ground / metres, np.zeros(2)
    said = facts.size_error_m[:, None] / metres
    spread = np.where(np.isnan(said), usual, said)
    return LogSizes(values=np.log(metres) - shift, spread=np.maximum(spread, LEAST_SPREAD))


def size_ratio(query: LogSizes, candidates: LogSizes, fleet: LogSizes) -> Floats:
    """(N,) log-likelihood ratios; 0 where query and candidate know no size in common.

    The query's size given the candidate's is normal in the logarithm, with both errors; given
    another ship, it is so for a ship of the fleet drawn at random. Length and width are weighed
    together, for long ships are wide. A share of :data:`OUTLIERS` is measured wrongly, so the
    ratio is never below its logarithm.

    Args:
        query: one row.
        candidates: N rows.
        fleet: rows of other ships.
    """
    result = np.zeros(len(candidates.values))
    known = ~np.isnan(query.values[0]) & ~np.isnan(candidates.values)
    for dimensions in ([0, 1], [0], [1]):
        wanted = np.isin([0, 1], dimensions)
        rows = np.flatnonzero((known == wanted).all(axis=1))
        others = np.flatnonzero(~np.isnan(fleet.values[:, dimensions]).any(axis=1))
        if not len(rows) or not len(others):
            continue
        same = log_density(query, candidates, rows, dimensions, 0.0)
        chance = log_density(query, fleet, others, dimensions, FLEET_BANDWIDTH)
        top = chance.max()
        by_chance = top + np.log(np.mean(np.exp(chance - top)))
        ratio = np.minimum(same - by_chance, 700)
        result[rows] = np.log((1 - OUTLIERS) * np.exp(ratio) + OUTLIERS)
    return result


def log_density(
    query: LogSizes,
    others: LogSizes,
    rows: NDArray[np.int64],
    dimensions: list[int],
    bandwidth: float,
) -> Floats:
    """(n,): logarithm of the normal density of the query's sizes about those of ``rows``, errors of
    the two being independent."""
    values, spread = (part[rows][:, dimensions] for part in (others.values, others.spread))
    variance = query.spread[0, dimensions] ** 2 + spread**2 + bandwidth**2
    away = query.values[0, dimensions] - values
    return np.asarray(-0.5 * (away**2 / variance + np.log(2 * np.pi * variance)).sum(axis=1))
