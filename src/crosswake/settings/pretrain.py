"""Settings of ``crosswake pretrain``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from crosswake.settings.common import check
from crosswake.settings.model import ModelConfig
from crosswake.settings.reid_run import ReidRunConfig
from crosswake.settings.train import AugmentConfig


@dataclass(frozen=True, kw_only=True)
class PairAugmentConfig(AugmentConfig):
    """What is done to training pairs at random."""

    shared: bool = False
    """Flip, shift and zoom both images of a pair alike; otherwise each on its own (published)."""
    offset: int = 0
    """Pixels by which the SAR window of a crop may be off in either direction (--crops), as
    registration may be."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.offset >= 0, "augment.offset", f"must not be negative, got {self.offset}")


@dataclass(frozen=True, kw_only=True)
class PairBatchConfig:
    """What a batch of pairs is made of."""

    pairs: int = 256
    """Pairs in a batch, over all processes; every other pair of the batch is a negative."""
    same_scene: int = 1
    """Pairs of a batch that come from one scene together: the more, the harder the negatives."""
    chunk: int = 0
    """Pairs that a process takes through the model at a time: gradient caching (Gao et al., arXiv
    2101.06983) for batches larger than memory; 0 for all at once."""
    accumulate: int = 1
    """Batches whose gradients are averaged before one step of the optimiser."""

    def __post_init__(self) -> None:
        check(self.pairs >= 2, "batch.pairs", f"a pair needs at least one other, got {self.pairs}")
        check(
            self.same_scene >= 1, "batch.same_scene", f"must be at least 1, got {self.same_scene}"
        )
        check(self.chunk >= 0, "batch.chunk", f"must not be negative, got {self.chunk}")
        check(
            self.accumulate >= 1, "batch.accumulate", f"must be at least 1, got {self.accumulate}"
        )


@dataclass(frozen=True, kw_only=True)
class PairLossConfig:
    """The symmetric contrastive loss."""

    temperature: float = 0.07
    """Temperature at the start; it is learnt, down to 0.01."""

    def __post_init__(self) -> None:
        check(
            self.temperature >= 0.01,
            "loss.temperature",
            f"must be at least 0.01, got {self.temperature}",
        )


@dataclass(frozen=True, kw_only=True)
class PretrainConfig(ReidRunConfig):
    """Pretrain on optical-SAR pairs of places: what both sensors show of one place comes out alike.
    --config takes a recipe by name (pairs_transoss is the published one) or a YAML file, and
    --print_config shows all settings."""

    command: ClassVar[str] = "pretrain"

    output: Path = Path("runs/pretrain")
    """Folder that the run writes."""
    model: ModelConfig = field(default_factory=lambda: ModelConfig(sse=False))
    splits: tuple[str, ...] = ("train",)
    """Splits to learn from where a source declares some; pairs without one are always learnt
    from."""
    crops: int = 0
    """Random windows of the model's size cut out of every image in an epoch; 0 shows each image
    whole (published)."""
    cache: Path | None = None
    """Folder for the decoded pairs, which later runs on the same pairs find there; by default in
    the output folder, for this run only."""
    augment: PairAugmentConfig = field(default_factory=PairAugmentConfig)
    batch: PairBatchConfig = field(default_factory=PairBatchConfig)
    loss: PairLossConfig = field(default_factory=PairLossConfig)
    evaluate: bool = True
    """Measure the kept epoch at the end on pairs of a split not learnt from (val, else test), else
    on the scenes held out for validation, and write the report."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.crops >= 0, "crops", f"must not be negative, got {self.crops}")
        own = self.model.method == "transoss"
        check(own, "model.method", "pairs are learnt from by transoss; other methods start from it")
        check(not self.model.sse, "model.sse", "pairs have no ship's size; set it to false")
        check(
            not self.augment.offset or self.crops > 0,
            "augment.offset",
            "only crops can be off; set --crops",
        )
        shared = self.batch.pairs // self.devices % max(self.batch.chunk, 1) == 0
        check(
            shared,
            "batch.chunk",
            f"{self.batch.chunk} do not divide a process's {self.batch.pairs // self.devices}",
        )

    @property
    def batch_size(self) -> int:
        """Pairs in a batch, over all processes."""
        return self.batch.pairs

    @property
    def accumulate(self) -> int:
        """Batches to one step of the optimiser."""
        return self.batch.accumulate
