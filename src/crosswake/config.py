"""Every setting of training, documented where it is declared and checked in one place.

``recipes/*.yaml`` hold the published settings and our own; ``--config NAME`` finds them by name.
"""

from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from crosswake.errors import CrosswakeError
from crosswake.radiometry import SarRadiometry

Precision = Literal["fp32", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda", "mps"]


def check(good: bool, setting: str, problem: str) -> None:
    """Raise one line naming the setting unless ``good``."""
    if not good:
        raise CrosswakeError(f"--{setting}: {problem}")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """TransOSS's shape (arXiv 2506.22027, section 4); the defaults are the published ViT-B/16."""

    image_size: tuple[int, int] = (256, 128)
    """Height and width that chips are resized to, in pixels."""
    patch_size: int = 16
    """Side of a square patch, in pixels."""
    stride: int = 16
    """Distance between patches, in pixels; under the patch size they overlap."""
    stem: Literal["patch", "conv"] = "patch"
    """Patch embedding: one convolution (published), or a stack of small ones, which learns faster from little data."""
    width: int = 768
    """Size of a token, and of the embedding."""
    depth: int = 12
    """Number of transformer blocks."""
    heads: int = 12
    """Attention heads of a block."""
    mie: bool = True
    """Modality information embedding, added to every token."""
    mie_scale: float = 3.0
    """What the modality information embedding is multiplied by (mie_coe)."""
    sse: bool = True
    """Ship size embedding, appended as the last token."""
    pooling: Literal["class", "grid"] = "class"
    """Feature: the class token (published), or all patches squeezed and joined, which keeps where things are."""
    feature: Literal["raw", "neck"] = "raw"
    """What the metric loss and the ranking compare: the feature before BNNeck (published), or after it."""
    drop_path: float = 0.1
    """Probability of skipping the last block's branches in training; rises linearly from 0."""

    def __post_init__(self) -> None:
        height, width = self.image_size
        check(self.patch_size > 0, "model.patch_size", f"must be above 0, got {self.patch_size}")
        check(
            0 < self.stride <= self.patch_size,
            "model.stride",
            f"must be 1 to {self.patch_size}, got {self.stride}",
        )
        halves = self.stem == "patch" or (self.stride == self.patch_size and self.stride in (2, 4, 8, 16, 32))
        check(halves, "model.stem", "conv needs a patch_size and stride that are equal and 2, 4, 8, 16 or 32")
        fits = min(height, width) >= self.patch_size
        check(fits, "model.image_size", f"{height} x {width} holds no patch of {self.patch_size}")
        check(self.depth > 0, "model.depth", f"must be above 0, got {self.depth}")
        divides = self.heads > 0 and self.width > 0 and self.width % self.heads == 0
        check(divides, "model.heads", f"{self.heads} heads do not divide a width of {self.width}")
        check(0 <= self.drop_path < 1, "model.drop_path", f"must be from 0 to under 1, got {self.drop_path}")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width = self.image_size
        return (height - self.patch_size) // self.stride + 1, (width - self.patch_size) // self.stride + 1


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is done to training chips at random (published values as defaults)."""

    flip: float = 0.5
    """Probability of a left-right flip."""
    pad: int = 10
    """Black border in pixels from which a crop of the model's size is taken; 0 for none."""
    erase: float = 0.5
    """Probability that a random box is filled with noise (random erasing)."""
    zoom: float = 0.0
    """Height and width are each scaled by a factor from 1 - zoom to 1 + zoom, about the centre; 0 for none."""
    grey: float = 0.0
    """Probability that an optical chip loses its colours, which SAR does not share."""

    def __post_init__(self) -> None:
        check(0 <= self.zoom < 1, "augment.zoom", f"must be from 0 to under 1, got {self.zoom}")
        for name in ("flip", "erase", "grey"):
            check(0 <= getattr(self, name) <= 1, f"augment.{name}", f"must be 0 to 1, got {getattr(self, name)}")
        check(self.pad >= 0, "augment.pad", f"must not be negative, got {self.pad}")


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
        check(self.identities >= 2, "batch.identities", f"a triplet needs at least 2, got {self.identities}")
        check(self.chips >= 2, "batch.chips", f"a positive pair needs at least 2, got {self.chips}")
        check(self.accumulate >= 1, "batch.accumulate", f"must be at least 1, got {self.accumulate}")

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
    """Weight of the pair head's contrastive loss between the optical and the SAR chips of the batch."""
    alignment: float = 0.0
    """Weight of the class-wise modality alignment (MOS, arXiv 2512.03404, which uses 2.0)."""

    def __post_init__(self) -> None:
        for name in ("identity", "metric", "contrastive", "alignment"):
            check(getattr(self, name) >= 0, f"loss.{name}", f"must not be negative, got {getattr(self, name)}")
        learns = self.identity + self.metric + self.contrastive > 0
        check(learns, "loss.identity", "loss.metric and loss.contrastive are all 0; nothing would be learnt")
        smooth = 0 <= self.label_smoothing < 1
        check(smooth, "loss.label_smoothing", f"must be from 0 to under 1, got {self.label_smoothing}")


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
    """Share of the rate that the cosine ends at."""
    clip_norm: float | None = None
    """Largest gradient norm; none for no clipping."""

    def __post_init__(self) -> None:
        check(self.lr > 0, "optimiser.lr", f"must be above 0, got {self.lr}")
        check(
            self.warmup_epochs >= 0,
            "optimiser.warmup_epochs",
            f"must not be negative, got {self.warmup_epochs}",
        )
        clips = self.clip_norm is None or self.clip_norm > 0
        check(clips, "optimiser.clip_norm", f"must be above 0, got {self.clip_norm}")


@dataclass(frozen=True, kw_only=True)
class ValidationConfig:
    """Identities split off the training set to choose the best epoch; the test split is never used for that."""

    fraction: float = 0.1
    """Share of the cross-modal training identities that is held out; 0 for none (the last epoch is kept)."""
    every: int = 5
    """Epochs between validations."""
    patience: int | None = None
    """Validations without a better one after which training stops; none for never."""

    def __post_init__(self) -> None:
        check(0 <= self.fraction <= 0.5, "validation.fraction", f"must be 0 to 0.5, got {self.fraction}")
        check(self.every >= 1, "validation.every", f"must be at least 1, got {self.every}")
        patient = self.patience is None or self.patience >= 1
        check(patient, "validation.patience", f"must be at least 1, got {self.patience}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of ``crosswake train``."""

    data: Path | None = None
    """HOSS-layout folder or CSV table to train on."""
    output: Path = Path("runs/train")
    """Folder that the run writes."""
    resume: bool = False
    """Go on from the run in the output folder as if it had never stopped."""
    init: str | None = None
    """Weights to start from: a file, or a name from `crosswake data download`; none for random weights."""
    epochs: int = 200
    """Passes over the training identities."""
    seed: int = 0
    """Seed of weights, batches, augmentation and the validation split."""
    device: Device = "auto"
    """Kind of processor."""
    devices: int = 1
    """Processors, one process each."""
    precision: Precision = "fp32"
    """Number type of the forward pass."""
    sar_radiometry: SarRadiometry = "max"
    """How SAR chips of other than 8 bit are scaled: max (published), percentile (MOS) or log."""
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    evaluate: bool = True
    """Measure the best epoch on the test split at the end, if there is one, and write the report."""
    strict: bool = False
    """Stop at the first unreadable chip; otherwise they are listed and left out."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        check(self.epochs >= 1, "epochs", f"must be at least 1, got {self.epochs}")
        check(self.devices >= 1, "devices", f"must be at least 1, got {self.devices}")
        check(self.seed >= 0, "seed", f"must not be negative, got {self.seed}")
        share = self.batch.size % self.devices == 0
        check(share, "devices", f"{self.devices} do not divide a batch of {self.batch.size} chips")


def plain(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON-like data: paths as text, tuples as lists."""
    return {key: _plain(value) for key, value in asdict(config).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def recipe_path(name: str) -> Path:
    """The settings file that ``--config NAME`` means: a file as given, else a recipe of that name.

    Raises:
        CrosswakeError: neither exists; the message lists the recipes.
    """
    if Path(name).is_file():
        return Path(name)
    folder = Path(str(files("crosswake"))) / "recipes"
    recipe = folder / f"{name.removesuffix('.yaml')}.yaml"
    if recipe.is_file():
        return recipe
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise CrosswakeError(f"--config: no file and no recipe '{name}'; recipes: {known}")
