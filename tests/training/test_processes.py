"""Promise: several processes learn as one, and end as one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.training.running import assert_equal_runs, launch, launch_torchrun, without_clock
from tests.training.small import Small, words, write_places

# SGD: the gradient of a key's bias is zero but for rounding, which AdamW would blow up to full
# steps.
SMOOTH = ["--epochs=3", "--optimiser.name=sgd", "--optimiser.lr=0.02"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["devices", "torchrun"])
def test_two_processes_train_as_one(train_small: Small, tmp_path: Path, how: str) -> None:
    """The same batches shared by two gloo processes give the same weights, whoever starts the
    processes."""
    long = [*SMOOTH, "--model.drop_path=0.2"]
    train_small.run(tmp_path / "one", *long)
    arguments = train_small.words(tmp_path / "two", *long)
    process = (
        launch("train", [*arguments, "--devices=2"])
        if how == "devices"
        else launch_torchrun("train", arguments)
    )
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    assert_equal_runs(tmp_path / "one", tmp_path / "two", tolerance=1e-5)
    for left, right in zip(
        without_clock(tmp_path / "one"), without_clock(tmp_path / "two"), strict=True
    ):
        assert float(left["loss"]) == pytest.approx(float(right["loss"]), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--batch.chunk=2"]], ids=["whole", "chunks"])
def test_two_processes_pretrain_as_one(
    pretrain_small: Small, tmp_path: Path, more: list[str]
) -> None:
    """Negatives come from both: two gloo processes give the weights of one with the joined
    batch."""
    long = [*SMOOTH, "--model.feature=neck"]
    pretrain_small.run(tmp_path / "one", *long)
    process = launch(
        "pretrain", pretrain_small.words(tmp_path / "two", *long, "--devices=2", *more)
    )
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    assert_equal_runs(tmp_path / "one", tmp_path / "two", tolerance=1e-5)


@pytest.mark.slow
def test_processes_share_an_epoch_of_less_than_a_batch(tmp_path: Path) -> None:
    """Five pairs: four go in twos, and the one over is left out."""
    places = write_places(tmp_path / "data", count=7)
    more = ["--epochs=1", "--crops=0", "--validation.fraction=0", "--devices=2"]
    process = launch("pretrain", words("pretrain", places, tmp_path / "a", *more))
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    assert np.isfinite(float(without_clock(tmp_path / "a")[0]["loss"]))


@pytest.mark.slow
def test_what_fails_in_all_is_said_once(small: Small, tmp_path: Path) -> None:
    """And nothing else is, of whatever the processes tell each other."""
    more = ["--devices=2", "--optimiser.lr=1e30", "--optimiser.warmup_epochs=0"]
    process = launch(small.command, small.words(tmp_path / "a", *more))
    said, complaint = process.communicate(timeout=240)
    assert process.returncode == 2, complaint
    assert "no longer a number in epoch 1" in complaint
    assert (said, len(complaint.splitlines())) == ("", 1)
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "losses",
    [["--loss.identity=0"], ["--loss.metric=0", "--loss.contrastive=1"]],
    ids=["no identity", "no metric"],
)
def test_weights_that_no_loss_reaches_keep_nobody_waiting(
    train_small: Small, tmp_path: Path, losses: list[str]
) -> None:
    """And they stay as they were."""
    more = ["--epochs=1", "--devices=2", *losses]
    process = launch("train", train_small.words(tmp_path / "a", *more))
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint


SCRIPT = """
import os, signal, sys, time
from crosswake.cli.main import EXIT_USER_ERROR
from crosswake.core.errors import CrosswakeError
from crosswake.training.processes import STARTER, ending_together, start_others

def fail(how):
    time.sleep(0.5)
    if how == "mistake":
        raise CrosswakeError("a mistake")
    if how == "bug":
        raise RuntimeError("a bug")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)

try:
    with ending_together():
        if STARTER not in os.environ:
            start_others(2)
        fail(sys.argv[1 + (STARTER in os.environ)])
except CrosswakeError as error:
    print(error, file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)
except RuntimeError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


@pytest.mark.parametrize(
    ("first", "second", "code", "said"),
    [
        ("mistake", "waits", 2, ["a mistake"]),
        ("waits", "mistake", 2, ["a mistake"]),
        ("mistake", "mistake", 2, ["a mistake"]),
        ("bug", "bug", 1, ["a bug"]),
        ("bug", "waits", 1, ["a bug"]),
        ("killed", "waits", -signal.SIGKILL, []),
        (
            "waits",
            "killed",
            1,
            ["crosswake: a process of the run was ended by SIGKILL; is there memory enough?"],
        ),
    ],
)
def test_no_process_outlives_another_that_failed(
    tmp_path: Path, first: str, second: str, code: int, said: list[str]
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), first, second]
    begun = time.monotonic()
    # it returns when nobody holds the pipe any longer, so when both have ended
    process = subprocess.run(words, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (process.returncode, process.stderr.splitlines()) == (code, said)
    assert time.monotonic() - begun < 20
