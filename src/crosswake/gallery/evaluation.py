"""What each kind of evidence is worth, alone and together, on queries whose ship is known and, for
a share of them, absent on purpose."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.reid import PROTOCOLS, ProtocolName
from crosswake.gallery.evidence import Weighing, add_up
from crosswake.gallery.trial import Comparison, KnownSightings, compare_sightings
from crosswake.retrieval.calibration import LEARNT_KINDS
from crosswake.retrieval.metrics import Floats, Ints, Ranking
from crosswake.retrieval.open_set import (
    FALSE_ALARMS,
    OpenSetAnswers,
    identification_curve,
    identification_draws,
    identification_rate,
)
from crosswake.retrieval.protocols import NOT_MEASURED, Estimate
from crosswake.retrieval.ranking import rank_rows
from crosswake.retrieval.reliability import Reliability, reliability
from crosswake.retrieval.resampling import (
    draw_identities,
    mean_of_draws,
    mean_with_interval,
    percentile_interval,
)

COSINE, APPEARANCE, TOGETHER = "cosine", "appearance", "together"
MEASURES = ("mAP", "rank1", *(f"dir{round(100 * rate)}" for rate in FALSE_ALARMS), "ece", "brier")
MEASURE_TITLES = {
    "mAP": "mAP",
    "rank1": "rank-1",
    "dir1": "named at 1 % false alarms",
    "dir10": "named at 10 % false alarms",
    "ece": "calibration error",
    "brier": "Brier score",
}
BEHIND_ALL = -1e30
"""Log ratio that stands for impossible where ranks are counted."""


@dataclass(frozen=True, kw_only=True)
class SetAnswers:
    """What one choice of evidence answers to Q queries.

    Attributes:
        ranking: of the gallery.
        open_set: the first ship of each query, how sure, and whether it is right. A ship's
            probability is the sum over its sightings.
        confidence: (Q,), probability of what is likeliest: a ship, or "not there"; NaN by cosine.
        true: (Q,), whether that was so.
        brier: (Q,), squared error summed over all ships and "not there".
    """

    ranking: Ranking
    open_set: OpenSetAnswers
    confidence: Floats
    true: Floats
    brier: Floats

    @property
    def values(self) -> dict[str, Floats]:
        """(Q,) by measure that is a mean; NaN for queries that do not count for it."""
        used = self.ranking.used
        first = np.where(used, self.ranking.first_match == 1, np.nan)
        return {"mAP": self.ranking.expected_precision, "rank1": first, "brier": self.brier}


@dataclass(frozen=True, kw_only=True)
class SetResult:
    """What one choice of evidence measures.

    Attributes:
        metrics: by measure of :data:`MEASURES`, with 95 % intervals over identities.
        gain: the same less those of appearance alone, paired; empty for itself.
        reliability: of the likeliest answer; None by cosine.
        curve: false alarm rates, and the share that is named rightly at each.
    """

    metrics: Mapping[str, Estimate]
    gain: Mapping[str, Estimate]
    reliability: Reliability | None
    curve: tuple[Floats, Floats]


@dataclass(frozen=True, kw_only=True)
class DirectionResult:
    """One protocol.

    Attributes:
        sets: results by choice of evidence.
        queries: number of them.
        absent: of these, those whose ship is not in the gallery.
        ships: number of ships that are looked for.
        gallery: number of sightings.
        impossible: share of the gallery, mean over queries, that no ship could have reached.
        possible_matches: share of the true matches that are not among these.
    """

    sets: Mapping[str, SetResult]
    queries: int
    absent: int
    ships: int
    gallery: int
    impossible: float
    possible_matches: float


@dataclass(frozen=True, kw_only=True)
class GalleryEvaluation:
    """All protocols, and on what.

    Attributes:
        directions: results by protocol.
        facts: data, model, calibration and settings, for people and programs.
    """

    directions: Mapping[ProtocolName, DirectionResult]
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrialRows:
    """Which sightings are queries, and which the gallery.

    Attributes:
        query: rows of sightings of known ships.
        gallery: rows; the absent ships have none.
    """

    query: Ints
    gallery: Ints


def leave_out(sightings: KnownSightings, rows: TrialRows, absent: float, seed: int) -> TrialRows:
    """Take a share of the ships that are looked for out of the gallery.

    Raises:
        CrosswakeError: no ship or every ship would be absent.
    """
    query = rows.query[sightings.named[rows.query]]
    ships = np.unique(sightings.ship[query])
    count = round(absent * len(ships))
    if not 0 < count < len(ships):
        raise CrosswakeError(
            f"--absent {absent:g}: of {counted(len(ships), 'ship')} this leaves "
            f"{len(ships) - count} in the gallery; some must be in it, and some not"
        )
    gone = np.random.default_rng(seed).choice(ships, count, replace=False)
    stays = ~np.isin(sightings.ship[rows.gallery], gone)
    return TrialRows(query=query, gallery=rows.gallery[stays])


def evaluate_evidence(
    sightings: KnownSightings,
    rows: TrialRows,
    how: Weighing,
    seed: int = 0,
    quiet: bool = True,
) -> dict[ProtocolName, DirectionResult]:
    """Measure by all protocols that have queries and a gallery.

    Args:
        sightings: all of them.
        rows: queries and gallery, from :func:`leave_out`.
        how: with a calibration.
        seed: of the intervals.
        quiet: show no progress.
    """
    sar = sightings.facts.sar
    found: dict[ProtocolName, DirectionResult] = {}
    for name in PROTOCOLS:
        query, gallery = rows.query, rows.gallery
        if name != "all":
            radar = name == "s2o"
            query, gallery = query[sar[query] == radar], gallery[sar[gallery] != radar]
        if len(query) and len(gallery):
            found[name] = direction_result(
                compare_sightings(sightings, query, gallery, how, quiet), how, seed
            )
    if not found:
        raise CrosswakeError("--data: no query of a known ship, or no gallery; name other data")
    return found


def direction_result(one: Comparison, how: Weighing, seed: int) -> DirectionResult:
    """Measure every choice of evidence on one comparison."""
    answers = {name: answer(one, kinds, how) for name, kinds in evidence_sets(one).items()}
    draws = draw_identities(one.query, seed=seed)
    measured = {name: measure_set(each, draws) for name, each in answers.items()}
    base = measured[APPEARANCE]
    match = one.match
    impossible = np.isinf(one.parts["reachability"])
    rows = np.flatnonzero(one.own >= 0)
    impossible[rows, one.own[rows]] = False
    present = match.any(axis=1)
    return DirectionResult(
        sets={
            name: SetResult(
                metrics={key: value.estimate for key, value in each.items()},
                gain={}
                if name == APPEARANCE
                else {key: value.less(base[key]) for key, value in each.items()},
                reliability=said_and_true(answers[name], draws),
                curve=identification_curve(answers[name].open_set),
            )
            for name, each in measured.items()
        },
        queries=len(one.query),
        absent=int((~present).sum()),
        ships=len(np.unique(one.query)),
        gallery=len(one.gallery),
        impossible=float(impossible.mean()),
        possible_matches=float(1 - impossible[match].mean()) if match.any() else float("nan"),
    )


def evidence_sets(one: Comparison) -> dict[str, tuple[str, ...]]:
    """The choices of evidence that are measured, as far as there is evidence of the kind."""
    known = one.known()
    learnt = tuple(kind for kind in LEARNT_KINDS if kind in known)
    sets: dict[str, tuple[str, ...]] = {COSINE: (), APPEARANCE: (APPEARANCE,)}
    sets |= {kind: (kind,) for kind in (*learnt, "claims") if kind in known}
    for kind in learnt:
        if kind != APPEARANCE and len(learnt) > 2:
            sets[f"{APPEARANCE} + {kind}"] = (APPEARANCE, kind)
    if len(learnt) > 1:
        sets[TOGETHER] = learnt
    if "claims" in known:
        sets[f"{TOGETHER} + claims"] = (*learnt, "claims")
    return sets


def answer(one: Comparison, kinds: tuple[str, ...], how: Weighing) -> SetAnswers:
    """What evidence of some kinds answers; of none, the cosine."""
    count, present = len(one.query), np.asarray(one.match.any(axis=1), np.bool_)
    totals = np.empty(one.cosine.shape, np.float32)
    score, confidence, brier = np.empty(count), np.full(count, np.nan), np.full(count, np.nan)
    right, true = np.zeros(count, bool), np.full(count, np.nan)
    ships = int(max(one.gallery.max(), one.query.max())) + 1
    for row in range(count):
        if not kinds:
            totals[row] = one.cosine[row]
            best = int(np.argmax(one.cosine[row]))
            score[row] = one.cosine[row, best]
            right[row] = one.gallery[best] == one.query[row]
            continue
        found = add_up(one.raw(row), kinds, how)
        totals[row] = found.total
        chance = np.bincount(one.gallery, found.probability, minlength=ships)
        best = int(np.argmax(chance))
        score[row], right[row] = chance[best], best == one.query[row]
        confidence[row] = max(chance[best], found.not_there)
        none_likeliest = found.not_there >= chance[best]
        true[row] = (not present[row]) if none_likeliest else (present[row] and right[row])
        so = chance[one.query[row]] if present[row] else found.not_there
        brier[row] = (chance**2).sum() + found.not_there**2 - 2 * so + 1
    distances = -np.maximum(totals, BEHIND_ALL)
    return SetAnswers(
        ranking=rank_rows(distances, one.query, one.gallery, 1, one.own),
        open_set=OpenSetAnswers(score=score, right=right & present, present=present),
        confidence=confidence,
        true=true,
        brier=brier,
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A value with its interval, and its resampled values, for paired differences."""

    estimate: Estimate
    resampled: Floats

    def less(self, other: "Measured") -> Estimate:
        """The difference with its interval; both were resampled alike."""
        value = self.estimate.value - other.estimate.value
        return percentile_interval(value, self.resampled - other.resampled)


def measure_set(answers: SetAnswers, draws: NDArray[np.int32]) -> dict[str, Measured]:
    """Every measure of one choice of evidence."""
    found: dict[str, Measured] = {}
    for name, values in answers.values.items():
        found[name] = Measured(
            estimate=mean_with_interval(values, draws), resampled=mean_of_draws(values, draws)
        )
    for rate in FALSE_ALARMS:
        resampled = identification_draws(answers.open_set, rate, draws)
        value = identification_rate(answers.open_set, rate)
        found[f"dir{round(100 * rate)}"] = Measured(
            estimate=percentile_interval(value, resampled), resampled=resampled
        )
    said = said_and_true(answers, draws)
    found["ece"] = Measured(
        estimate=said.error if said else NOT_MEASURED, resampled=np.full(len(draws), np.nan)
    )
    return {name: found[name] for name in MEASURES}


def said_and_true(answers: SetAnswers, draws: NDArray[np.int32]) -> Reliability | None:
    """The reliability of the likeliest answer; None where there are no probabilities."""
    if np.isnan(answers.confidence).any():
        return None
    return reliability(answers.confidence, answers.true, draws)
