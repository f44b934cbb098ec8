"""What an embedding job is asked to do."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake import __version__
from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.listing import ModalityChoice
from crosswake.settings.common import Device, Precision

Engine = Literal["local", "ray"]
OUTPUT_ENDING = ".parquet"


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """Settings of ``crosswake embed``.

    Attributes:
        checkpoint: the model, as :func:`crosswake.load` takes it.
        data: a HOSS-layout folder, any folder of images, a CSV table, or a text file that lists
            image files.
        output: the Parquet file.
        modality: of images whose name does not tell.
        device: kind of processor.
        precision: number type of the forward pass.
        batch_size: chips embedded at a time.
        save_every: chips between savings, from which an interrupted job goes on.
        engine: this process, or Ray Data.
        ray_address: the cluster, as ``ray.init`` takes it; a local one if None.
        workers: models that Ray runs side by side; one a GPU, or one a machine without, if None.
        strict: stop at the first unreadable file.
        quiet: show no progress.
    """

    checkpoint: Path
    data: Path
    output: Path
    modality: ModalityChoice = "auto"
    device: Device = "auto"
    precision: Precision = "fp32"
    batch_size: int = 64
    save_every: int = 512
    engine: Engine = "local"
    ray_address: str | None = None
    workers: int | None = None
    strict: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.output.suffix.lower() != OUTPUT_ENDING:
            raise CrosswakeError(f"--output {self.output}: must end in {OUTPUT_ENDING}")
        if self.output.is_dir():
            raise CrosswakeError(f"--output {self.output}: is a folder; name a file")
        for option in ("ray_address", "workers"):
            if self.engine == "local" and getattr(self, option) is not None:
                raise CrosswakeError(
                    f"--{option}: is for --engine ray; add that, or leave --{option} out"
                )

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

    def describe(self) -> dict[str, str | int]:
        """What the embeddings hang on beside the chips: the content of the weight file, number type
        and batches."""
        try:
            with self.checkpoint.open("rb") as file:
                weights = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CrosswakeError(
                f"{self.checkpoint}: no readable weight file ({error.strerror})"
            ) from error
        return {
            "checkpoint": self.checkpoint.name,
            "weights_sha256": weights,
            "precision": self.precision,
            "batch_size": self.batch_size,
            "save_every": self.save_every,
            "crosswake": __version__,
        }
