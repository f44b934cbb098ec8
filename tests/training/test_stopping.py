"""Promise: a run that is killed or interrupted goes on as if nothing had been; one that stops
itself says why."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from crosswake.cli.main import main
from tests.training.running import assert_equal_runs, launch, wait_for_row, without_clock
from tests.training.small import Small, words

LONG = {
    "train": ["--epochs=30", "--batch.identities=2", "--validation.every=10"],
    "pretrain": ["--epochs=30", "--crops=9", "--batch.pairs=4", "--validation.every=10"],
}


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_killed_or_interrupted_runs_go_on_as_if_nothing_had_been(
    small: Small, tmp_path: Path
) -> None:
    """Stopped in the middle of an epoch by kill -9 or Ctrl-C, then resumed: equal to the last
    bit."""
    whole, long = tmp_path / "whole", LONG[small.command]
    small.run(whole, *long)
    for how in (signal.SIGKILL, signal.SIGINT):
        output = tmp_path / how.name
        process = launch(small.command, small.words(output, *long))
        wait_for_row(output, process)
        process.send_signal(how)
        _, complaint = process.communicate(timeout=60)
        assert 1 <= len(without_clock(output)) < 30, "the run ended before it could be stopped"
        if small.command == "pretrain":
            assert list(output.glob("pairs-*.u8")), "what is decoded stays for the run to go on"
        if how is signal.SIGINT:
            assert process.returncode == 130
            assert f"go on with: crosswake {small.command} --resume --output" in complaint
        assert main([small.command, "--resume", "--output", str(output), "--quiet"]) == 0
        assert_equal_runs(whole, output)
        assert without_clock(whole) == without_clock(output)


def test_a_run_is_resumed_from_any_folder(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small.whole)
    data, init = (os.path.relpath(path) for path in (small.data, small.whole / "best.pt"))
    more = ["--cache=../cache"] if small.command == "pretrain" else []
    arguments = words(
        small.command, Path(data), tmp_path / "a", "--epochs=1", f"--init={init}", *more
    )
    assert main([small.command, *arguments]) == 0
    monkeypatch.chdir(tmp_path)
    assert main([small.command, "--resume", "--output", "a"]) == 0


def test_a_run_goes_on_after_its_data_were_renamed(small: Small, tmp_path: Path) -> None:
    data = shutil.copytree(small.data, tmp_path / "before")
    assert main([small.command, *words(small.command, data, tmp_path / "a", "--epochs=1")]) == 0
    data.rename(tmp_path / "after")
    assert (
        main(
            [
                small.command,
                "--resume",
                "--output",
                str(tmp_path / "a"),
                f"--data={tmp_path / 'after'}",
            ]
        )
        == 0
    )


@pytest.mark.slow
def test_an_interruption_between_epochs_of_one_batch_is_heard(
    pretrain_small: Small, tmp_path: Path
) -> None:
    """Also where a scheduler says so, by SIGTERM."""
    one_batch = ["--epochs=3000", "--batch.pairs=64", "--validation.fraction=0"]
    process = launch("pretrain", pretrain_small.words(tmp_path / "a b", *one_batch))
    wait_for_row(tmp_path / "a b", process)
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"crosswake pretrain --resume --output '{tmp_path / 'a b'}'" in complaint


def test_early_stop_keeps_the_best(train_small: Small, tmp_path: Path) -> None:
    more = ["--epochs=50", "--validation.every=1", "--validation.patience=2", "--optimiser.lr=1e-9"]
    run, _ = train_small.run(tmp_path / "a", *more)
    assert run.state.epoch < 50
    assert run.state.epoch == run.state.best_epoch + 2
    assert (
        torch.load(tmp_path / "a" / "best.pt", weights_only=True)["epoch"] == run.state.best_epoch
    )
