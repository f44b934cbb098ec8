"""What a training run consists of."""

from dataclasses import dataclass
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor

from crosswake.batches.store import ChipStore
from crosswake.config import TrainConfig
from crosswake.datasets.reid import ReidData
from crosswake.models.transoss import TransOSS

LAST, BEST, SETTINGS = "last.pt", "best.pt", "settings.yaml"


@dataclass(kw_only=True)
class Run:
    """A training run, ready to go.

    Attributes:
        config: its settings.
        fabric: device, precision and processes.
        data: what it was told to read.
        store: the training chips, decoded for training (bicubic).
        labels: (chips,) int64, index of each chip's identity among the sorted ones.
        validation: chips held out, decoded for testing (bilinear); None if there are none.
        learner: the model with its losses, wrapped for the processes at hand.
        model: the model within it.
        optimiser: its optimiser.
        progress: where training stands; all of it goes into the checkpoint.
    """

    config: TrainConfig
    fabric: Fabric
    data: ReidData
    store: ChipStore
    labels: Tensor
    validation: ChipStore | None
    learner: Any
    model: TransOSS
    optimiser: Any
    progress: "Standing"

    @property
    def first_process(self) -> bool:
        """Whether this process writes files and speaks."""
        return bool(self.fabric.is_global_zero)

    def say(self, line: str) -> None:
        """Print a line, once, unless quiet."""
        if self.first_process and not self.config.quiet:
            print(line, flush=True)


@dataclass(kw_only=True)
class Standing:
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
