"""Settings of the commands that measure a model: ``evaluate`` and ``probe``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.settings.common import DeviceConfig, OverwriteConfig, SeedConfig, StrictConfig, check
from crosswake.settings.reading import ReadingConfig


@dataclass(frozen=True, kw_only=True)
class RerankConfig:
    """Settings of k-reciprocal re-ranking (Zhong et al., CVPR 2017); the defaults are the
    paper's."""

    k1: int = 20
    """Number of nearest chips that may be reciprocal neighbours."""
    k2: int = 6
    """Nearest chips, itself included, whose vectors are averaged (local query expansion); 1 for
    none."""
    lambda_: float = 0.3
    """Weight of the original distance; the rest is the weight of the Jaccard distance."""
    half: bool = False
    """Round weights and sums to half precision, as the published code does. Small weights get lost
    in the sums."""
    apart: bool = False
    """Take the k1 and k2 nearest of each modality separately, so that a gap between the modalities
    does not shut one out."""

    def __post_init__(self) -> None:
        check(self.k1 > 0, "rerank.k1", f"must be above 0, got {self.k1}")
        check(self.k2 > 0, "rerank.k2", f"must be above 0, got {self.k2}")
        good = 0 <= self.lambda_ <= 1
        check(good, "rerank.lambda", f"must be from 0 to 1, got {self.lambda_}")

    @property
    def record(self) -> dict[str, object]:
        """The settings under the names of their options."""
        return {name.rstrip("_"): value for name, value in vars(self).items()}

    @property
    def words(self) -> str:
        """The settings as a reader meets them."""
        apart = ", neighbours of each modality apart" if self.apart else ""
        half = ", in half precision" if self.half else ""
        numbers = f"k1 {self.k1}, k2 {self.k2}, lambda {self.lambda_:g}"
        return f"k-reciprocal re-ranking with {numbers}{apart}{half}"


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(DeviceConfig, SeedConfig, StrictConfig, OverwriteConfig, ReadingConfig):
    """Measure a model by the published protocols (all to all, optical to SAR, SAR to optical),
    beside what chance, size and pixel correlation reach. Writes metrics.json, rankings.parquet and
    report.html."""

    checkpoint: Path
    """The model: weights, or an exported ONNX file."""
    data: Path
    """What to measure on: a folder in the HOSS layout, a CSV table, or a folder of pairs."""
    split: Literal["train", "val", "test"] | None = None
    """Split of the pairs to measure on, where they declare one; by default val, else test, else
    train, else all pairs."""
    output: Path | None = None
    """Folder for the results; by default evaluation-<data> beside the weights, or
    evaluation-<data>-<weights> where these lie beside another best.pt."""
    batch_size: int = 64
    """Chips that go through the model together."""
    rerank: RerankConfig | None = None
    """Report k-reciprocal re-ranking as well; any --rerank option switches it on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        good = self.batch_size > 0
        check(good, "batch_size", f"expected a whole number above 0, got {self.batch_size}")


@dataclass(frozen=True, kw_only=True)
class ProbeConfig(DeviceConfig, SeedConfig, StrictConfig, OverwriteConfig, ReadingConfig):
    """Measure how well a linear classifier recognises the terrain of optical-SAR pairs (SEN1-2 by
    terrain) from the model's features. It is tested on scenes that it was not trained on, where
    every class has two or more. Writes probe.json and probe.png."""

    checkpoint: Path
    """The model: weights, or an exported ONNX file."""
    data: Path
    """A folder of pairs whose terrain is known."""
    output: Path | None = None
    """Folder for the results; by default probe-<data> beside the weights."""
