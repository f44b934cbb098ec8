"""Settings of ``crosswake buildings score``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crosswake.settings.common import BY_PLACE, OverwriteConfig, SeedConfig, StrictConfig, check

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class BuildingsScoreConfig(SeedConfig, StrictConfig, OverwriteConfig):
    """Score a submission as the contest does: mask AP of buildings or roof types, and heights, with
    95 % intervals over tiles. A tile of track 2 without height map counts as wrong in every pixel;
    --strict refuses it."""

    submission: Path = field(metadata=BY_PLACE)
    """The zip archive."""
    reference: Path
    """A root of tiles in the contest's layout, or a COCO JSON."""
    track: Literal[1, 2] | None = None
    """Track; by default the submission's."""
    split: Split = "test"
    """Which tiles of the root."""
    heights: Path | None = None
    """Folder of true heights, P_0001.tif, where the reference is a JSON of track 2."""
    against: Path | None = None
    """Another submission for the same tiles: paired differences to it are said."""
    output: Path | None = None
    """Folder for metrics.json, report.html and overlays; without it, figures are only printed."""
    draws: int = 1000
    """How often the tiles are drawn anew for the intervals; 0 for no intervals."""
    overlays: int = 24
    """Tiles that are drawn, the worst and the best of them; 0 for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("draws", "overlays"):
            check(getattr(self, name) >= 0, name, f"must be 0 or more, got {getattr(self, name)}")
