"""Promise: the loop learns any task, chooses its best epoch by the task's own score, and goes on as
if never stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crosswake.settings.run import OptimiserConfig, ValidationConfig
from crosswake.training.distributed import TrainingInterruptedError, make_fabric
from crosswake.training.loop import fit, steps_of
from crosswake.training.task import Run, Scores
from tests.training.opponents import Opponents, Settings
from tests.training.running import assert_equal_runs, without_clock


def settings(output: Path) -> Settings:
    return Settings(
        output=output,
        epochs=12,
        seed=2,
        device="cpu",
        optimiser=OptimiserConfig(lr=0.2, warmup_epochs=0),
        validation=ValidationConfig(every=1),
    )


def fitted(config: Settings, stop_in: int = -1) -> tuple[Run, Opponents]:
    run = Run(config=config, fabric=make_fabric(config))
    task = Opponents(run, stop_in)
    fit(run, task)
    return run, task


def test_two_opponents_go_on_as_if_never_stopped(tmp_path: Path) -> None:
    whole, stopped = settings(tmp_path / "whole"), settings(tmp_path / "stopped")
    fitted(whole)
    with pytest.raises(TrainingInterruptedError, match="in epoch 5 after 4 batches"):
        fitted(stopped, stop_in=5)
    fitted(replace(stopped, resume=True))
    assert_equal_runs(whole.output, stopped.output)
    assert without_clock(whole.output) == without_clock(stopped.output)
    ends = [torch.load(config.output / "last.pt", weights_only=True) for config in (whole, stopped)]
    for name in ("maker_state", "judge_state"):
        buffers = [[one["momentum_buffer"] for one in end[name]["state"].values()] for end in ends]
        assert all(map(torch.equal, *buffers))


def test_the_best_epoch_has_the_lowest_score_where_lower_is_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = fitted(settings(tmp_path / "a"))
    errors = [float(row["error"]) for row in run.state.rows]
    best = int(np.argmin(errors)) + 1
    assert 1 < best < 12, "an end would be found without looking"
    assert run.state.best_epoch == best
    assert torch.load(tmp_path / "a" / "best.pt", weights_only=True)["epoch"] == best
    said = capsys.readouterr().out.splitlines()
    better = [min(errors[:epoch]) == errors[epoch - 1] for epoch in range(1, 13)]
    assert [line.endswith("(best)") for line in said[:-1]] == better
    assert f", error {errors[best - 1]:.3f} (best)" in said[best - 1]


class Scripted(Opponents):
    """Scores as written beforehand."""

    def __init__(self, run: Run, values: list[float], higher_is_better: bool) -> None:
        super().__init__(run)
        self.values, self.higher_is_better = values, higher_is_better

    def validate(self, run: Run) -> Scores | None:
        value = self.values[run.state.epoch - 1]
        return Scores(
            values={"other": -value, "score": value},
            criterion="score",
            higher_is_better=self.higher_is_better,
        )


NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "higher_is_better", "best", "epochs"),
    [
        ([0.1, 0.3, 0.2, 0.4, 0.1], True, 4, 5),
        ([0.1, 0.3, 0.2, 0.4, 0.1], False, 1, 3),
        ([0.3, 0.3, 0.1, 0.9], True, 1, 3),  # a tie is no better, and counts against patience
        ([0.3, 0.3, 0.4, 0.1], False, 1, 3),
        ([0.3, 0.1, 0.4, 0.2, 0.2, 0.9], True, 3, 5),
        ([-5.0, -4.0, -3.0], True, 3, 3),
        ([NAN, 0.2, NAN, 0.3], True, 4, 4),
        ([5.0, NAN, NAN, 0.3], False, 1, 3),
    ],
)
def test_the_best_epoch_and_the_end_follow_the_scores(
    tmp_path: Path, values: list[float], higher_is_better: bool, best: int, epochs: int
) -> None:
    """Patience is two validations without a better one."""
    patient = ValidationConfig(every=1, patience=2)
    config = replace(settings(tmp_path), epochs=len(values), validation=patient, quiet=True)
    run = Run(config=config, fabric=make_fabric(config))
    fit(run, Scripted(run, values, higher_is_better))
    assert (run.state.best_epoch, run.state.epoch) == (best, epochs)
    assert torch.load(tmp_path / "best.pt", weights_only=True)["epoch"] == best


def test_the_last_epoch_is_validated_whenever_it_comes(tmp_path: Path) -> None:
    rare = ValidationConfig(every=2)
    config = replace(settings(tmp_path), epochs=3, validation=rare, quiet=True)
    run = Run(config=config, fabric=make_fabric(config))
    fit(run, Scripted(run, [0.9, 0.1, 0.2], True))
    assert [row.get("score") for row in run.state.rows] == [None, 0.1, 0.2]
    assert run.state.best_epoch == 3


class Unmeasured(Opponents):
    """Nothing is held out."""

    def validate(self, run: Run) -> Scores | None:
        return None


def test_without_validation_the_last_epoch_is_the_best(tmp_path: Path) -> None:
    config = replace(settings(tmp_path), epochs=3, quiet=True)
    run = Run(config=config, fabric=make_fabric(config))
    fit(run, Unmeasured(run))
    assert torch.load(tmp_path / "best.pt", weights_only=True)["epoch"] == 3
    assert "error" not in without_clock(tmp_path)[0]


@pytest.mark.parametrize(
    ("batches", "accumulate", "shares", "moves"),
    [
        (4, 1, [1, 1, 1, 1], [0, 1, 2, 3]),
        (5, 2, [1 / 2] * 4, [1, 3]),
        (2, 3, [1 / 2] * 2, [1]),
    ],
)
def test_weights_move_by_the_mean_of_whole_groups(
    batches: int, accumulate: int, shares: list[float], moves: list[int]
) -> None:
    steps = [step for _, step in steps_of([np.arange(2)] * batches, accumulate)]
    assert [step.share for step in steps] == shares
    assert [step.number for step in steps if step.moves] == moves
