"""Settings of ``crosswake search``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.data.sources.listing import ModalityChoice
from crosswake.settings.common import DeviceConfig, OverwriteConfig, StrictConfig, check
from crosswake.settings.reading import ReadingConfig

TABLE_ENDINGS = (".csv", ".json", ".parquet")


@dataclass(frozen=True, kw_only=True)
class SearchConfig(DeviceConfig, StrictConfig, OverwriteConfig, ReadingConfig):
    """Find the chips of an archive that look most like a chip: prints a table, and writes a page
    with the chips. Every chip of the archive is compared; none is skipped by an index."""

    checkpoint: Path
    """The model: weights, or an exported ONNX file."""
    query: Path
    """What to look for: an image, a folder of images, or a table of chips."""
    in_: Path
    """Where to look: a folder of images, a table of chips, or a Parquet file of crosswake embed,
    which saves embedding the archive each time."""
    top: int = 10
    """Number of candidates for each query."""
    find: Literal["any", "optical", "sar"] = "any"
    """Modality of the candidates."""
    modality: ModalityChoice = "auto"
    """Modality of images in a plain folder, where their names do not say it."""
    output: Path = Path("search.html")
    """The page to write."""
    table: Path | None = None
    """Also write all candidates to this file: .csv, .json or .parquet."""
    batch_size: int = 64
    """Chips that go through the model together."""

    def __post_init__(self) -> None:
        for name in ("top", "batch_size"):
            check(getattr(self, name) > 0, name, f"must be above 0, got {getattr(self, name)}")
        check(self.output.suffix.lower() == ".html", "output", f"{self.output} must end in .html")
        good = self.table is None or self.table.suffix.lower() in TABLE_ENDINGS
        check(good, "table", f"{self.table} must end in one of {', '.join(TABLE_ENDINGS)}")
