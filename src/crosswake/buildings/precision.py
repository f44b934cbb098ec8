"""Average precision over tiles that count any number of times, many draws at once.

A bootstrap draws the tiles anew a thousand times. What was matched on a tile does not change, only
how often the tile counts; so each draw is a row of multiplicities, and precision is summed from
them. ``tests/buildings/test_precision.py`` compares with a run of pycocotools on repeated tiles."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.matching import Curve, Cut, TileMatches
from crosswake.retrieval.metrics import Floats

RECALLS = np.linspace(0.0, 1.0, 101)
"""Where precision is read, as COCO does."""
VALUES_AT_ONCE = 2**22


def average_precision(curve: Curve, draws: NDArray[np.int64]) -> Floats:
    """(R,) average precision of one class at one overlap for each draw.

    Args:
        curve: what was found of the class.
        draws: (R, I), how often each tile counts.

    Returns:
        NaN for a draw without a true building of the class.
    """
    result = np.full(len(draws), np.nan)
    total = draws @ curve.references
    result[total > 0] = 0.0
    rows = max(1, VALUES_AT_ONCE // max(len(curve.tile), 1))
    for start in range(0, len(draws) if len(curve.hits) else 0, rows):
        part = slice(start, start + rows)
        counts = draws[part][:, curve.tile]
        found = np.cumsum(counts, axis=1)[:, curve.hits]
        true = np.cumsum(counts[:, curve.hits], axis=1)
        precision = true / (found + np.spacing(1))
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = true / np.maximum(total[part], 1)[:, None]
        # each is the best for the recalls that it reaches and none before it did
        reached = np.searchsorted(RECALLS, recall, side="right")
        new = np.diff(reached, axis=1, prepend=0)
        some = total[part] > 0
        result[part][some] = ((best * new).sum(axis=1) / len(RECALLS))[some]
    return result


def class_precision(
    matches: TileMatches, category: int, cut: Cut, draws: NDArray[np.int64]
) -> Floats:
    """(R,) precision of a class, averaged over the overlaps of ``cut``."""
    each = [average_precision(curve, draws) for curve in matches.curves(category, cut)]
    return np.asarray(np.mean(each, axis=0))


def mean_precision(
    matches: TileMatches, cuts: Mapping[str, Cut], draws: NDArray[np.int64]
) -> dict[str, Floats]:
    """(R,) of each cut: the mean over the classes that have references in the draw, NaN without
    any."""
    found = {}
    for name, cut in cuts.items():
        numbers = range(1, matches.classes + 1)
        each = np.stack([class_precision(matches, number, cut, draws) for number in numbers])
        there = ~np.isnan(each)
        count = there.sum(axis=0)
        total = np.where(there, each, 0).sum(axis=0)
        found[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found
