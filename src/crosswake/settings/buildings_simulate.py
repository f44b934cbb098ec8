"""Settings of ``crosswake buildings simulate``."""

from dataclasses import dataclass, field
from pathlib import Path

from crosswake.settings.common import (
    BY_PLACE,
    OverwriteConfig,
    QuietConfig,
    SeedConfig,
    check,
)


@dataclass(frozen=True, kw_only=True)
class BuildingsSimulateConfig(SeedConfig, QuietConfig, OverwriteConfig):
    """Make simulated tiles of towns in the layout of DFC23, both tracks, with references."""

    out: Path | None = field(default=None, metadata=BY_PLACE)
    """Folder to make; an unfinished one of the same settings is gone on with."""
    tiles: int = 200
    """Number of tiles; about 70 % for training, the others of cities of their own."""
    tile_size: int = 512
    """Pixels of 0.5 m along a side of a tile; a multiple of 32."""
    workers: int = 0
    """Processes; 0 for one a core."""
    preview: Path | None = None
    """Also draw tiles of some cities to this PNG."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self.out is not None or self.preview is not None,
            "preview",
            "nothing to do; name a folder to make, or a PNG with --preview FILE.png",
        )
