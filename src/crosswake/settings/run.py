"""Settings that every training run has, whatever it learns from."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import DeviceConfig, SeedConfig, StrictConfig, check

SETTINGS_FILE = "settings.yaml"
"""In a run's folder: the settings that it goes on with."""


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """How weights move, and how fast over the epochs (published values as defaults)."""

    name: Literal["sgd", "adamw"] = "sgd"
    """Optimiser."""
    lr: float = 5e-4
    """Highest learning rate."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 1e-4
    """Weight decay."""
    bias_lr_factor: float = 2.0
    """Biases learn at this multiple of the rate."""
    warmup_epochs: int = 5
    """Epochs over which the rate rises."""
    warmup_factor: float = 0.01
    """Share of the rate that the rise starts from."""
    final_factor: float = 0.002
    """Share of the rate that the cosine ends at; 1 for a constant rate, the only one with which
    --resume may have more --epochs."""
    clip_norm: float | None = None
    """Largest gradient norm; none for no clipping."""

    def __post_init__(self) -> None:
        check(self.lr > 0, "optimiser.lr", f"must be above 0, got {self.lr}")
        check(
            0 <= self.momentum < 1,
            "optimiser.momentum",
            f"must be from 0 to under 1, got {self.momentum}",
        )
        for name in ("weight_decay", "bias_lr_factor", "warmup_epochs"):
            value = getattr(self, name)
            check(value >= 0, f"optimiser.{name}", f"must not be negative, got {value}")
        for name in ("warmup_factor", "final_factor"):
            value = getattr(self, name)
            check(0 <= value <= 1, f"optimiser.{name}", f"must be 0 to 1, got {value}")
        clips = self.clip_norm is None or self.clip_norm > 0
        check(clips, "optimiser.clip_norm", f"must be above 0, got {self.clip_norm}")

    @property
    def is_constant(self) -> bool:
        """Whether the rate stays as it is after the warm-up, so that it does not depend on the
        number of epochs."""
        return self.final_factor == 1


@dataclass(frozen=True, kw_only=True)
class ValidationConfig:
    """A part of the training set that is held out to choose the best epoch; the test split is never
    used for that."""

    fraction: float = 0.1
    """Share that is held out: of the identities seen in both modalities (train), or of the scenes
    (pretrain); 0 for none, and the last epoch is kept."""
    every: int = 5
    """Epochs between validations."""
    patience: int | None = None
    """Validations without a better one after which training stops; none for never."""

    def __post_init__(self) -> None:
        check(
            0 <= self.fraction <= 0.5,
            "validation.fraction",
            f"must be 0 to 0.5, got {self.fraction}",
        )
        check(self.every >= 1, "validation.every", f"must be at least 1, got {self.every}")
        patient = self.patience is None or self.patience >= 1
        check(patient, "validation.patience", f"must be at least 1, got {self.patience}")


@dataclass(frozen=True, kw_only=True)
class RunConfig(DeviceConfig, SeedConfig, StrictConfig):
    """Settings of a run, whatever it learns."""

    command: ClassVar[str]

    data: Path | None = None
    """What to learn from: a folder or a CSV table."""
    output: Path = Path("runs/train")
    """Folder that the run writes."""
    resume: bool = False
    """Go on from the run in the output folder as if it had never stopped."""
    epochs: int = 200
    """Passes over the training data; the learning rate falls over all of them."""
    devices: int = 1
    """Processors, one process each."""
    fused: bool = True
    """Move all weights in one operation of the optimiser, where the device has it (CPU and
    CUDA)."""
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.epochs >= 1, "epochs", f"must be at least 1, got {self.epochs}")
        check(self.devices >= 1, "devices", f"must be at least 1, got {self.devices}")
        share = self.batch_size % self.devices == 0
        check(share, "devices", f"{self.devices} do not divide a batch of {self.batch_size}")

    @property
    def batch_size(self) -> int:
        """Samples in a batch, over all processes."""
        raise NotImplementedError

    @property
    def skips_weights(self) -> bool:
        """Whether a process's share of a batch may leave some weights without a gradient."""
        return False

    @property
    def accumulate(self) -> int:
        """Batches to one step of the optimiser."""
        raise NotImplementedError


def check_started_by(settings: Path, command: str) -> None:
    """Raise if a run's settings file says in its first line that another command started it."""
    with settings.open(encoding="utf-8", errors="replace") as file:
        mark, _, other = file.readline().strip().partition("# crosswake ")
    if not mark and other.replace(" ", "").isalpha() and other != command:
        raise CrosswakeError(other_command(settings.parent, other))


def other_command(output: Path, command: str) -> str:
    """The one line about a run of another command."""
    return (
        f"--resume: {output} holds a run of crosswake {command}; go on with it by: crosswake "
        f"{command} --resume --output {shlex.quote(str(output))}"
    )
