"""Starts, stops and compares runs."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from crosswake.core.errors import CrosswakeError
from crosswake.tasks import start
from crosswake.tasks.pretrain.task import PairTask
from crosswake.tasks.reid.task import ReidTask
from crosswake.training.task import Run, Step


def weights(output: Path, name: str = "last.pt") -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(output / name, weights_only=True)["model"]
    return state


def assert_equal_runs(
    one: Path,
    other: Path,
    tolerance: float = 0.0,
    names: tuple[str, ...] = ("last.pt", "best.pt"),
) -> None:
    for name in names:
        left, right = weights(one, name), weights(other, name)
        assert left.keys() == right.keys()
        for key in left:
            difference = (left[key] - right[key]).abs().max().item()
            assert difference <= tolerance, f"{key} in {name} differs by {difference}"


def gradients(run: Run, task: ReidTask | PairTask) -> dict[str, torch.Tensor]:
    """Of every weight after one batch, and the loss."""
    task.start_epoch(1)
    loss = task.step(run, task.batches(1)[0], Step(number=0, moves=False))["loss"]
    found = {
        name: weight.grad.clone()
        for name, weight in task.model.named_parameters()
        if weight.grad is not None
    }
    return found | {"loss": loss.detach()}


def assert_same_gradients(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Equal but for rounding: to 5e-6 of the largest number of each gradient, for sums in float32
    are no better than their largest summands. What is zero but for rounding may be off by 2e-6."""
    assert one.keys() == other.keys()
    for name, expected in one.items():
        tolerance = 5e-6 * expected.abs().max().item() + 2e-6
        torch.testing.assert_close(other[name], expected, rtol=0, atol=tolerance, msg=name)


def without_clock(output: Path) -> list[dict[str, str]]:
    with (output / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if not clock_like(k)} for row in csv.DictReader(file)]


def clock_like(column: str) -> bool:
    """Whether a column tells of the machine and not of what was learnt."""
    return "second" in column or column in ("input_share", "peak_bytes")


def skip_without_compiler() -> None:
    try:
        start.check_compiler(torch.device("cpu"))
    except CrosswakeError as error:
        pytest.skip(str(error))


def launch(command: str, arguments: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "crosswake", command, *arguments]
    return subprocess.Popen(
        words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def launch_torchrun(command: str, arguments: list[str]) -> subprocess.Popen[str]:
    """Two processes as a cluster's launcher starts them."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    words = [sys.executable, *launcher, "-m", "crosswake", command, *arguments]
    return subprocess.Popen(
        words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for_row(output: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(1200):
        if (output / "metrics.csv").exists():
            return
        if process.poll() is not None:
            raise AssertionError(process.communicate())
        time.sleep(0.05)
    raise AssertionError("no epoch was finished within a minute")
