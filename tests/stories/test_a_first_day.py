"""Stories of a first day: make ships, train, measure, change a recipe, get stopped."""

import json
import signal
from pathlib import Path

import pytest
import yaml

from tests.stories.conftest import SMALL, Terminal
from tests.training.running import assert_equal_runs, launch, wait_for_row


@pytest.mark.usefixtures("ships")
def test_first_steps(typed: Terminal, tmp_path: Path) -> None:
    """Check, train, evaluate, embed: each ends with 0 and says where its result is."""
    checked = typed("crosswake data check ships")
    assert checked.code == 0
    assert "train" in checked.out
    assert (tmp_path / "ships-sheet.png").stat().st_size > 10_000
    trained = typed(f"crosswake train --data ships --output run --evaluate false {SMALL}")
    assert trained.code == 0
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 1 + 2
    measured = typed("crosswake evaluate --checkpoint run/best.pt --data ships")
    assert measured.code == 0
    said = json.loads((tmp_path / "run/evaluation-ships/metrics.json").read_text())
    assert said["measured_on"] == "ships"
    assert "Measured on ships" in measured.out
    value = said["protocols"]["o2s"]["metrics"]["mAP"]["value"]
    assert f"{100 * value:.1f}" in measured.out
    embedded = typed("crosswake embed --checkpoint run/best.pt --data ships --output s.parquet")
    assert (embedded.code, embedded.out.splitlines()[-1]) == (0, "s.parquet")


def test_recipes_are_stacked(typed: Terminal, tmp_path: Path, ships: Path) -> None:
    """A file extends a recipe, another extends the file, options win; the run says what it used."""
    Path("lab.yaml").write_text("extends: demo\nmodel: {width: 32, depth: 1, heads: 2}\n")
    Path("mine.yaml").write_text("extends: lab.yaml\nepochs: 7\noptimiser: {lr: 2.0e-3}\n")
    shown = typed("crosswake train --config mine.yaml --epochs 1 --print_config")
    assert shown.code == 0
    settings = yaml.safe_load(shown.out)
    assert (settings["epochs"], settings["optimiser"]["lr"]) == (1, 2.0e-3)
    assert settings["model"]["width"] == 32, "from the file in the middle"
    assert settings["optimiser"]["name"] == "adamw", "from the recipe at the bottom"
    line = "crosswake train --config mine.yaml --epochs 1 --batch.identities 3 --data ships"
    assert typed(f"{line} --evaluate false --output run --quiet").code == 0
    used = yaml.safe_load((tmp_path / "run/settings.yaml").read_text())
    assert (used["epochs"], used["optimiser"]["lr"], used["model"]["width"]) == (1, 2.0e-3, 32)
    typo = Path("typo.yaml")
    typo.write_text("extends: demo\noptimizer: {lr: 1.0}\n")
    refused = typed("crosswake train --config typo.yaml --data ships")
    assert refused.code == 2
    assert "optimizer" in refused.err
    assert "did you mean optimiser" in refused.err


@pytest.mark.slow
@pytest.mark.usefixtures("ships", "one_thread")
def test_power_is_cut_in_the_middle_of_a_run(typed: Terminal, tmp_path: Path) -> None:
    """kill -9, then ``--resume``: the weights of a run that was never stopped."""
    long = SMALL.replace("--epochs 2", "--epochs 20")
    options = f"--data ships --evaluate false --quiet {long}"
    assert typed(f"crosswake train {options} --output whole").code == 0
    process = launch("train", [*options.split(), "--output", "cut"])
    wait_for_row(tmp_path / "cut", process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert typed("crosswake train --resume --output cut --quiet").code == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")


def test_what_settings_mean_is_asked_of_the_command(typed: Terminal) -> None:
    """Help fits a terminal of 80 columns, and a mistyped word gets the right one."""
    for command in ("train", "evaluate", "embed", "data check"):
        said = typed(f"crosswake {command} --help")
        assert said.code == 0
        assert max(map(len, said.out.splitlines())) <= 80
    assert "did you mean train?" in typed("crosswake trian").err
    assert "did you mean --epochs?" in typed("crosswake train --epoch 3").err
