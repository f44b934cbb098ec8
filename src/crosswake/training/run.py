"""What a training run consists of."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from crosswake.data.reid import BadFile
from crosswake.models.model import ReidModel
from crosswake.settings.run import RunConfig

LAST, BEST, SETTINGS = "last.pt", "best.pt", "settings.yaml"
Index = NDArray[np.int64]


class Job(Protocol):
    """What a run learns from: its data, how a batch is made of them, and what it is validated on.

    Attributes:
        name: of the data, for people.
        root: the folder or table they were read from.
        fingerprint: changes when the data do, as far as names and sizes of files tell.
        decoded: changes when what is read from them does.
        identities: rows of the classifier, sorted; empty without one.
        size: samples in an epoch.
        unit: plural name of a sample, ``chips`` or ``pairs``.
        validates: whether there is something to validate on.
        bad_files: what was passed over.
    """

    name: str
    root: Any
    fingerprint: str
    decoded: str
    identities: list[str]
    size: int
    unit: str
    validates: bool
    bad_files: tuple[BadFile, ...]

    def introduce(self) -> str:
        """One line: what is about to be learnt from."""

    def batches(self, epoch: int) -> list[Index]:
        """The batches of an epoch, each the rows of its samples; the same for the same epoch."""

    def backward(self, run: "Run", index: Index, step: int, share: float) -> dict[str, Tensor]:
        """Losses of one batch, ``loss`` among them; adds ``share`` of its gradients to the
        weights'."""

    def validate(self, run: "Run") -> dict[str, float]:
        """Scores of the model as it stands; their mean tells which epoch is best."""


@dataclass(kw_only=True)
class Run:
    """A training run, ready to go.

    Attributes:
        config: its settings.
        fabric: device, precision and processes.
        job: what it learns from.
        learner: the model with its losses, wrapped for the processes at hand.
        model: the model within it.
        optimiser: its optimiser.
        state: where training stands; all of it goes into the checkpoint.
        waited: seconds of the epoch that this process has spent on making batches, as the host sees
            it.
        warm: whether a step has been made in this process, before which nothing is compiled.
    """

    config: RunConfig
    fabric: Fabric
    job: Job
    learner: Any
    model: ReidModel
    optimiser: Any
    state: "TrainState"
    waited: float = 0.0
    warm: bool = False

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
            print(line, flush=True)

    def warn(self, line: str) -> None:
        """Print a line to standard error, once, quiet or not."""
        if self.first_process:
            print(line, file=sys.stderr, flush=True)


@dataclass(kw_only=True)
class TrainState:
    """Where training stands between two steps.

    Attributes:
        epoch: epochs finished.
        step: steps finished of the epoch after that.
        totals: sums of that epoch's losses so far.
        rows: one row of numbers per finished epoch.
        best_score: highest validation score.
        best_epoch: its epoch; 0 for none yet.
        stale: validations since then.
        seconds: time spent in the unfinished epoch before an interruption.
    """

    epoch: int = 0
    step: int = 0
    totals: dict[str, float] | None = None
    rows: list[dict[str, float | int]]
    best_score: float = -1.0
    best_epoch: int = 0
    stale: int = 0
    seconds: float = 0.0
