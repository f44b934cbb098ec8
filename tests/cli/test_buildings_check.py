"""Promise: ``crosswake buildings check`` prints counts and faults by kind, and exits 0 or 2."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from crosswake.cli.main import main
from tests.data.tile_making import edit_json, make_tiles, write_json

pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
JSON = "track2/buildings_only_train.json"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_tiles(tmp_path / "dfc23")


def rows_of(text: str) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in text.splitlines()]


def test_good_tiles(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["buildings", "check", str(root), "--output", "out"]) == 0
    said = capsys.readouterr()
    assert "dfc23_track1: 8 tiles" in said.out
    rows = rows_of(said.out)
    assert ["mansard_roof", "3", "25.0", "%", "3", "59.5", "3", "0"] in rows
    assert ["val", "2", "0", "0", "-", "0.0", "%", "-", "-", "-"] in rows
    assert said.out.splitlines()[-1] == "no fault in 16 tiles, 0 doubts"
    assert "track 2 8/8" in said.err
    content = json.loads(Path("out/check.json").read_text())
    assert content["made_from"]["command"] == "buildings check"
    assert [track["track"] for track in content["tracks"]] == [1, 2]
    assert content["tiles_in_both_tracks"] == {
        "test and test": 2,
        "train and train": 4,
        "val and val": 2,
    }
    for track in (1, 2):
        with Image.open(f"out/sheet_track{track}.png") as sheet:
            assert sheet.size[0] == 1600


def test_faults_are_grouped(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def damage(content: Any) -> None:
        for entry in content["annotations"][:5]:
            entry["segmentation"] = []
        content["annotations"][5]["bbox"] = [0, 0, 64, 64]

    edit_json(root / JSON, damage)
    assert main(["buildings", "check", str(root), "--track", "2", "--output", "o", "--quiet"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["faults: 5", "  5 x outline is empty"]
    assert "      and 2 more (--output FOLDER has them all)" in lines
    assert "doubts: 1" in lines
    assert lines[-1] == "5 faults among 8 tiles, 1 doubt"
    assert [line for line in lines if "split" in line or "notes" in line] == []
    findings = json.loads(Path("o/check.json").read_text())["tracks"][0]["findings"]
    assert [one["level"] for one in findings[:6]] == ["error"] * 5 + ["warning"]
    assert not Path("o/sheet_track1.png").exists()


@pytest.mark.parametrize("name", ["images", "annotations"])
def test_lists_that_are_none(root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    edit_json(root / JSON, lambda content: content.update({name: None}))
    assert main(["buildings", "check", str(root), "--track", "2", "--quiet"]) == 2
    assert f"{name} that are no list; fetch it again" in capsys.readouterr().out


def test_results_of_other_tiles_stay(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_tiles(root.parent / "other", tracks=(2,), tiles=1)
    words = ["--track", "2", "--output", "out", "--quiet"]
    assert main(["buildings", "check", str(other), *words]) == 0
    assert main(["buildings", "check", str(root), *words]) == 2
    assert "was made from something else" in capsys.readouterr().err
    assert main(["buildings", "check", str(root), *words, "--overwrite"]) == 0


def test_simulated_tiles_say_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(root / "simulated.json", {"made_from": {"command": "buildings simulate"}})
    assert main(["buildings", "check", str(root)]) == 0
    said = capsys.readouterr().out
    assert "simulated_track2: 8 tiles" in said
    assert "published" not in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere"], "nowhere: no such folder; correct the path"),
        (["."], "holds no DFC23 tiles"),
        (["dfc23", "--track", "3"], "--track"),
        (["dfc23", "--reference", "dfc23"], "--reference: is for a submission, a zip"),
        (["a.zip", "--output", "out"], "--output: is for a folder of tiles"),
        ([__file__], "a file; name a folder"),
    ],
)
def test_refusals(
    words: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["buildings", "check", *words]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("faults", "code"), [((), 0), (("one",), 2)])
def test_a_zip_goes_to_the_check_of_submissions(
    root: Path,
    faults: tuple[str, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[tuple[Any, ...]] = []

    def check(path: Path, track: int | None, tiles: Any) -> Any:
        calls.append((path, track, tiles and [tile.stem for tile in tiles]))
        return SimpleNamespace(faults=faults, lines=lambda: ["a line"])

    module = ModuleType("crosswake.buildings.submission")
    module.check_submission = check  # type: ignore[attr-defined]
    module.track_of_submission = lambda _, track: track or 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "crosswake.buildings.submission", module)
    words = ["buildings", "check", "my.ZIP", "--reference", str(root), "--track", "2"]
    assert main([*words, "--split", "test"]) == code
    assert main(["buildings", "check", "my.zip"]) == code
    assert calls == [
        (Path("my.ZIP"), 2, ["P_0420", "P_0421"]),
        (Path("my.zip"), 1, None),
    ]
    assert capsys.readouterr().out.splitlines() == ["a line", "a line"]
