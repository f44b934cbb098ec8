"""Settings of ``crosswake buildings train``."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar, Literal

from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig
from crosswake.settings.common import check
from crosswake.settings.run import RunConfig

CROP_STEP = 32
"""A window's side is a multiple of this: the coarsest cell of the backbones."""


@dataclass(frozen=True, kw_only=True)
class TileAugmentConfig:
    """What is done to training tiles at random; geometry is the same for images, masks and
    heights."""

    flip: float = 0.5
    """Probability of a left-right flip."""
    turn: bool = True
    """Turn by a random number of quarter turns. The radar then looks from another side, as another
    pass would."""
    contrast: float = 0.2
    """Std of the logarithm of the optical contrast, and of the brightness in units of 8-bit
    values / 255; 0 for none."""
    colour: float = 0.1
    """Std of the logarithm of the factor of each colour; 0 for none."""
    grey: float = 0.1
    """Probability that an optical image loses its colours."""
    speckle: float = 0.2
    """Std of noise added to each pixel of the SAR image, in units of the tile's std in decibels; 0
    for none."""
    gain: float = 0.2
    """Std of the logarithm of the SAR contrast, and of a shift in the same units; 0 for none."""
    drop_optical: float = 0.0
    """Probability that the optical image is withheld where both are used, so that the model learns
    to do without it."""
    drop_sar: float = 0.0
    """Probability that the SAR image is withheld where both are used."""

    def __post_init__(self) -> None:
        for name in ("flip", "grey", "drop_optical", "drop_sar"):
            value = getattr(self, name)
            check(0 <= value <= 1, f"augment.{name}", f"must be 0 to 1, got {value}")
        both = self.drop_optical + self.drop_sar <= 1
        check(both, "augment.drop_sar", "with drop_optical it is above 1; one image must be left")
        for name in ("contrast", "colour", "speckle", "gain"):
            value = getattr(self, name)
            check(value >= 0, f"augment.{name}", f"must not be negative, got {value}")


@dataclass(frozen=True, kw_only=True)
class TileBatchConfig:
    """What a batch is made of."""

    tiles: int = 8
    """Windows in a batch, over all processes."""
    accumulate: int = 1
    """Batches whose gradients are averaged before one step of the optimiser."""

    def __post_init__(self) -> None:
        check(self.tiles >= 2, "batch.tiles", f"must be at least 2, got {self.tiles}")
        check(
            self.accumulate >= 1, "batch.accumulate", f"must be at least 1, got {self.accumulate}"
        )


@dataclass(frozen=True, kw_only=True)
class BuildingLossConfig:
    """Weights of our model's losses in the sum that is minimised; those of Mask R-CNN count 1, as
    published."""

    building: float = 1.0
    """Of building or not."""
    dice: float = 1.0
    """Of the overlap of all buildings with the reference."""
    distance: float = 1.0
    """Of the distance from a building's border, which tells neighbours apart."""
    classes: float = 1.0
    """Of the roof type (track 1)."""
    elevated: float = 1.0
    """Of above ground or not (track 2)."""
    height: float = 1.0
    """Of the height (track 2)."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            check(value >= 0, f"loss.{one.name}", f"must not be negative, got {value}")


@dataclass(frozen=True, kw_only=True)
class BuildingsTrainConfig(RunConfig):
    """Train a model of buildings, roof types (track 1) or heights (track 2) on tiles as the data
    fusion contest of 2023 has them. --config takes a recipe by name (buildings_ours, or the
    published buildings_mask_rcnn) or a YAML file, and --print_config shows all settings."""

    command: ClassVar[str] = "buildings train"

    output: Path = Path("runs/buildings")
    """Folder that the run writes."""
    track: Literal[1, 2] = 2
    """1 for roof types, 2 for buildings and their heights."""
    modalities: BuildingModalities = "both"
    """Images that the model is shown."""
    init: str | None = None
    """Weights to start from: an earlier run of crosswake buildings train or crosswake pretrain, a
    file of a backbone, or a name from `crosswake data download`; none for random weights."""
    model: BuildingModelConfig = field(default_factory=BuildingModelConfig)
    crop: int = 256
    """Side of the windows that are cut from tiles, in pixels, a multiple of 32; 0 for whole
    tiles."""
    crops: int = 2
    """Windows cut from each tile in an epoch."""
    cache: Path | None = None
    """Folder for the decoded tiles, which later runs on the same tiles find there; by default in
    the output folder, for this run only."""
    channels_last: bool = False
    """Lay out images channels last in convolutions."""
    augment: TileAugmentConfig = field(default_factory=TileAugmentConfig)
    batch: TileBatchConfig = field(default_factory=TileBatchConfig)
    loss: BuildingLossConfig = field(default_factory=BuildingLossConfig)
    evaluate: bool = True
    """Measure the kept epoch at the end on the test split where it has references, else on the
    tiles held out for validation, and write the report."""

    def __post_init__(self) -> None:
        super().__post_init__()
        good = self.crop >= 0 and self.crop % CROP_STEP == 0
        check(good, "crop", f"must be a multiple of {CROP_STEP}, or 0, got {self.crop}")
        check(self.crops >= 1, "crops", f"must be at least 1, got {self.crops}")
        withheld = self.augment.drop_optical + self.augment.drop_sar
        check(
            self.modalities == "both" or withheld < 1,
            "augment.drop_sar",
            f"nothing is left of --modalities {self.modalities}",
        )

    @property
    def batch_size(self) -> int:
        """Windows in a batch, over all processes."""
        return self.batch.tiles

    @property
    def skips_weights(self) -> bool:
        """A share of a batch without buildings, or without one modality, leaves weights idle."""
        return True

    @property
    def accumulate(self) -> int:
        """Batches to one step of the optimiser."""
        return self.batch.accumulate
