"""A task without ships: two small networks that oppose each other, with an optimiser each."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from crosswake.settings.run import OptimiserConfig, RunConfig
from crosswake.training.optimisers import Optimisation
from crosswake.training.task import Index, Losses, Run, Scores, Step


@dataclass(frozen=True, kw_only=True)
class Settings(RunConfig):
    command: ClassVar[str] = "toy"
    batch_size, accumulate = 4, 2


class Opponents:
    """A maker learns to turn noise into numbers about 3, a judge to tell them from the true."""

    name, root, fingerprint, decoded, unit, size = "numbers", "nowhere", "a", "b", "numbers", 24

    def __init__(self, run: Run, stop_in: int = -1) -> None:
        torch.manual_seed(run.config.seed)
        end = run.config.optimiser.final_factor
        slow = OptimiserConfig(lr=0.3, momentum=0, clip_norm=0.5, final_factor=end)
        self.stop_in = stop_in
        self.maker = Optimisation(run.fabric, nn.Linear(1, 1), run.config)
        self.judge = Optimisation(run.fabric, nn.Linear(1, 1), run.config, slow)
        self.numbers = 3 + torch.randn(self.size, 1)

    def batches(self, epoch: int) -> list[Index]:
        return np.split(np.random.default_rng(epoch).permutation(self.size), 6)

    def start_epoch(self, epoch: int) -> Mapping[str, float]:
        return {"maker_rate": self.maker.set_rate(epoch), "judge_rate": self.judge.set_rate(epoch)}

    def step(self, run: Run, index: Index, step: Step) -> Losses:
        made = self.maker.module(torch.randn(len(index), 1))  # noise of the global generator
        with self.judge.learning(step):
            believed = self.judge.module(made.detach()) - self.judge.module(self.numbers[index])
            self.judge.backward(softplus(believed).mean(), step.share)
        self.judge.module.requires_grad_(False)
        with self.maker.learning(step):
            loss = softplus(-self.judge.module(made)).mean()
            self.maker.backward(loss, step.share)
        self.judge.module.requires_grad_(True)
        if (run.state.epoch + 1, step.number) == (self.stop_in, 2):
            signal.raise_signal(signal.SIGINT)
        return {"loss": loss, "judge": softplus(believed).mean()}

    def validate(self, run: Run) -> Scores | None:
        made = self.maker.module(torch.zeros(1, 1)).item()
        return Scores(values={"error": abs(made - 3)}, criterion="error", higher_is_better=False)

    def weights(self) -> dict[str, Any]:
        return {"model": dict(self.maker.module.state_dict())}

    def state(self) -> dict[str, Any]:
        judge = dict(self.judge.module.state_dict())
        states = {"maker_state": self.maker.state(), "judge_state": self.judge.state()}
        return self.weights() | {"judge": judge} | states

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.maker.module.load_state_dict(state["model"])
        self.judge.module.load_state_dict(state["judge"])
        self.maker.load_state(state["maker_state"])
        self.judge.load_state(state["judge_state"])
