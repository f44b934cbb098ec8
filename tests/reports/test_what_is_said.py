"""Promise: an evaluation says which protocol it measured, on what, and what is doubtful of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import UNKNOWN, ReidData
from crosswake.data.sources.open import open_reid
from crosswake.reports.evaluation import evaluate_model
from crosswake.reports.summary import summary_tables
from crosswake.tasks.reid.measure import MeasureOptions
from crosswake.tasks.reid.results import Evaluation
from tests.tasks.fakes import FakeEmbedder, make_data, write_chip

QUIET = MeasureOptions(quiet=True)
MODALITIES = {"RGB": Modality.OPTICAL, "SAR": Modality.SAR}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    root, output = make_data(tmp_path_factory.mktemp("ships")), tmp_path_factory.mktemp("results")
    return evaluate_model(FakeEmbedder(), open_reid(root), output, QUIET), output


@pytest.mark.parametrize("query", ["0001_s01c1_RGB", "-1_s01c1_RGB"])
def test_no_match_at_all(tmp_path: Path, query: str) -> None:
    """Nothing is measured, so nothing is written."""
    chip = Chip(path=write_chip(tmp_path, query), modality=Modality.OPTICAL)
    chip = replace(chip, identity=UNKNOWN if query.startswith("-1") else "0001")
    other = Chip(path=write_chip(tmp_path, "0002_SAR"), modality=Modality.SAR, identity="0002")
    unknown = replace(other, identity=UNKNOWN, path=write_chip(tmp_path, "x_SAR", 5))
    data = ReidData(name="few", root=tmp_path, query=(chip,), gallery=(other, unknown))
    with pytest.raises(CrosswakeError, match="no query has a true match in the gallery"):
        evaluate_model(FakeEmbedder(), data, tmp_path / "out", QUIET)
    assert not list((tmp_path / "out").glob("*"))


def test_queries_file_gives_back_the_metrics(finished: tuple[Evaluation, Path]) -> None:
    """As a stranger would recompute them, from match ranks alone."""
    evaluation, output = finished
    rows = pq.read_table(output / "queries.parquet").to_pylist()
    assert len(rows) == 10 + 5 + 5
    for name, outcome in evaluation.outcomes.items():
        mine = [row for row in rows if row["protocol"] == name]
        ranks = [np.array(row["match_ranks"]) for row in mine]
        precision = [np.mean(np.arange(1, len(r) + 1) / r) for r in ranks]
        assert [row["average_precision"] for row in mine] == pytest.approx(precision)
        assert np.mean(precision) == pytest.approx(outcome.result.mAP)
        assert [row["first_match_rank"] for row in mine] == [r[0] for r in ranks]
        assert np.mean([len(r) / r[-1] for r in ranks]) == pytest.approx(outcome.result.mINP)
        assert [row["query_path"] for row in mine] == [str(chip.path) for chip in outcome.query]
        assert all(set(row["match_ties"]) == {1} for row in mine)
        assert {row["gallery_size"] for row in mine} == {len(outcome.gallery)}


def test_files_and_page_say_which_protocol_it_is(tmp_path: Path) -> None:
    """Of the same ships, with a subset for one direction."""
    root = make_data(tmp_path / "ships")
    for part in ("query/0001_s01c0_RGB.png", "bounding_box_test/0001_s01c3_SAR.png"):
        target = root / "subset/O2S" / part
        target.parent.mkdir(parents=True)
        target.write_bytes((root / part).read_bytes())
    evaluation = evaluate_model(FakeEmbedder(), open_reid(root), tmp_path / "out", QUIET)
    record = json.loads((tmp_path / "out/metrics.json").read_text())["protocols"]
    assert {name: one["chosen_by"] for name, one in record.items()} == {
        "all": "all",
        "o2s": "subset of the data set",
        "s2o": "modality",
    }
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "Optical to SAR, by subset of the data set" in page
    assert "SAR to optical, by modality" in page
    said = [str(getattr(part, "title", part)) for part in summary_tables(evaluation)]
    assert any(one.startswith("SAR to optical, by modality: 5 of 5") for one in said)
    assert any("has no subset/" in one for one in said)


def test_only_subsets_are_measured_without_training_chips(tmp_path: Path) -> None:
    for part, name in (("query", "0001_s01c0_RGB"), ("bounding_box_test", "0001_s01c3_SAR")):
        write_chip(tmp_path / "hoss/subset/O2S" / part, name, len(part))
    evaluation = evaluate_model(
        FakeEmbedder(), open_reid(tmp_path / "hoss"), tmp_path / "out", QUIET
    )
    assert list(evaluation.outcomes) == ["o2s"]
    assert evaluation.outcomes["o2s"].chosen_by == "subset of the data set"


def test_leave_one_out_with_distractors(tmp_path: Path) -> None:
    """A query answers neither itself nor a ship that nobody knows, and all outputs say so."""
    chips = [
        Chip(path=write_chip(tmp_path, f"{seed}_{kind}", seed), identity=name, modality=modality)
        for seed, (name, kind, modality) in enumerate(
            [(name, kind, m) for name in ("a", "b", "") for kind, m in MODALITIES.items()]
        )
    ]
    data = ReidData(name="loo", root=tmp_path, query=tuple(chips[:4]), gallery=tuple(chips))
    evaluation = evaluate_model(FakeEmbedder(noise=0), data, tmp_path / "out", QUIET)
    result = evaluation.outcomes["all"].result
    assert (result.queries, evaluation.outcomes["all"].distractors) == (4, 2)
    assert result.ranking.matches.tolist() == [1, 1, 1, 1]
    assert result.ranking.compared.tolist() == [5, 5, 5, 5]
    for row, found in enumerate(result.ranking.top):
        assert row not in found and sorted(found) == [i for i in range(6) if i != row]
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "gallery of 6 (2 of unknown ships)" in page
    assert "4 queries are in the gallery too; none answers itself" in page
    rows = pq.read_table(tmp_path / "out/rankings.parquet").to_pylist()
    assert not any(row["correct"] for row in rows if row["gallery_identity"] == "")
    assert not any(row["query_path"] == row["gallery_path"] for row in rows)


def test_a_collapsed_model_is_told_from_a_good_one(tmp_path: Path) -> None:
    class Collapsed(FakeEmbedder):
        def feature(self, chip: Chip) -> NDArray[np.float64]:
            return np.ones(16)

    data = open_reid(make_data(tmp_path / "ships"))
    evaluation = evaluate_model(Collapsed(), data, tmp_path / "out", QUIET)
    outcome = evaluation.outcomes["all"]
    assert outcome.result.tied == 10
    assert outcome.result.mAP == pytest.approx(outcome.baselines["chance"]["mAP"].value)
    said = "exactly as near as true matches for 10 of 10 queries (100.0 %)"
    assert any(said in str(part) for part in summary_tables(evaluation))
    assert said in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_the_same_pixels_in_query_and_gallery_are_pointed_out(
    finished: tuple[Evaluation, Path],
) -> None:
    evaluation, output = finished
    found = [one for one in evaluation.findings if one.level == "error"]
    assert {one.kind for one in found} == {"the same pixels in query and gallery"}
    assert len(found) == 10
    assert json.loads((output / "metrics.json").read_text())["findings"][0]["level"] == "error"
    assert "10 x the same pixels" in (output / "report.html").read_text(encoding="utf-8")
