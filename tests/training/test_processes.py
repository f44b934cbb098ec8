"""Promise: several processes learn as one."""

from pathlib import Path

import pytest

from tests.training.running import assert_equal_runs, launch, launch_torchrun, without_clock
from tests.training.small import Small

# SGD: the gradient of a key's bias is zero but for rounding, which AdamW would blow up to full steps.
SMOOTH = ["--epochs=4", "--optimiser.name=sgd", "--optimiser.lr=0.02"]


@pytest.mark.parametrize("how", ["devices", "torchrun"])
def test_two_processes_train_as_one(train_small: Small, tmp_path: Path, how: str) -> None:
    """The same batches shared by two gloo processes give the same weights, whoever starts the processes."""
    long = [*SMOOTH, "--model.drop_path=0.2"]
    train_small.run(tmp_path / "one", *long)
    arguments = train_small.words(tmp_path / "two", *long)
    process = launch("train", [*arguments, "--devices=2"]) if how == "devices" else launch_torchrun("train", arguments)
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    assert_equal_runs(tmp_path / "one", tmp_path / "two", tolerance=1e-5)
    for left, right in zip(without_clock(tmp_path / "one"), without_clock(tmp_path / "two"), strict=True):
        assert float(left["loss"]) == pytest.approx(float(right["loss"]), abs=1e-4)


@pytest.mark.parametrize("more", [[], ["--batch.chunk=2"]], ids=["whole", "chunks"])
def test_two_processes_pretrain_as_one(pretrain_small: Small, tmp_path: Path, more: list[str]) -> None:
    """Negatives come from both: two gloo processes give the weights of one with the joined batch."""
    long = [*SMOOTH, "--model.feature=neck"]
    pretrain_small.run(tmp_path / "one", *long)
    process = launch("pretrain", pretrain_small.words(tmp_path / "two", *long, "--devices=2", *more))
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    assert_equal_runs(tmp_path / "one", tmp_path / "two", tolerance=1e-5)
