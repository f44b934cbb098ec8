"""Promise: the worth of evidence is measured as a plain count gives it, absent ships are absent,
and together the kinds are worth more than appearance alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.gallery.calibrating import calibrate
from crosswake.gallery.evaluation import (
    COSINE,
    TOGETHER,
    DirectionResult,
    GalleryEvaluation,
    TrialRows,
    answer,
    evaluate_evidence,
    leave_out,
)
from crosswake.gallery.evaluation_report import result_names, write_evaluation
from crosswake.gallery.evidence import Weighing
from crosswake.gallery.trial import compare_sightings
from crosswake.settings.evidence import EvidenceConfig
from tests.gallery.trials import some_sightings

SHIPS = some_sightings(60, 4, seed=1)
EVERYTHING = np.arange(len(SHIPS))
HOW = Weighing(
    calibration=calibrate(some_sightings(40, 6, seed=2), "m", EvidenceConfig()).calibration
)
ROWS = leave_out(SHIPS, TrialRows(query=EVERYTHING, gallery=EVERYTHING), 0.3, 0)


@pytest.fixture(scope="module")
def directions() -> dict[str, DirectionResult]:
    return {str(name): one for name, one in evaluate_evidence(SHIPS, ROWS, HOW).items()}


def test_absent_ships_are_not_in_the_gallery() -> None:
    looked_for, there = set(SHIPS.ship[ROWS.query]), set(SHIPS.ship[ROWS.gallery])
    assert len(looked_for) == 60
    assert len(looked_for - there) == 18
    assert set(SHIPS.ship[EVERYTHING][~SHIPS.named]) <= there, "others stay"
    assert not (~SHIPS.named[ROWS.query]).any()


def test_a_share_that_leaves_nobody_is_refused() -> None:
    for absent in (0.001, 0.999):
        with pytest.raises(CrosswakeError, match="--absent"):
            leave_out(SHIPS, TrialRows(query=EVERYTHING, gallery=EVERYTHING), absent, 0)


def test_answers_are_those_of_a_plain_count() -> None:
    one = compare_sightings(SHIPS, ROWS.query, ROWS.gallery, HOW)
    kinds = ("appearance", "reachability")
    found = answer(one, kinds, HOW)
    assert HOW.calibration is not None
    weights = HOW.calibration.weights_for(kinds)
    for row in range(0, len(ROWS.query), 17):
        total = weights.appearance * one.parts["appearance"][row].astype(float)
        total = total + weights.reachability * one.parts["reachability"][row]
        candidates = len(total) - (one.own[row] >= 0)
        odds = np.exp(total) / candidates
        spread = ((odds / odds.sum()) ** 2).sum()
        none = 0.3 * np.exp(weights.absent) * spread**-weights.peak
        odds *= 0.7 * odds.sum() ** (weights.nest - 1)
        chance = {ship: odds[one.gallery == ship].sum() for ship in set(one.gallery.tolist())}
        whole = odds.sum() + none
        best = max(chance, key=lambda ship: chance[ship])
        ship = int(one.query[row])
        assert found.open_set.score[row] == pytest.approx(chance[best] / whole)
        assert found.open_set.right[row] == (best == ship)
        likeliest = best if chance[best] > none else None
        truth = ship if one.match[row].any() else None
        assert found.true[row] == (likeliest == truth)
        assert found.confidence[row] == pytest.approx(max(chance[best], none) / whole)
        squares = [(p / whole - (k == truth)) ** 2 for k, p in {**chance, None: none}.items()]
        assert found.brier[row] == pytest.approx(sum(squares), abs=1e-6)
        if truth is None:
            assert np.isnan(found.values["rank1"][row])
            continue
        order = np.argsort(-total, kind="stable")
        hits = one.match[row][order]
        precision = [(k + 1) / (rank + 1) for k, rank in enumerate(np.flatnonzero(hits))]
        assert found.values["mAP"][row] == pytest.approx(np.mean(precision), abs=1e-4)
        assert found.values["rank1"][row] == hits[0]


def test_together_is_better_than_appearance_alone(directions: dict[str, DirectionResult]) -> None:
    assert list(directions) == ["all", "o2s", "s2o"]
    for one in directions.values():
        together = one.sets[TOGETHER]
        assert together.gain["rank1"].low > 0
        assert together.gain["dir10"].value > 0
        assert together.gain["brier"].high < 0
        assert together.metrics["ece"].value < 0.15  # of few queries
        assert one.possible_matches == 1
        assert one.impossible > 0.01
        cosine = one.sets[COSINE].metrics
        assert np.isnan(cosine["ece"].value)
        assert cosine["rank1"].low < cosine["rank1"].value < cosine["rank1"].high


def test_gains_are_paired_differences(directions: dict[str, DirectionResult]) -> None:
    one = directions["o2s"]
    alone, together = one.sets["appearance"], one.sets[TOGETHER]
    assert not alone.gain
    for name in ("mAP", "rank1", "dir1", "dir10", "brier"):
        difference = together.metrics[name].value - alone.metrics[name].value
        assert together.gain[name].value == pytest.approx(difference)
        assert together.gain[name].low < difference < together.gain[name].high


def test_everything_is_written(directions: dict[str, DirectionResult], tmp_path: Path) -> None:
    facts = {"data": "trial <b>", "absent": 0.3}
    evaluation = GalleryEvaluation(directions=directions, facts=facts)  # type: ignore[arg-type]
    write_evaluation(tmp_path, evaluation, {"command": "gallery evaluate"})
    assert {path.name for path in tmp_path.iterdir()} == set(result_names())
    record = json.loads((tmp_path / "metrics.json").read_text())
    found = record["directions"]["s2o"]["evidence"][TOGETHER]
    assert (
        found["metrics"]["rank1"]["value"]
        == directions["s2o"].sets[TOGETHER].metrics["rank1"].value
    )
    assert found["named_at"]["0.01"] == pytest.approx(found["metrics"]["dir1"]["value"], abs=0.02)
    page = (tmp_path / "report.html").read_text()
    assert "trial &lt;b&gt;" in page
    assert page.count("data:image/png") == 3
    assert page.count("gain over appearance alone") == 3
