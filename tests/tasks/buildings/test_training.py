"""Promise: training on tiles learns from what is known, validates on other cities, goes on as if it
had never stopped, and says what is missing."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.core.tensor_files import read_tensors, write_tensors
from crosswake.data.sources.dfc23_tracks import read_tiles
from crosswake.models.buildings.checkpoints import load_building_model
from crosswake.models.embedder import load
from crosswake.tasks.buildings.data import split_tiles, tiles_fingerprint
from crosswake.tasks.buildings.task import BuildingsTask
from crosswake.training.task import Run, Step
from tests.data.tile_making import edit_json, make_tiles
from tests.parsing import parse_buildings
from tests.tasks.buildings.runs import tiny_words, train_tiny
from tests.training.running import assert_equal_runs, without_clock


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dfc23")
    cities = ("Berlin", "Rio", "Rome")
    return make_tiles(root, cities=cities, tiles=2, references=("train", "test"))


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has interrupted."""
    output = tmp_path_factory.mktemp("runs") / "whole"
    train_tiny(data, output)
    return output


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_been(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the second epoch: what was saved after the first goes on to the same weights, and
    finds the tiles that were decoded."""
    step = BuildingsTask.step

    def die(self: BuildingsTask, run: Run, index: Any, number: Step) -> Any:
        if run.state.epoch == 1:
            raise MemoryError
        return step(self, run, index, number)

    output = tmp_path / "killed"
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(BuildingsTask, "step", die)
        train_tiny(data, output)
    stamps = {path: path.stat().st_mtime_ns for path in output.glob("tiles-*.u8")}
    assert len(stamps) == 2
    train_tiny(data, output, "--resume", "--cache", str(output))
    assert stamps == {path: path.stat().st_mtime_ns for path in output.glob("tiles-*.u8")}
    assert_equal_runs(whole, output)
    assert without_clock(whole) == without_clock(output)


def test_metrics_have_a_column_for_each_figure(whole: Path) -> None:
    with (whole / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for name in ("val_AP50", "val_delta_1", "val_score", "input_share", "loss_building"):
        assert np.isfinite(float(rows[-1][name]))
    expected = (round(float(rows[0]["val_AP50"]), 3) + float(rows[0]["val_delta_1"])) / 2
    assert float(rows[0]["val_score"]) == pytest.approx(expected, abs=1e-6)
    assert not list(whole.glob("tiles-*")), "decoded tiles go with the run, unless --cache says so"


def test_validation_holds_out_whole_cities(data: Path) -> None:
    config = parse_buildings(tiny_words(data, Path("unused")))
    learnt, held = split_tiles(read_tiles(data, 2), config)
    assert {tile.city for tile in learnt} & {tile.city for tile in held} == set()
    assert {tile.split for tile in held} == {"train"}
    none = parse_buildings(tiny_words(data, Path("unused"), "--validation.fraction=0"))
    assert split_tiles(read_tiles(data, 2), none)[1] == ()


def test_validation_takes_the_split_val_where_it_has_references(tmp_path: Path) -> None:
    make_tiles(tmp_path, tiles=1, references=("train", "val"))
    config = parse_buildings(tiny_words(tmp_path, Path("unused"), "--track=1"))
    learnt, held = split_tiles(read_tiles(tmp_path, 1), config)
    assert {tile.split for tile in held} == {"val"}
    assert len(learnt) == 2


def test_the_fingerprint_sees_annotations(tmp_path: Path) -> None:
    make_tiles(tmp_path, tiles=1)
    before = tiles_fingerprint(read_tiles(tmp_path, 2).tiles)

    def move(content: dict[str, Any]) -> None:
        content["annotations"][0]["bbox"][0] += 1

    edit_json(tmp_path / "track2/buildings_only_train.json", move)
    assert tiles_fingerprint(read_tiles(tmp_path, 2).tiles) != before


def test_footprints_without_height_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiles(tmp_path, cities=("Berlin",), tiles=4)

    def shift(content: dict[str, Any]) -> None:
        for one in content["annotations"][::3]:  # the polygons
            one["segmentation"] = [[50, 50, 60, 50, 60, 52, 50, 52]]

    edit_json(tmp_path / "track2/buildings_only_train.json", shift)
    words = ["--epochs=1", "--validation.fraction=0", "--quiet=false", "--modalities=rgb"]
    train_tiny(tmp_path, tmp_path / "run", *words)
    said = capsys.readouterr().out
    assert "12 footprints have no height under them" in said
    assert "nothing is held out" in said


@pytest.mark.parametrize("track", [1, 2])
def test_the_command_ends_with_a_report(
    track: int, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    words = tiny_words(data, output, f"--track={track}", "--epochs=1", "--quiet=false")
    assert main(["buildings", "train", *parse_last(words)]) == 0
    found = json.loads((output / "metrics.json").read_text())
    assert found["measured_on"].endswith("test")
    assert ("delta_1" in found["metrics"]) == (track == 2)
    assert (output / "report.html").is_file()
    assert "0 everywhere" in capsys.readouterr().out or track == 1
    finder = load_building_model(output / "best.pt", device="cpu")
    assert (finder.track, finder.modalities, finder.epoch) == (track, "both", 1)


def parse_last(words: list[str]) -> list[str]:
    """The last of equal options."""
    named = {word.partition("=")[0]: word for word in words}
    return list(named.values())


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "other": (lambda content: content.update(command="train"), "one of crosswake train"),
    "track": (lambda content: content["config"].update(track=3), "its settings: 'track'"),
    "wide": (lambda content: content["config"]["model"].update(width=10**9), "wider than 4096"),
    "nan": (
        lambda content: content["model"]["heights_head.bias"].fill_(float("nan")),
        "'heights_head.bias' holds NaN",
    ),
    "missing": (lambda content: content["model"].pop("heights_head.bias"), "is missing"),
    "shape": (
        lambda content: content["model"].update({"heights_head.bias": torch.zeros(99)}),
        "is (99,), not",
    ),
    "unknown": (lambda content: content["config"]["model"].update(colour=1), "setting 'colour'"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_one_line(damage: str, whole: Path, tmp_path: Path) -> None:
    content = dict(read_tensors(whole / "best.pt"))
    change, said = DAMAGES[damage]
    change(content)
    write_tensors(content, tmp_path / "best.pt")
    with pytest.raises(CrosswakeError) as caught:
        load_building_model(tmp_path / "best.pt", device="cpu")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_commands_refuse_its_checkpoint_in_one_line(whole: Path) -> None:
    with pytest.raises(CrosswakeError, match=r"best\.pt") as caught:
        load(whole / "best.pt")
    assert "\n" not in str(caught.value)


def test_refusals(data: Path, whole: Path, tmp_path: Path) -> None:
    cases = {
        "--crop=100": "--crop: must be a multiple of 32",
        "--batch.tiles=1": "--batch.tiles: must be at least 2",
        "--augment.drop_sar=1.5": "--augment.drop_sar: must be 0 to 1",
        "--track=2 --model.method=height_net --track=1": "height_net finds heights",
    }
    for words, said in cases.items():
        with pytest.raises(CrosswakeError, match=said):
            train_tiny(data, tmp_path / "no", *words.split())
    with pytest.raises(CrosswakeError, match=r"--resume: .* holds a run of crosswake buildings tr"):
        parse_other(whole)
    with pytest.raises(CrosswakeError, match="add --resume to go on"):
        train_tiny(data, whole)


def parse_other(whole: Path) -> None:
    from tests.parsing import parse_training

    parse_training(["--resume", f"--output={whole}"])
