"""Promise: ``buildings score`` prints and writes the contest's figures, and replaces no file of
others."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosswake.buildings.reference import open_reference
from crosswake.buildings.submission import write_submission
from crosswake.cli.main import main
from tests.data.tile_making import make_tiles

pytest.importorskip("pycocotools.mask")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiles(tmp_path_factory.mktemp("tiles"), references=("train", "test"))


@pytest.fixture
def submission(root: Path, tmp_path: Path) -> Path:
    """All buildings of the test tiles but one, and heights of half a tile."""
    truth = open_reference(root, 2, "test").results
    first, *others = truth
    height = np.array(first.height)
    height[:, 32:] = 0
    path = tmp_path / "mine.zip"
    few = replace(first, instances=first.instances[1:], height=height)
    write_submission(path, 2, [few, *others])
    return path


def words(submission: Path, root: Path, *more: object) -> list[str]:
    start = ("buildings", "score", submission, "--reference", root, "--draws", 20)
    return [str(word) for word in (*start, *more)]


def test_from_start_to_end(
    submission: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores"
    assert main(words(submission, root, "--output", out)) == 0
    printed = capsys.readouterr().out
    assert "AP50, masks at IoU 0.5" in printed
    assert "0 everywhere" in printed
    record = json.loads((out / "metrics.json").read_text())
    assert record["metrics"]["AP50"]["value"] == pytest.approx(0.832, abs=0.02)
    assert record["all_zero_heights"]["delta_1"]["value"] < record["metrics"]["delta_1"]["value"]
    assert record["best_f1"]["right"] == 5
    assert record["best_f1"]["missed"] == 1
    assert [one["missed"] for one in record["by_tile"]] == [1, 0]
    page = (out / "report.html").read_text()
    assert page.count("<figure>") == 2
    pictures = sorted((out / "overlays").glob("*.png"))
    assert [one.name for one in pictures] == ["P_0420.png", "P_0421.png"]
    assert Image.open(pictures[0]).size == (3 * 512 + 24, 512)
    assert main(words(submission, root, "--output", out)) == 0
    assert main(words(submission, root, "--output", out, "--seed", 1)) == 2
    assert "seed 0, not 1" in capsys.readouterr().err


def test_a_pair_of_submissions(
    submission: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.zip"
    write_submission(other, 2, open_reference(root, 2, "test").results)
    assert main(words(other, root, "--against", submission)) == 0
    assert "paired interval" in capsys.readouterr().out


def test_a_missing_height_map_is_said_and_strict_refuses(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import zipfile

    truth = open_reference(root, 2, "test").results
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    write_submission(good, 2, truth)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as sink:
        for name in source.namelist()[:-1]:
            sink.writestr(name, source.read(name))
    assert main(words(bad, root)) == 0
    assert "1 tile without height map counts as wrong" in capsys.readouterr().err
    assert main(words(bad, root, "--strict")) == 2
    assert "without height map" in capsys.readouterr().err


def test_a_json_reference_needs_its_heights(
    submission: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = root / "track2" / "buildings_only_test.json"
    heights = root / "track2_test_data" / "dsm"
    assert main(words(submission, reference, "--heights", heights)) == 0
    assert "score, (AP50 + δ₁) / 2" in capsys.readouterr().out
    assert main(words(submission, reference, "--heights", tmp_path)) == 2
    assert "P_0420.tif: no such file; --heights must hold" in capsys.readouterr().err
    assert main(words(submission, reference)) == 2
    assert "track 2 has heights: name their folder with --heights" in capsys.readouterr().err
