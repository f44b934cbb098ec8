"""Settings that runs of a re-identification model share, be it trained or pretrained."""

from dataclasses import dataclass, field

from crosswake.data.radiometry import SarRadiometry
from crosswake.settings.model import ModelConfig
from crosswake.settings.reading import ReadingConfig
from crosswake.settings.run import RunConfig


@dataclass(frozen=True, kw_only=True)
class ReidRunConfig(RunConfig, ReadingConfig):
    """Settings of a run that trains or pretrains a re-identification model."""

    init: str | None = None
    """Weights to start from: a file, or a name from `crosswake data download`; none for random
    weights."""
    compile: bool = False
    """Compile the transformer with torch.compile; the first step then takes a minute or more, every
    other one less."""
    recompute_blocks: bool = False
    """Gradient checkpointing: keep only what goes into each block, and compute the rest again in
    the backward pass."""
    channels_last: bool = False
    """Lay out images channels last in convolutions (--model.stem conv, or a timm backbone)."""
    sar_radiometry: SarRadiometry = "max"
    """How SAR chips of other than 8 bit are scaled: max (published), percentile (MOS) or log."""
    model: ModelConfig = field(default_factory=ModelConfig)
    evaluate: bool = True
    """Measure the kept epoch on the test split at the end, if there is one, and write the
    report."""

    @property
    def skips_weights(self) -> bool:
        """Where each modality has norms of its own, and a share may hold one modality alone."""
        return self.model.norms == "modality"
