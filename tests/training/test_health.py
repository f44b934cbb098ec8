"""Promise: what is no longer a number is said in one line, and never saved or measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.training.distributed import make_fabric
from crosswake.training.loop import fit
from crosswake.training.task import Index, Losses, Run, Step
from tests.training.opponents import Opponents, Settings
from tests.training.running import without_clock
from tests.training.small import Small
from tests.training.test_task import settings


@pytest.mark.parametrize(("clip", "precision"), [("5", "fp32"), ("none", "bf16")])
def test_a_loss_that_is_no_number_stops_with_a_reason_and_leaves_nothing(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, precision: str
) -> None:
    """So that the next try, with a lower rate, is not refused."""
    fast = ["--optimiser.lr=1e18", "--optimiser.warmup_epochs=0", "--optimiser.name=sgd"]
    more = [*fast, f"--optimiser.clip_norm={clip}", f"--precision={precision}", "--epochs=3"]
    assert main([small.command, *small.words(tmp_path / "runs/a", *more)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    remedy = "--optimiser.clip_norm (5)" if clip == "5" else "set --optimiser.clip_norm 1"
    assert f"in epoch 1; lower --optimiser.lr (1e+18) or {remedy}\n" in said
    assert not (tmp_path / "runs").exists()
    slower = [*more, "--optimiser.lr=0.001", "--epochs=1"]
    assert main([small.command, *small.words(tmp_path / "runs/a", *slower)]) == 0


class Breaking(Opponents):
    """Breaks in a step of an epoch: its loss, or only its weights, which move after the loss."""

    def __init__(self, run: Run, epoch: int, number: int, what: str) -> None:
        super().__init__(run)
        self.at, self.what = (epoch - 1, number), what

    def step(self, run: Run, index: Index, step: Step) -> Losses:
        losses = super().step(run, index, step)
        if (run.state.epoch, step.number) == self.at:
            if self.what == "weights":
                with torch.no_grad():
                    next(self.maker.module.parameters()).fill_(torch.inf)
            else:
                losses["loss"] = losses["loss"] * torch.nan
        return losses


def broken(config: Settings, epoch: int, number: int, what: str) -> str:
    run = Run(config=config, fabric=make_fabric(config))
    with pytest.raises(CrosswakeError, match="no longer") as caught:
        fit(run, Breaking(run, epoch, number, what))
    return str(caught.value)


@pytest.mark.parametrize("what", ["weights", "loss"])
@pytest.mark.parametrize("number", [1, 5])
@pytest.mark.parametrize("epoch", [1, 3])
def test_what_is_saved_is_from_before(tmp_path: Path, epoch: int, number: int, what: str) -> None:
    """After the last step of an epoch (5) only the weights tell, for the loss came before."""
    config = replace(settings(tmp_path), epochs=3, quiet=True)
    said = broken(config, epoch, number, what)
    assert f"in epoch {epoch}; lower" in said
    assert said.endswith(f"last.pt holds epoch {epoch - 1}") == (epoch > 1)
    assert {path.name for path in tmp_path.glob("*.pt")} == (
        {"last.pt", "best.pt"} if epoch > 1 else set()
    )
    for path in tmp_path.glob("*.pt"):
        saved: dict[str, Any] = torch.load(path, weights_only=True)
        assert saved["epoch"] <= epoch - 1
        assert all(bool(value.isfinite().all()) for value in saved["model"].values())
    if epoch > 1:
        assert len(without_clock(tmp_path)) == epoch - 1


def test_embeddings_that_are_no_numbers_choose_no_epoch(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and losses may be finite where running statistics, used only outside of training,
    make infinite embeddings."""
    from crosswake.models.embedder import Embedder

    real = Embedder.embed_store

    def spoilt(self: Embedder, *arguments: Any, **options: Any) -> Any:
        features = real(self, *arguments, **options)
        features[0, 0] = float("nan")
        return features

    monkeypatch.setattr(Embedder, "embed_store", spoilt)
    with pytest.raises(CrosswakeError, match="embeddings are no longer numbers in epoch 2; lower"):
        small.run(tmp_path / "a", "--epochs=4")
    assert not (tmp_path / "a/best.pt").exists()
    assert torch.load(tmp_path / "a/last.pt", weights_only=True)["epoch"] == 1
