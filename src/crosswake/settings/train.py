"""Settings of ``crosswake train``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from crosswake.settings.common import check
from crosswake.settings.reid_run import ReidRunConfig


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is done to training chips at random (published values as defaults)."""

    flip: float = 0.5
    """Probability of a left-right flip."""
    flip_vertical: float = 0.0
    """Probability of an upside-down flip; not for ships whose bow points up."""
    pad: int = 10
    """Black border in pixels from which a crop of the model's size is taken; 0 for none."""
    erase: float = 0.5
    """Probability that a random box is filled with noise (random erasing)."""
    zoom: float = 0.0
    """Height and width are each scaled by a factor from 1 - zoom to 1 + zoom, about the centre; 0
    for none."""
    grey: float = 0.0
    """Probability that an optical chip loses its colours, which SAR does not share."""
    contrast: float = 0.0
    """Std of the logarithm of the contrast, and of the brightness in units of ImageNet's std; 0 for
    none."""

    def __post_init__(self) -> None:
        check(0 <= self.zoom < 1, "augment.zoom", f"must be from 0 to under 1, got {self.zoom}")
        for name in ("flip", "flip_vertical", "erase", "grey"):
            check(
                0 <= getattr(self, name) <= 1,
                f"augment.{name}",
                f"must be 0 to 1, got {getattr(self, name)}",
            )
        for name in ("pad", "contrast"):
            check(
                getattr(self, name) >= 0,
                f"augment.{name}",
                f"must not be negative, got {getattr(self, name)}",
            )


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """What a training batch is made of."""

    identities: int = 8
    """Identities in a batch, over all processes."""
    chips: int = 4
    """Chips of each identity; half of either modality where the identity has both."""
    accumulate: int = 1
    """Batches whose gradients are averaged before one step of the optimiser."""

    def __post_init__(self) -> None:
        check(
            self.identities >= 2,
            "batch.identities",
            f"a triplet needs at least 2, got {self.identities}",
        )
        check(self.chips >= 2, "batch.chips", f"a positive pair needs at least 2, got {self.chips}")
        check(
            self.accumulate >= 1, "batch.accumulate", f"must be at least 1, got {self.accumulate}"
        )

    @property
    def size(self) -> int:
        """Chips in a batch, over all processes."""
        return self.identities * self.chips


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The weighted sum that is minimised."""

    identity: float = 1.0
    """Weight of cross-entropy on the classifier's output."""
    label_smoothing: float = 0.0
    """Label smoothing of the cross-entropy."""
    metric: float = 1.0
    """Weight of the metric loss on the feature that is compared (--model.feature)."""
    metric_kind: Literal["triplet", "circle", "supcon"] = "triplet"
    """Batch-hard triplet (published), circle loss, or supervised contrastive loss."""
    margin: float | None = None
    """Margin of the triplet; none means the soft margin log(1 + exp(d_ap - d_an))."""
    contrastive: float = 0.0
    """Weight of the pair head's contrastive loss between the optical and the SAR chips of the
    batch."""
    alignment: float = 0.0
    """Weight of the class-wise modality alignment (MOS, arXiv 2512.03404, which uses 2.0)."""
    orthogonality: float = 10.0
    """Weight of SDF-Net's |cos(shared, specific)| (--model.method sdf_net only)."""
    structure: float = 1.0
    """Weight of SDF-Net's structure consistency (--model.method sdf_net only)."""

    def __post_init__(self) -> None:
        for name in (
            "identity",
            "metric",
            "contrastive",
            "alignment",
            "orthogonality",
            "structure",
        ):
            check(
                getattr(self, name) >= 0,
                f"loss.{name}",
                f"must not be negative, got {getattr(self, name)}",
            )
        learns = self.identity + self.metric + self.contrastive > 0
        check(
            learns,
            "loss.identity",
            "loss.metric and loss.contrastive are all 0; nothing would be learnt",
        )
        smooth = 0 <= self.label_smoothing < 1
        check(
            smooth, "loss.label_smoothing", f"must be from 0 to under 1, got {self.label_smoothing}"
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig(ReidRunConfig):
    """Train a re-identification model. --config takes a recipe by name (hoss_transoss is the
    published one) or a YAML file, and --print_config shows all settings."""

    command: ClassVar[str] = "train"

    judgements: Path | None = None
    """What people said of pairs of training chips: a gallery, or a table of them (crosswake
    gallery judge --export). One ship makes one identity, two ships become hard negatives."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("orthogonality", "structure"):
            unused = self.model.method != "sdf_net" and getattr(self.loss, name) != getattr(
                LossConfig, name
            )
            check(not unused, f"loss.{name}", "only --model.method sdf_net has this loss")

    @property
    def batch_size(self) -> int:
        """Chips in a batch, over all processes."""
        return self.batch.size

    @property
    def accumulate(self) -> int:
        """Batches to one step of the optimiser."""
        return self.batch.accumulate
