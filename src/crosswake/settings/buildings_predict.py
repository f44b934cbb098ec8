"""Settings of ``crosswake buildings predict``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.settings.common import DeviceConfig, OverwriteConfig, StrictConfig, check


@dataclass(frozen=True, kw_only=True)
class BuildingsPredictConfig(DeviceConfig, StrictConfig, OverwriteConfig):
    """Find buildings, roof types and heights on tiles of any size, and write a submission that the
    contest takes; also heights as GeoTIFF and footprints as GeoParquet. A run that was stopped goes
    on where it was when started again."""

    checkpoint: Path
    """A model of crosswake buildings train: its best.pt."""
    data: Path
    """A root of tiles in the contest's layout, or a folder with rgb/ and sar/, or one of them."""
    split: Literal["train", "val", "test"] = "test"
    """Which tiles of the root."""
    output: Path = Path("submission.zip")
    """The submission; it is checked before it is written."""
    heights: Path | None = None
    """Also write the heights to this folder: GeoTIFF, float32 metres, placed as the tile is."""
    footprints: Path | None = None
    """Also write the outlines to this GeoParquet file, with class, score and height."""
    least_score: float = 0.3
    """Footprints of at least this score are written; the submission has all."""
    modalities: Literal["rgb", "sar", "both"] | None = None
    """Images that the model is shown; by default those that it was trained on."""
    window: int = 512
    """Side of the windows that larger tiles are seen through, in pixels, a multiple of 32."""
    overlap: int = 128
    """Pixels that neighbouring windows share at least."""

    def __post_init__(self) -> None:
        good = self.window > 0 and self.window % 32 == 0
        check(good, "window", f"must be a multiple of 32 above 0, got {self.window}")
        good = 0 <= self.overlap <= self.window // 2
        check(good, "overlap", f"must be 0 to half the window, got {self.overlap}")
        check(0 <= self.least_score <= 1, "least_score", f"must be 0 to 1, got {self.least_score}")
        check(self.output.suffix.lower() == ".zip", "output", f"{self.output} must end in .zip")
        good = self.footprints is None or self.footprints.suffix.lower() == ".parquet"
        check(good, "footprints", f"{self.footprints} must end in .parquet")
