"""Makes a calibration of sightings of known ships, which the model has not learnt from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.gallery.evidence import Weighing
from crosswake.gallery.fusion import fit_weights
from crosswake.gallery.motion import fit_motion
from crosswake.gallery.sizes import log_sizes
from crosswake.gallery.trial import Comparison, KnownSightings, compare_sightings, subsets_of
from crosswake.retrieval.calibration import (
    LEARNT_KINDS,
    MODALITY_PAIRS,
    Calibration,
    CrossFit,
    SizeSpread,
    deal_folds,
    weights_name,
)
from crosswake.retrieval.curves import KnownPairs, fit_curve
from crosswake.retrieval.metrics import Floats, Ints
from crosswake.retrieval.reliability import Reliability
from crosswake.settings.evidence import EvidenceConfig

MOST_DIFFERENT = 100_000
"""Pairs of different ships that a curve is fitted on; of more, as many are drawn."""
MOST_FITTED = 500
"""Sightings of each direction whose candidates the weights are learnt on; of more, as many are
drawn."""
FEWEST_SHIPS = 8
FEWEST_SIZES = 20
"""Pairs of one ship that tell how far its measured sizes lie apart."""


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """A calibration, and how far it can be relied on.

    Attributes:
        calibration: the calibration.
        reliability: of each curve, for ships that it was not fitted on.
    """

    calibration: Calibration
    reliability: Mapping[str, Reliability]

    def with_facts(self, facts: Mapping[str, Any]) -> "Calibrated":
        """The same, with more of what it was made on."""
        known = {**facts, **self.calibration.facts}
        return replace(self, calibration=replace(self.calibration, facts=known))


def calibrate(
    sightings: KnownSightings,
    model: str,
    config: EvidenceConfig,
    seed: int = 0,
) -> Calibrated:
    """Fit curves, spread of sizes, and weights.

    Args:
        sightings: of ships that the model did not learn from; those of unknown ships count in the
            gallery alone.
        model: SHA-256 of the weights.
        config: how evidence is weighed; ``not_there`` is the share of queries whose ship is absent.
        seed: of everything that is drawn.

    Raises:
        CrosswakeError: too few ships, or none seen twice.
    """
    ships = int(sightings.ship.max(initial=-1)) + 1
    known = len(np.unique(sightings.ship[sightings.named]))
    if known < FEWEST_SHIPS:
        raise CrosswakeError(
            f"--data: {counted(known, 'ship')} to calibrate on, {FEWEST_SHIPS} are needed; name "
            "another --split or more data"
        )
    fold = deal_folds(ships, seed)
    crosses, curves, said, counts = {}, {}, {}, {}
    for name in MODALITY_PAIRS:
        pairs = pairs_to_fit(sightings, name, seed)
        if not pairs.same.any() or pairs.same.all():
            continue
        curves[name] = fit_curve(pairs, seed)
        crosses[name] = CrossFit.of(pairs, fold, seed)
        said[name] = crosses[name].reliability(pairs, seed)
        counts[name] = {"same": int(pairs.same.sum()), "different": int((~pairs.same).sum())}
    if not curves:
        raise CrosswakeError("--data: no ship was seen twice; name another --split or more data")
    plain = Calibration(
        curves=curves,
        model=model,
        spread=spread_of(sightings),
        motion=fit_motion(sightings, config, seed),
    )
    if config.not_there is not None:
        plain = replace(plain, not_there=config.not_there)
    comparisons = fair_comparisons(sightings, Weighing(config=config, calibration=plain), crosses)
    kinds = tuple(kind for kind in LEARNT_KINDS if any(kind in one.known() for one in comparisons))
    weights = {
        weights_name(one.directions[0], "+".join(some)): fit_weights(one, some, plain.not_there)
        for one in comparisons
        for some in subsets_of(kinds)
    }
    facts: dict[str, Any] = {
        "ships": known,
        "sightings": len(sightings),
        "pairs": {name: {**counts[name], **said[name].record} for name in curves},
    }
    return Calibrated(calibration=replace(plain, weights=weights, facts=facts), reliability=said)


def pairs_to_fit(sightings: KnownSightings, name: str, seed: int) -> KnownPairs:
    """All pairs of one ship, and those of two or as many as :data:`MOST_DIFFERENT` of them, of a
    pair of modalities."""
    sar = sightings.facts.sar
    first, second = (
        np.flatnonzero(sightings.named & (sar == (part == "sar"))) for part in name.split("-")
    )
    same = sightings.ship[first][:, None] == sightings.ship[second][None]
    among = np.ones_like(same)
    if len(set(name.split("-"))) == 1:
        among = np.triu(among, 1)
    rows, columns = np.nonzero(same & among)
    others = np.flatnonzero((~same & among).ravel())
    if len(others) > MOST_DIFFERENT:
        generator = np.random.default_rng(seed)
        others = np.sort(generator.choice(others, MOST_DIFFERENT, replace=False))
    more = np.divmod(others, max(1, same.shape[1]))
    rows, columns = np.concatenate([rows, more[0]]), np.concatenate([columns, more[1]])
    one, other = first[rows], second[columns]
    return KnownPairs(
        similarity=products(sightings, one, other),
        same=np.asarray(sightings.ship[one] == sightings.ship[other]),
        first=sightings.ship[one],
        second=sightings.ship[other],
    )


def products(sightings: KnownSightings, one: Ints, other: Ints) -> Floats:
    """(n,) cosines of sightings, some at a time, so that memory is bounded."""
    found = np.empty(len(one))
    for start in range(0, len(one), 2**14):
        part = slice(start, start + 2**14)
        pair = sightings.features[one[part]], sightings.features[other[part]]
        found[part] = np.einsum("nd,nd->n", *pair)
    return found


def spread_of(sightings: KnownSightings) -> SizeSpread | None:
    """How far sizes measured on one ship lie apart, where they come without an error of their own;
    None where there are too few pairs to tell.

    By the middle 68 % of the differences of pairs of sightings of one ship: those of one modality
    spread by sqrt(2) times one measurement."""
    facts = sightings.facts
    if (~np.isnan(facts.size_error_m)).any():
        return None
    values = log_sizes(facts).values
    found: dict[str, tuple[float, float]] = {}
    longer = (0.0, 0.0)
    for name in MODALITY_PAIRS:
        parts = [np.flatnonzero(facts.sar == (part == "sar")) for part in name.split("-")]
        same = sightings.ship[parts[0]][:, None] == sightings.ship[parts[1]][None]
        rows, columns = np.nonzero(same if name == "optical-sar" else np.triu(same, 1))
        away = values[parts[1][columns]] - values[parts[0][rows]]
        away = away[~np.isnan(away).any(axis=1)]
        if len(away) < FEWEST_SIZES:
            return None
        low, middle, high = np.percentile(away, [16, 50, 84], axis=0)
        if name == "optical-sar":
            longer = (float(middle[0]), float(middle[1]))
        else:
            one = (high - low) / 2 / np.sqrt(2)
            found[name.split("-")[0]] = (float(one[0]), float(one[1]))
    return SizeSpread(optical=found["optical"], sar=found["sar"], sar_longer=longer)


def fair_comparisons(
    sightings: KnownSightings, how: Weighing, crosses: Mapping[str, CrossFit], seed: int = 0
) -> list[Comparison]:
    """All to all, optical to SAR and SAR to optical, with the log ratios of appearance from curves
    that do not know the query's ship."""
    everything, sar = np.arange(len(sightings)), sightings.facts.sar
    queries, random = np.flatnonzero(sightings.named), np.random.default_rng(seed)
    ways = [(np.sort(random.permutation(queries)[:MOST_FITTED]), everything)]
    for radar in (False, True):
        some = random.permutation(queries[sar[queries] == radar])[:MOST_FITTED]
        way = np.sort(some), everything[sar != radar]
        if len(way[0]) and len(way[1]):
            ways.append(way)
    found = []
    for query, gallery in ways:
        one = compare_sightings(sightings, query, gallery, how)
        appearance = one.parts["appearance"].copy()
        for radar in (False, True):
            for other in (False, True):
                rows = np.flatnonzero(sar[query] == radar)
                columns = np.flatnonzero(sar[gallery] == other)
                cross = crosses.get(MODALITY_PAIRS[int(radar) + int(other)])
                if cross is None or not len(rows) or not len(columns):
                    continue
                cosine = one.cosine[np.ix_(rows, columns)].astype(np.float64)
                ship = np.repeat(one.query[rows], len(columns))
                ratio = cross.log_ratio(cosine.ravel(), ship).reshape(cosine.shape)
                itself = np.isinf(cosine)
                appearance[np.ix_(rows, columns)] = np.where(itself, -np.inf, np.nan_to_num(ratio))
        found.append(replace(one, parts={**one.parts, "appearance": appearance}))
    return found
