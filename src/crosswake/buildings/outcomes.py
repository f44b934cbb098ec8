"""Tile by tile: which buildings were found right, which are wrong, and which were missed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.measure import TileFacts
from crosswake.buildings.results import Instance, TileResult


@dataclass(frozen=True, kw_only=True)
class TileOutcome:
    """What became of the buildings of one tile, at an overlap of one half.

    Attributes:
        reference: what stands there.
        found: what was found, heights included; None for a tile without any.
        right: instances found that are true, in place and class.
        wrong: instances found that are none, or of another class.
        missed: true instances that were not found.
        delta_1: share of pixels of right height; NaN without heights.
    """

    reference: TileResult
    found: TileResult | None
    right: tuple[Instance, ...]
    wrong: tuple[Instance, ...]
    missed: tuple[Instance, ...]
    delta_1: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where nothing stands and nothing was found."""
        count = 2 * len(self.right) + len(self.wrong) + len(self.missed)
        return 2 * len(self.right) / count if count else float("nan")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """All detections with whether they are true.

    Attributes:
        scores: (D,).
        true: (D,), matched at an overlap of one half; those that do not count are left out.
        references: number of true buildings.
    """

    scores: NDArray[np.float64]
    true: NDArray[np.bool_]
    references: int


def all_judged(facts: TileFacts) -> Judged:
    """The detections of all classes and tiles."""
    scores, true, count = [np.zeros(0)], [np.zeros(0, bool)], 0
    for category in range(1, len(facts.classes) + 1):
        for row in range(len(facts.references)):
            record = facts.matches.of_tile(category, row)
            if record is None:
                continue
            used = np.asarray(record["dtIgnore"][0]) == 0
            scores.append(np.asarray(record["dtScores"], dtype=np.float64)[used])
            true.append((np.asarray(record["dtMatches"][0]) > 0)[used])
            count += int(np.sum(np.asarray(record["gtIgnore"]) == 0))
    return Judged(scores=np.concatenate(scores), true=np.concatenate(true), references=count)


def best_threshold(judged: Judged) -> float:
    """The score from which on buildings are taken so that F1 over all tiles is best; what lies
    below is no claim. 0 where nothing was found.

    TileMatches do not change with it: those of higher scores are matched first."""
    if not len(judged.scores):
        return 0.0
    order = np.argsort(-judged.scores, kind="mergesort")
    right = np.cumsum(judged.true[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + max(judged.references, 1))
    last = np.append(np.diff(judged.scores[order]) != 0, True)  # of equal scores all or none
    return float(judged.scores[order][np.argmax(np.where(last, f1, -1))])


def tile_outcomes(facts: TileFacts, threshold: float) -> Iterator[TileOutcome]:
    """The outcome of each tile, of what was found with a score of ``threshold`` or more."""
    true_before = found_before = 0
    for row, reference in enumerate(facts.references):
        found = facts.predictions.get(reference.image_id)
        instances = found.instances if found else ()
        claims = claimed(facts, row, threshold)
        hits = {
            own - found_before - 1: match - true_before - 1 if match else -1
            for own, match in claims
        }
        matched = {match for match in hits.values() if match >= 0}
        missed = [
            one for n, one in enumerate(reference.instances) if n not in matched and not one.crowd
        ]
        yield TileOutcome(
            reference=reference,
            found=found,
            right=tuple(instances[n] for n, match in hits.items() if match >= 0),
            wrong=tuple(instances[n] for n, match in hits.items() if match < 0),
            missed=tuple(missed),
            delta_1=float("nan") if facts.heights is None else float(facts.heights[row, 0]),
        )
        true_before += len(reference.instances)
        found_before += len(instances)


def claimed(facts: TileFacts, row: int, threshold: float) -> Iterator[tuple[int, int]]:
    """What was found on a tile with a high score and counts: its number among all that was found,
    and that of the true building it is, both from 1; 0 for none."""
    for category in range(1, len(facts.classes) + 1):
        record = facts.matches.of_tile(category, row)
        if record is None:
            continue
        columns = (record["dtIds"], record["dtScores"])
        for own, score, match, ignored in zip(
            *columns, record["dtMatches"][0], record["dtIgnore"][0], strict=True
        ):
            if score >= threshold and not ignored:
                yield int(own), int(match)
