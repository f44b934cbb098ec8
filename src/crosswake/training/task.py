"""What is learnt (a task), and the run that learns it."""

import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from crosswake.core.text import plain_text
from crosswake.settings.run import RunConfig

Index = NDArray[np.int64]
Losses = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Step:
    """Which batch of an epoch it is, and its part in moving the weights.

    Attributes:
        number: of the batch in its epoch, from 0.
        share: what its gradients count: one by the number of batches whose gradients are averaged.
        moves: whether the weights move after it; else its gradients are added up with the next's.
    """

    number: int
    share: float = 1.0
    moves: bool = True


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a validation has measured.

    Attributes:
        values: numbers by name; each is a column of ``metrics.csv``.
        criterion: the name of the one that tells which epoch is best.
        higher_is_better: false for an error or a distance.
    """

    values: Mapping[str, float]
    criterion: str
    higher_is_better: bool = True

    @property
    def value(self) -> float:
        """The number that tells which epoch is best."""
        return self.values[self.criterion]

    def beat(self, best: float | None) -> bool:
        """Whether they are better than the best value so far; equal is not, and no number never
        is."""
        if math.isnan(self.value):
            return False
        if best is None:
            return True
        return self.value > best if self.higher_is_better else self.value < best


class Task(Protocol):
    """What the loop needs to know of whatever is learnt. A task owns data, model, losses and
    optimisers.

    Attributes:
        name: of the data, for people.
        root: the folder or table that they were read from.
        fingerprint: changes when the data do, as far as names and sizes of files tell.
        decoded: changes when what is read from the files does.
        unit: plural name of a sample, ``chips`` or ``pairs``.
        size: samples in an epoch.
    """

    name: str
    root: Any
    fingerprint: str
    decoded: str
    unit: str
    size: int

    def batches(self, epoch: int) -> list[Index]:
        """The batches of an epoch, each the rows of its samples; the same for the same epoch."""

    def start_epoch(self, epoch: int) -> Mapping[str, float]:
        """Set models to training and every optimiser to the epoch's learning rate; the rates are
        columns of ``metrics.csv``."""

    def step(self, run: "Run", index: Index, step: Step) -> Losses:
        """Learn from one batch; returns its losses, ``loss`` among them."""

    def validate(self, run: "Run") -> Scores | None:
        """Measure the model now; None where nothing is held out, and the last epoch is the best."""

    def weights(self) -> dict[str, Any]:
        """What ``best.pt`` holds: weights, and what is needed to use them."""

    def state(self) -> dict[str, Any]:
        """What ``last.pt`` holds: the weights and all else that going on needs."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to a :meth:`state`."""


@dataclass(kw_only=True)
class TrainState:
    """How far training has come between two steps.

    Attributes:
        epoch: epochs finished.
        step: batches finished of the epoch after that.
        totals: sums of that epoch's losses so far.
        rows: one row of numbers per finished epoch.
        best_score: the best value of a validation; None for none yet.
        best_epoch: its epoch; 0 for none yet.
        stale: validations since then.
        seconds: time spent in the unfinished epoch before an interruption.
    """

    epoch: int = 0
    step: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, float | int]] = field(default_factory=list)
    best_score: float | None = None
    best_epoch: int = 0
    stale: int = 0
    seconds: float = 0.0


@dataclass(kw_only=True)
class Run:
    """A training run, whatever it learns.

    Attributes:
        config: its settings.
        fabric: device, precision and processes.
        state: how far it has come; all of it goes into the checkpoint.
        waited: seconds of the epoch that this process has spent on making batches, as the host sees
            it.
        before: the checkpoint to go on from, once it has been read; None for a new run.
    """

    config: RunConfig
    fabric: Fabric
    state: TrainState = field(default_factory=TrainState)
    waited: float = 0.0
    before: Mapping[str, Any] | None = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of a block as waiting for input."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.waited += time.monotonic() - started

    @property
    def first_process(self) -> bool:
        """Whether this process writes files and speaks."""
        return bool(self.fabric.is_global_zero)

    def say(self, line: str) -> None:
        """Print a line, once, unless quiet."""
        if self.first_process and not self.config.quiet:
            print(plain_text(line), flush=True)

    def warn(self, line: str) -> None:
        """Print a line to standard error, once, quiet or not."""
        if self.first_process:
            print(plain_text(line), file=sys.stderr, flush=True)
