"""Settings of the commands that make and measure probabilities: ``calibrate`` and ``gallery
evaluate``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.settings.common import DeviceConfig, OverwriteConfig, SeedConfig, StrictConfig, check
from crosswake.settings.evidence import EvidenceConfig
from crosswake.settings.reading import ReadingConfig


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig(
    EvidenceConfig, DeviceConfig, SeedConfig, StrictConfig, OverwriteConfig, ReadingConfig
):
    """Learn what a similarity of a model is worth as a probability, from ships that it did not
    learn from. Writes calibration.json, and beside it the same as a picture and a page."""

    checkpoint: Path
    """The model: weights, or an exported ONNX file."""
    data: Path
    """A folder in the HOSS layout or a CSV table; with the data that the model learnt from, the
    ships are used that were held out for validation."""
    split: Literal["validation", "train", "test"] | None = None
    """Part of the data whose ships are used; needed for other data than the model learnt from."""
    output: Path | None = None
    """The file to write; by default calibration.json beside the weights."""
    batch_size: int = 64
    """Chips that go through the model together."""

    def __post_init__(self) -> None:
        SeedConfig.__post_init__(self)
        EvidenceConfig.__post_init__(self)
        check(self.batch_size > 0, "batch_size", f"must be above 0, got {self.batch_size}")
        good = self.output is None or self.output.suffix == ".json"
        check(good, "output", f"{self.output} must end in .json")


@dataclass(frozen=True, kw_only=True)
class GalleryEvaluateConfig(
    EvidenceConfig, DeviceConfig, SeedConfig, StrictConfig, OverwriteConfig, ReadingConfig
):
    """Measure what appearance, size and reachability are worth, alone and together: how often the
    right ship is found, how often it is named at a given rate of false alarms, and whether the
    probabilities come true. The sightings of a share of the ships are taken out of the gallery, so
    that some queries have no answer. Writes metrics.json, pictures and report.html."""

    checkpoint: Path
    """The model: weights, or an exported ONNX file."""
    data: Path
    """What to measure on: a folder in the HOSS layout, or a CSV table with time, lon and lat."""
    calibration: Path | None = None
    """From crosswake calibrate; by default calibration.json beside the weights."""
    absent: float = 0.3
    """Share of the ships whose sightings are taken out of the gallery."""
    output: Path | None = None
    """Folder for the results; by default evidence-<data> beside the weights."""
    batch_size: int = 64
    """Chips that go through the model together."""

    def __post_init__(self) -> None:
        SeedConfig.__post_init__(self)
        EvidenceConfig.__post_init__(self)
        check(self.batch_size > 0, "batch_size", f"must be above 0, got {self.batch_size}")
        check(0 < self.absent < 1, "absent", f"must be between 0 and 1, got {self.absent}")
