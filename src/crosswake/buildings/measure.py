"""The contest's figures of a set of tiles, with intervals: the one way to score buildings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.heights import HEIGHT_METRICS, mean_heights, tile_heights
from crosswake.buildings.matching import CLASS_CUTS, CUTS, TileMatches
from crosswake.buildings.precision import class_precision, mean_precision
from crosswake.buildings.results import TileResult, by_image
from crosswake.core.errors import CrosswakeError
from crosswake.data.tiles import TRACK_CLASSES
from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.protocols import Estimate

ONLY_SAID = ("APs", "APm", "APl")
"""Metrics without an interval: those of small, medium and large buildings."""
CITY_METRICS = ("mAP", "AP50", "delta_1", "MAE", "RMSE", "score")
ENDS = (2.5, 97.5)

Draws = NDArray[np.int64]
Figures = dict[str, Floats]


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """How to score.

    Attributes:
        draws: how often the tiles are drawn anew for the intervals; 0 for no intervals.
        seed: of the drawing.
    """

    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class BuildingScores:
    """What was measured.

    Attributes:
        track: 1 for roof types, 2 for buildings and heights.
        classes: their names.
        tiles: how many there are.
        buildings: how many true buildings of each class.
        metrics: ``mAP``, ``AP50``, ``AP75``, ``APs``, ``APm``, ``APl``; of track 2 also
            ``delta_1`` to ``delta_3``, ``MAE``, ``MSE``, ``RMSE`` and ``score``, which is
            (AP50 rounded to three decimals + delta_1) / 2. Fractions, and metres.
        by_class: ``AP`` and ``AP50`` of each class.
        by_city: some of the metrics, for each city that is known.
        city_tiles: tiles of each city.
        zero: the height metrics of a map that is 0 everywhere; empty for track 1.
        missing: stems of the tiles of track 2 that have no predicted heights.
    """

    track: int
    classes: tuple[str, ...]
    tiles: int
    buildings: Mapping[str, int]
    metrics: Mapping[str, Estimate]
    by_class: Mapping[str, Mapping[str, Estimate]]
    by_city: Mapping[str, Mapping[str, Estimate]]
    city_tiles: Mapping[str, int]
    zero: Mapping[str, Estimate]
    missing: tuple[str, ...] = ()

    def value(self, name: str) -> float:
        """One metric without its interval."""
        return self.metrics[name].value


class TileFacts:
    """All that scores need to know of the tiles and what was found on them.

    Args:
        references: what truly stands on the tiles.
        predictions: what was found; they meet by image id, tiles without any count as nothing.
        track: 1 or 2.

    Raises:
        CrosswakeError: no references, or no heights among those of track 2.
    """

    def __init__(
        self, references: Sequence[TileResult], predictions: Sequence[TileResult], track: int
    ) -> None:
        if not references:
            raise CrosswakeError("there are no tiles with references to score against; name others")
        self.references, self.track = tuple(references), track
        self.predictions = by_image(predictions)
        self.classes = TRACK_CLASSES[track]
        found = self.predictions
        self.matches = TileMatches(references, found, len(self.classes))
        self.heights = self.flat = None
        self.missing: tuple[str, ...] = ()
        if track == 2 and any(one.height is not None for one in references):
            self.heights = tile_heights(references, found)
            self.flat = tile_heights(references, found, flat=True)
            without = [
                one
                for one in references
                if one.height is not None
                and (one.image_id not in found or found[one.image_id].height is None)
            ]
            self.missing = tuple(one.stem or str(one.image_id) for one in without)

    def figures(self, draws: Draws, names: Sequence[str]) -> Figures:
        """(R,) of each of the named metrics that the track has, for (R, I) draws of the tiles."""
        wanted = {*names, *(("AP50",) if "score" in names else ())}
        cuts = {name: cut for name, cut in CUTS.items() if name in wanted}
        found = mean_precision(self.matches, cuts, draws)
        if self.heights is not None:
            found |= mean_heights(self.heights, draws)
            if "score" in names:
                found["score"] = (found["AP50"].round(3) + found["delta_1"]) / 2
        return {name: found[name] for name in names if name in found}

    def everywhere(self) -> Draws:
        """(1, I): every tile once."""
        return np.ones((1, len(self.references)), dtype=np.int64)

    def rows(self, city: str) -> NDArray[np.int64]:
        """Where the tiles of a city are."""
        return np.array([n for n, one in enumerate(self.references) if one.city == city])


def measure_tiles(
    references: Sequence[TileResult],
    predictions: Sequence[TileResult],
    track: int,
    options: ScoreOptions = ScoreOptions(),
) -> BuildingScores:
    """The official figures of a track, and what lies behind them.

    Args:
        references: what truly stands on the tiles.
        predictions: what was found, in any order; a tile that has none counts as nothing found,
            and its heights as wrong in every pixel.
        track: 1 or 2.
        options: how to score.

    Raises:
        CrosswakeError: no references.
    """
    return measure_facts(TileFacts(references, predictions, track), options)


def measure_facts(facts: TileFacts, options: ScoreOptions) -> BuildingScores:
    """:func:`measure_tiles` of tiles that are matched already."""
    references = facts.references
    names = (*CUTS, *HEIGHT_METRICS, "score")

    def of_tiles(names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Estimate]:
        return estimated(facts.figures, names, rows, facts, options)

    return BuildingScores(
        track=facts.track,
        classes=facts.classes,
        tiles=len(references),
        buildings=building_counts(references, facts.classes),
        metrics=of_tiles(names, np.arange(len(references))),
        by_class={
            name: class_estimates(facts, number, options)
            for number, name in enumerate(facts.classes, 1)
        },
        by_city={city: of_tiles(CITY_METRICS, facts.rows(city)) for city in cities(references)},
        city_tiles={city: len(facts.rows(city)) for city in cities(references)},
        zero=flat_estimates(facts, options),
        missing=facts.missing,
    )


def class_estimates(facts: TileFacts, number: int, options: ScoreOptions) -> dict[str, Estimate]:
    """``AP`` and ``AP50`` of one class."""

    def values(draws: Draws, names: Sequence[str]) -> Figures:
        return {
            name: class_precision(facts.matches, number, CLASS_CUTS[name], draws) for name in names
        }

    rows = np.arange(len(facts.references))
    return estimated(values, tuple(CLASS_CUTS), rows, facts, options)


def flat_estimates(facts: TileFacts, options: ScoreOptions) -> dict[str, Estimate]:
    """The height metrics of a map that is 0 everywhere; none without heights."""
    flat = facts.flat
    if flat is None:
        return {}
    rows = np.arange(len(facts.references))
    return estimated(
        lambda draws, _: mean_heights(flat, draws), HEIGHT_METRICS, rows, facts, options
    )


def estimated(
    values: Callable[[Draws, Sequence[str]], Figures],
    names: Sequence[str],
    rows: NDArray[np.int64],
    facts: TileFacts,
    options: ScoreOptions,
) -> dict[str, Estimate]:
    """Values over some of the tiles with their 95 % intervals: the tiles are drawn anew, and the
    ends are percentiles (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13).

    Args:
        values: (R,) of each named metric for (R, I) draws.
        names: metrics to estimate.
        rows: where the tiles are.
        facts: of all I tiles.
        options: how often to draw.
    """
    once = values(facts.everywhere() * np.isin(np.arange(len(facts.references)), rows), names)
    spread = [name for name in once if name not in ONLY_SAID] if options.draws else []
    drawn = values(tile_draws(rows, len(facts.references), options), spread) if spread else {}
    return {name: estimate_of(value[0], drawn.get(name)) for name, value in once.items()}


def tile_draws(rows: NDArray[np.int64], tiles: int, options: ScoreOptions) -> Draws:
    """(R, I): how often each tile is drawn when as many of ``rows`` are drawn as there are."""
    generator = np.random.default_rng(options.seed)
    draws = np.zeros((options.draws, tiles), dtype=np.int64)
    equal = np.full(len(rows), 1 / len(rows))
    draws[:, rows] = generator.multinomial(len(rows), equal, size=options.draws)
    return draws


def estimate_of(value: float, drawn: Floats | None) -> Estimate:
    """A value with the interval of its drawn ones; NaN without any."""
    if drawn is None or np.isnan(drawn).all():
        return Estimate(value=float(value), low=float("nan"), high=float("nan"))
    low, high = np.nanpercentile(drawn, ENDS)
    return Estimate(value=float(value), low=float(low), high=float(high))


def building_counts(references: Sequence[TileResult], classes: Sequence[str]) -> dict[str, int]:
    """How many true buildings each class has; crowds are none."""
    numbers = [i.category for one in references for i in one.instances if not i.crowd]
    return {name: numbers.count(number) for number, name in enumerate(classes, 1)}


def cities(references: Sequence[TileResult]) -> list[str]:
    """Known cities, sorted."""
    return sorted({one.city for one in references} - {""})
