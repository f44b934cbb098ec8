"""Settings of ``crosswake export``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.settings.common import OverwriteConfig, QuietConfig, check

ExportFormat = Literal["onnx", "onnx-int8", "torch-export"]


@dataclass(frozen=True, kw_only=True)
class ExportConfig(QuietConfig, OverwriteConfig):
    """Write a model as one ONNX file or PyTorch program: any batch, both modalities, 8-bit pictures
    in, embeddings of length 1 out. The file is run beside PyTorch, and written only if the two
    agree."""

    checkpoint: Path
    """Weights: Crosswake's own, or published ones."""
    format: ExportFormat = "onnx"
    """Kind of file; onnx-int8 multiplies matrices in 8 bit."""
    output: Path | None = None
    """The file to write; by default beside the weights, under their name."""
    data: Path | None = None
    """Compare on chips of this folder, table or set of pairs; by default on generated pictures."""
    chips: int = 32
    """Number of chips to compare on."""
    min_cosine: float | None = None
    """Least cosine to PyTorch's embedding that a chip may have; by default 0.99999, and 0.99 for
    onnx-int8."""

    def __post_init__(self) -> None:
        check(self.chips > 0, "chips", f"expected a whole number above 0, got {self.chips}")
        good = self.min_cosine is None or 0 <= self.min_cosine <= 1
        expected = "expected a number at least 0 and at most 1"
        check(good, "min_cosine", f"{expected}, got {self.min_cosine}")
