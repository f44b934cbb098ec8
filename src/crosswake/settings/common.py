"""What all settings share: fields that mean the same in every command, checks, and plain data."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from crosswake.core.errors import CrosswakeError

Precision = Literal["fp32", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda", "mps"]
MOST_SEEDS = 2**32
"""Seeds that NumPy's generators have."""
BY_PLACE = {"by_place": True}
"""Metadata of a field that is given by its place, not by ``--name``: ``data check ROOT``."""


@dataclass(frozen=True, kw_only=True)
class QuietConfig:
    """A command that shows how far it is."""

    quiet: bool = False
    """Show no progress and no tables; what is wrong is listed all the same."""


@dataclass(frozen=True, kw_only=True)
class StrictConfig(QuietConfig):
    """A command that reads many files, some of which may be bad."""

    strict: bool = False
    """Stop at the first bad file; otherwise bad files are listed and left out."""


@dataclass(frozen=True, kw_only=True)
class OverwriteConfig:
    """A command whose results could take the place of others."""

    overwrite: bool = False
    """Replace results in the output that were made from other weights, data or settings."""


@dataclass(frozen=True, kw_only=True)
class SeedConfig:
    """A command that draws random numbers."""

    seed: int = 0
    """Seed of all random numbers; the same seed gives the same result."""

    def __post_init__(self) -> None:
        good = 0 <= self.seed < MOST_SEEDS
        check(good, "seed", f"must be 0 to {MOST_SEEDS - 1}, got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """A command that runs a model."""

    device: Device = "auto"
    """Kind of processor; auto takes a GPU where there is one."""
    precision: Precision = "fp32"
    """Number type that the model computes in."""


def check(good: bool, setting: str, problem: str) -> None:
    """Raise one line naming the setting unless ``good``."""
    if not good:
        raise CrosswakeError(f"--{setting}: {problem}")


def plain(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON-like data: paths as text, tuples as lists."""
    return {key: _plain(value) for key, value in asdict(config).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
