"""Promise: the page says how the weights came to be, and is read on any screen."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosswake.core.tensor_files import write_tensors
from crosswake.data.chips import Chip, Modality
from crosswake.data.sources.open import open_reid
from crosswake.reports.evaluation import evaluate_model
from crosswake.reports.history import read_history
from crosswake.reports.html import breakable, flat
from crosswake.reports.selection import Example, Hit
from crosswake.tasks.reid.measure import MeasureOptions
from tests.tasks.fakes import FakeEmbedder, make_data

QUIET = MeasureOptions(quiet=True)
ROWS = """epoch,learning_rate,loss,val_o2s_mAP,val_s2o_mAP,val_mAP
1,0.1,3.5,,,
2,0.1,2.5,0.5,0.7,0.6
3,0.1,2.0,,,
"""


class Trained(FakeEmbedder):
    """A stand-in that names a checkpoint."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__()
        self.source = str(checkpoint)

    def describe(self) -> dict[str, object]:
        return {"checkpoint": self.source, "model": {"mie_scale": 1.0, "stem": None, "sse": True}}


def write_run(folder: Path, epoch: int = 2, rows: str = ROWS) -> Path:
    """The folder of a run, of which one epoch is kept; returns its checkpoint."""
    folder.mkdir()
    (folder / "metrics.csv").write_text(rows)
    data = {"name": "harbour", "fingerprint": "0123456789ab"}
    heading = {"command": "train", "data": data, "epoch": epoch}
    write_tensors(heading | {"model": {}}, folder / "best.pt")
    os.utime(folder / "best.pt", (1_700_000_000, 1_700_000_000))
    return folder / "best.pt"


def test_the_training_is_drawn_and_the_weights_are_named(tmp_path: Path) -> None:
    weights = write_run(tmp_path / "run")
    data = open_reid(make_data(tmp_path / "ships", identities=3))
    evaluation = evaluate_model(Trained(weights), data, tmp_path / "out", QUIET)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert '<a href="#training">' in page
    assert "Loss and validation over the epochs" in page
    assert "harbour (fingerprint 0123456789ab). The upright line marks their epoch, 2." in page
    assert "2023-11-14 22:13 UTC" in page
    assert str(evaluation.origin["weights"]) in page
    for name, value in (("mie_<wbr>scale", "1.0"), ("stem", "none"), ("sse", "true")):
        assert f'<th scope="row">model.<wbr>{name}</th><td>{value}</td>' in page
    again = evaluate_model(Trained(weights), data, tmp_path / "two", QUIET)
    assert again.origin == evaluation.origin
    assert (tmp_path / "two/report.html").read_text(encoding="utf-8") == page


def test_history_is_that_of_the_weights(tmp_path: Path) -> None:
    found = read_history(write_run(tmp_path / "run"))
    assert found is not None
    assert (found.epoch, found.validated, len(found.rows)) == (2, True, 3)
    assert [row.get("val_mAP") for row in found.rows] == [None, 0.6, None]


@pytest.mark.parametrize(
    "rows", ["", "epoch,loss\n", "epoch,loss\n1,x\n", "a\n1\n", "\0", ROWS[:60]]
)
def test_a_table_that_is_not_of_this_run_is_not_drawn(rows: str, tmp_path: Path) -> None:
    found = read_history(write_run(tmp_path / "run", epoch=2, rows=rows))
    assert found is not None
    assert found.rows == ()


def test_other_weights_have_no_history(tmp_path: Path) -> None:
    write_tensors({"format": "mine", "model": {}}, tmp_path / "other.pt")
    (tmp_path / "model.onnx").write_bytes(b"graph")
    for name in ("other.pt", "model.onnx", "nowhere.pt"):
        assert read_history(tmp_path / name) is None


def test_baselines_have_their_curves(tmp_path: Path) -> None:
    data = open_reid(make_data(tmp_path / "ships", identities=3))
    evaluation = evaluate_model(FakeEmbedder(), data, tmp_path / "out", QUIET)
    for outcome in evaluation.outcomes.values():
        assert list(outcome.curves) == list(outcome.baselines)
        for name, metrics in outcome.baselines.items():
            for k in (1, 5):
                assert outcome.curves[name][k - 1] == pytest.approx(metrics[f"rank{k}"].value)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    assert {"model", "pixel correlation", "size only", "chance"} <= set(drawn)


@pytest.mark.parametrize(
    ("distances", "digits"),
    [
        ([0.12, 0.34], 2),
        ([0.121, 0.124, 0.34], 3),
        ([1.99991, 1.99992, 1.99992], 5),
        ([0.5, 0.5], 2),
        ([1e-9, 2e-9], 7),
        ([], 2),
    ],
)
def test_different_distances_look_different(distances: list[float], digits: int) -> None:
    chip = Chip(path=Path("a.tif"), modality=Modality.SAR)
    hits = [Hit(chip=chip, rank=1, distance=d, correct=False) for d in distances]
    shown = {"average_precision": np.nan, "first_match": 1, "matches": 1, "first": None}
    assert Example(query=chip, hits=tuple(hits), **shown).digits == digits  # type: ignore[arg-type]


def test_unknown_ships_are_told_from_other_ships(tmp_path: Path) -> None:
    data = open_reid(make_data(tmp_path / "ships", identities=3))
    evaluate_model(FakeEmbedder(), data, tmp_path / "known", QUIET)
    unknown = tuple(replace(chip, identity="") for chip in data.gallery[:2])
    data = replace(data, gallery=data.gallery + unknown)
    evaluate_model(FakeEmbedder(), data, tmp_path / "unknown", QUIET)
    pages = [
        (tmp_path / name / "report.html").read_text(encoding="utf-8")
        for name in ("known", "unknown")
    ]
    for text in ('class="tile unknown"', "unknown ship, dotted", ">unknown ship</text>"):
        assert [text in page for page in pages] == [False, True]


def test_names_break_after_their_words() -> None:
    assert breakable("optimiser.bias_lr") == "optimiser.<wbr>bias_<wbr>lr"
    assert breakable("a/<b>\u202e") == "a/&lt;b&gt;\\u202e"
    assert flat({"a": {"b_c": [1, 2]}, "d": ["x y", "z"]}) == {"a.b_c": "1, 2", "d": "x y\nz"}
