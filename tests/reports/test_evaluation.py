"""Promise: the files of an evaluation give its numbers, and say what was measured on what."""

import csv
import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.sources.open import open_reid
from crosswake.reports.evaluation import evaluate_model
from crosswake.reports.pictures import picture
from crosswake.retrieval.protocols import METRICS, evaluate_protocol
from crosswake.retrieval.ranking import rank_rows
from crosswake.retrieval.rerank import rerank_rows
from crosswake.settings.evaluate import RerankConfig
from crosswake.tasks.reid.measure import MeasureOptions
from crosswake.tasks.reid.results import Evaluation
from tests.tasks.fakes import FakeEmbedder, make_data, write_chip, write_decibels
from tests.tiny import write_chip as write_tiff

QUIET = MeasureOptions(quiet=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    root = make_data(tmp_path_factory.mktemp("ships"))
    output = tmp_path_factory.mktemp("results") / "new" / "folder"
    return evaluate_model(FakeEmbedder(), open_reid(root), output, QUIET), output


def test_metrics_file_says_what_it_is_measured_on(finished: tuple[Evaluation, Path]) -> None:
    evaluation, output = finished
    record = json.loads((output / "metrics.json").read_text())
    assert record["measured_on"] == evaluation.data.name
    assert record["fingerprint"] == evaluation.fingerprint
    assert record["versions"]["numpy"] == np.__version__
    assert list(record["protocols"]) == ["all", "o2s", "s2o"]
    for protocol in record["protocols"].values():
        assert set(protocol["metrics"]) == set(METRICS)
        assert set(protocol["baselines"]) == {"pixel correlation", "size only", "chance"}
        for estimate in protocol["metrics"].values():
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert record["protocols"]["o2s"]["queries"] == record["protocols"]["o2s"]["gallery"] == 5
    # Query and gallery pictures are pairwise the same, so correlation finds each at once.
    assert record["protocols"]["all"]["baselines"]["pixel correlation"]["rank1"]["value"] == 1


def test_rank_lists_file_gives_back_the_metric(finished: tuple[Evaluation, Path]) -> None:
    evaluation, output = finished
    rows = pq.read_table(output / "rankings.parquet").to_pylist()
    assert len(rows) == 10 * 10 + 2 * 5 * 5
    first = [row["correct"] for row in rows if row["protocol"] == "o2s" and row["rank"] == 1]
    assert np.mean(first) == pytest.approx(evaluation.outcomes["o2s"].result.cmc[1])
    assert all(row["correct"] == (row["query_identity"] == row["gallery_identity"]) for row in rows)
    one = [row["distance"] for row in rows if row["query_path"] == rows[0]["query_path"]][:10]
    assert one == sorted(one)


def test_report_is_one_file_with_text_for_every_picture(finished: tuple[Evaluation, Path]) -> None:
    evaluation, output = finished
    assert sorted(path.name for path in output.iterdir()) == [
        "metrics.json",
        "queries.parquet",
        "rankings.parquet",
        "report.html",
    ]
    page = (output / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    pictures = re.findall(r"<img [^>]*>", page)
    assert len(pictures) > 30
    assert all(re.search(r'alt="[^"]+"', picture) for picture in pictures)
    for text in (
        evaluation.data.name,
        evaluation.fingerprint,
        "Attention",
        "Map of the embeddings",
    ):
        assert text in page
    assert page.count('role="img"') == 3


def test_same_seed_same_report(tmp_path: Path) -> None:
    data = open_reid(make_data(tmp_path / "ships", identities=3))
    pages = []
    for name in ("one", "two"):
        evaluate_model(FakeEmbedder(), data, tmp_path / name, QUIET)
        pages.append((tmp_path / name / "report.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]


def test_reranked_numbers_stand_beside_the_model(
    finished: tuple[Evaluation, Path], tmp_path: Path
) -> None:
    without, output = finished
    config = RerankConfig(k1=4, k2=2, apart=True)
    evaluation = evaluate_model(
        FakeEmbedder(), without.data, tmp_path, MeasureOptions(quiet=True, rerank=config)
    )
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["rerank"] == {"k1": 4, "k2": 2, "lambda": 0.3, "half": False, "apart": True}
    query, gallery = without.data.protocol("o2s")
    distances = rerank_rows(
        evaluation.rows_of(query),
        evaluation.rows_of(gallery),
        config,
        ([chip.modality for chip in query], [chip.modality for chip in gallery]),
    )
    ranking = rank_rows(
        distances, [chip.identity for chip in query], [chip.identity for chip in gallery]
    )
    found = record["protocols"]["o2s"]["reranked"]
    assert found["metrics"]["mAP"]["value"] == pytest.approx(evaluate_protocol("o2s", ranking).mAP)
    assert len(found["cmc"]) == 50
    plain = json.loads((output / "metrics.json").read_text())
    assert plain["rerank"] is None
    assert "reranked" not in plain["protocols"]["o2s"]
    assert record["protocols"]["o2s"]["metrics"] == plain["protocols"]["o2s"]["metrics"]
    page, plain_page = (
        (folder / "report.html").read_text(encoding="utf-8") for folder in (tmp_path, output)
    )
    assert "k1 4, k2 2, lambda 0.3, neighbours of each modality apart" in page
    assert page.count('<th scope="row">re-ranked</th>') == 3
    assert "e-ranked" not in plain_page


def test_one_modality_only(tmp_path: Path) -> None:
    data = open_reid(make_data(tmp_path / "ships", modalities=["RGB"]))
    evaluation = evaluate_model(FakeEmbedder(), data, tmp_path / "out", QUIET)
    assert [o.result.queries for o in evaluation.outcomes.values()] == [5, 0, 0]
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert record["protocols"]["s2o"]["metrics"]["mAP"] == {
        "value": None,
        "low": None,
        "high": None,
    }
    assert "no queries" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_gallery_of_one(tmp_path: Path) -> None:
    write_chip(tmp_path / "ships/query", "0001_s01c1_RGB")
    write_chip(tmp_path / "ships/bounding_box_test", "0001_s01c2_SAR")
    evaluation = evaluate_model(
        FakeEmbedder(), open_reid(tmp_path / "ships"), tmp_path / "out", QUIET
    )
    assert evaluation.outcomes["all"].result.cmc == {1: 1, 5: 1, 10: 1}
    assert evaluation.outcomes["all"].baselines["chance"]["mAP"].value == 1


def test_unreadable_files_are_listed_and_left_out(tmp_path: Path) -> None:
    root = make_data(tmp_path / "ships")
    broken = root / "query" / "0000_s01c0_RGB.png"
    broken.write_bytes(b"")
    write_decibels(root / "bounding_box_test" / "0001_s01c3_SAR.png")
    data = open_reid(root)
    evaluation = evaluate_model(FakeEmbedder(), data, tmp_path / "out", QUIET)
    assert [bad.path.name for bad in evaluation.unreadable] == [broken.name, "0001_s01c3_SAR.png"]
    assert evaluation.outcomes["all"].result.queries == 9
    assert evaluation.outcomes["all"].result.gallery == 9
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert len(record["unreadable"]) == 2
    assert broken.name in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_output_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    embedder = FakeEmbedder()
    with pytest.raises(CrosswakeError, match="taken: cannot be made a folder"):
        evaluate_model(
            embedder, open_reid(make_data(tmp_path / "ships")), tmp_path / "taken", QUIET
        )
    assert not embedder.embedded


def test_names_in_any_script_reach_the_report_without_a_warning(tmp_path: Path) -> None:
    make_data(tmp_path / "ships", identities=2)
    rows = ["path,identity,modality,split"]
    for number, name in enumerate(("海神号", "Нева")):
        rows += [f"ships/query/{number:04d}_s01c0_RGB.png,{name},optical,query"]
        rows += [f"ships/bounding_box_test/{number:04d}_s01c3_SAR.png,{name},sar,gallery"]
    table = tmp_path / "港口.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        evaluate_model(FakeEmbedder(), open_reid(table), tmp_path / "out", QUIET)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert re.search(r"<text[^>]*>海神号</text>", page)


class ActiveParts(HTMLParser):
    """Finds what a page would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag == "script" else []
        self.found += [name for name, _ in attrs if name.startswith("on")]


HOSTILE = (
    r"$\frac$",
    "_x^2_$",
    "[/b]<script>",
    "a\x1b[2J\nb",
    "ship\u202egnp",
    '" onload="x',
    "{{ 7 * 7 }}",
    "font: 12px",
    "x" * 300,
)


def test_names_of_strangers_do_nothing_in_report_and_files(tmp_path: Path) -> None:
    make_data(tmp_path / "ships", identities=len(HOSTILE))
    table = tmp_path / "$t_1.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "identity", "modality", "split"])
        for number, name in enumerate(HOSTILE):
            row = [f"ships/query/{number:04d}_s01c0_RGB.png", name, "optical", "query"]
            writer.writerow(row)
            row = [f"ships/bounding_box_test/{number:04d}_s01c3_SAR.png", name, "sar", "gallery"]
            writer.writerow(row)
    evaluate_model(FakeEmbedder(), open_reid(table), tmp_path / "out", QUIET)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", page)
    parser = ActiveParts()
    parser.feed(page)
    assert parser.found == []
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    for seen in (r"$\frac$", "_x^2_$", r"a\x1b[2J\nb", r"ship\u202egnp", "font: 12px"):
        assert drawn.count(seen) == 3, "two chips and the legend"
    assert "49" not in drawn
    named = pq.read_table(tmp_path / "out" / "rankings.parquet")["query_identity"].to_pylist()
    assert set(named) == set(HOSTILE), "files of numbers keep the names as they are"


def test_names_are_escaped(tmp_path: Path) -> None:
    root = make_data(tmp_path / "<b>ships", identities=2)
    evaluate_model(FakeEmbedder(), open_reid(root), tmp_path / "out", QUIET)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<b>ships" not in page
    assert "&lt;b&gt;ships" in page


def test_decibels_are_not_drawn_black(tmp_path: Path) -> None:
    """Decibels are as bright in the report as the amplitudes that they come from."""
    amplitude = np.random.default_rng(0).gamma(1.0, 100.0, (40, 20)).astype(np.float32)
    shown = {}
    for name, pixels in {"amplitude": amplitude, "decibels": 20 * np.log10(amplitude) - 80}.items():
        write_tiff(tmp_path / f"{name}.tif", pixels)
        chip = Chip(path=tmp_path / f"{name}.tif", modality=Modality.SAR)
        shown[name] = np.asarray(picture(chip)).mean()
    assert shown["decibels"] == pytest.approx(shown["amplitude"], rel=0.25)
    assert shown["decibels"] > 60
