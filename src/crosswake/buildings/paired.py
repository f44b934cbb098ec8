"""Two submissions on the same tiles: what one has more than the other."""

from collections.abc import Mapping, Sequence

import numpy as np

from crosswake.buildings.heights import HEIGHT_METRICS
from crosswake.buildings.matching import CUTS
from crosswake.buildings.measure import (
    Draws,
    Figures,
    ScoreOptions,
    TileFacts,
    estimated,
)
from crosswake.buildings.results import TileResult
from crosswake.retrieval.protocols import Estimate


def score_differences(
    references: Sequence[TileResult],
    first: Sequence[TileResult],
    second: Sequence[TileResult],
    track: int,
    options: ScoreOptions = ScoreOptions(),  # noqa: B008 (frozen)
) -> Mapping[str, Estimate]:
    """Each metric of ``first`` less that of ``second``, with its paired 95 % interval.

    Each draw takes the same tiles for both, so what is hard for both does not widen the interval.

    Args:
        references: what truly stands on the tiles.
        first: what one model found.
        second: what the other found.
        track: 1 or 2.
        options: how often to draw.
    """
    one, other = TileFacts(references, first, track), TileFacts(references, second, track)
    return fact_differences(one, other, options)


def fact_differences(
    one: TileFacts, other: TileFacts, options: ScoreOptions
) -> Mapping[str, Estimate]:
    """:func:`score_differences` of tiles that are matched already."""

    def values(draws: Draws, names: Sequence[str]) -> Figures:
        mine, theirs = one.figures(draws, names), other.figures(draws, names)
        return {name: mine[name] - theirs[name] for name in mine}

    names = (*CUTS, *HEIGHT_METRICS, "score")
    return estimated(values, names, np.arange(len(one.references)), one, options)
