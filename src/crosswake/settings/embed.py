"""Settings of ``crosswake embed``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake import __version__
from crosswake.core.provenance import Origin, file_hash
from crosswake.data.sources.listing import ModalityChoice
from crosswake.settings.beside import beside
from crosswake.settings.common import DeviceConfig, OverwriteConfig, StrictConfig, check
from crosswake.settings.reading import ReadingConfig

OUTPUT_ENDING = ".parquet"


@dataclass(frozen=True, kw_only=True)
class EmbedConfig(DeviceConfig, StrictConfig, OverwriteConfig, ReadingConfig):
    """Embed images into one Parquet file: id, path, embedding in fp16, and what is known of each
    chip. Run again after an interruption, it goes on."""

    checkpoint: Path
    """The model: weights, or an exported ONNX file."""
    data: Path
    """What to embed: a folder in the HOSS layout or of pairs, any folder of images, a CSV table, or
    a .txt file with a path on each line."""
    output: Path
    """The Parquet file to write."""
    modality: ModalityChoice = "auto"
    """Modality of images in a plain folder or list; auto looks for RGB, optical or SAR in their
    names."""
    batch_size: int = 64
    """Chips that go through the model together."""
    save_every: int = 512
    """Number of chips after which the work done is saved; an interrupted job goes on from there."""
    engine: Literal["local", "ray"] = "local"
    """Where to work: in this process, or with Ray Data."""
    ray_address: str | None = None
    """Ray cluster, as ray.init takes it; by default RAY_ADDRESS, else this machine."""
    workers: int | None = None
    """Number of models that Ray runs side by side; by default one a GPU, or one a machine without
    GPUs."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "save_every", "workers"):
            value = getattr(self, name)
            good = value is None or value > 0
            check(good, name, f"expected a whole number above 0, got {value}")
        good = self.output.suffix.lower() == OUTPUT_ENDING
        check(good, "output", f"{self.output} must end in {OUTPUT_ENDING}")
        check(not self.output.is_dir(), "output", f"{self.output} is a folder; name a file")
        for name in ("ray_address", "workers"):
            good = self.engine == "ray" or getattr(self, name) is None
            check(good, name, f"is for --engine ray; add that, or leave --{name} out")

    @property
    def parts_folder(self) -> Path:
        """Where finished parts wait for the rest."""
        return self.output.with_name(f"{self.output.name}.parts")

    def part_path(self, index: int) -> Path:
        """The file of one part."""
        return self.parts_folder / f"part-{index:06d}{OUTPUT_ENDING}"

    @property
    def bad_list(self) -> Path:
        """The table of files that were left out, if there are any."""
        return self.output.with_name(f"{self.output.stem}.bad-files.csv")

    def origin(self) -> Origin:
        """What the embeddings hang on beside the chips: data, content of the weight file and of the
        settings beside it, number type and batches."""
        settings = beside(self.checkpoint)
        known = {"settings": settings.read_text(errors="replace")} if settings.is_file() else {}
        return known | {
            "command": "embed",
            "data": str(self.data.absolute()),
            "weights": file_hash(self.checkpoint),
            "precision": self.precision,
            "batch_size": self.batch_size,
            "save_every": self.save_every,
            "crosswake": __version__,
        }
