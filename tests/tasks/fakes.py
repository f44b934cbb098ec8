"""A stand-in for a model, and tiny data for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosswake.batches.stores import ChipStore
from crosswake.data.chips import Chip
from crosswake.data.radiometry import SarRadiometry
from crosswake.models.base import ChipEmbedder
from tests.tiny import write_chip as write_tiff


class FakeEmbedder(ChipEmbedder):
    """Features made of the identity, blurred by ``noise``; it counts what it embeds."""

    def __init__(self, noise: float = 0.5) -> None:
        self.noise = noise
        self.sar_radiometry: SarRadiometry = "max"
        self.source, self.precision = "fake.pt", "fp32"
        self.embedded: list[Chip] = []

    @property
    def width(self) -> int:
        return 16

    @property
    def image_size(self) -> tuple[int, int]:
        return 16, 8

    def embed_store(self, store: ChipStore, *, batch_size: int = 64) -> NDArray[np.float32]:
        self.embedded += store.chips
        rows = np.array([self.feature(chip) for chip in store.chips]).reshape(-1, 16)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def feature(self, chip: Chip) -> NDArray[np.float64]:
        own = np.random.default_rng(sum(chip.path.name.encode())).normal(size=16)
        seed = int(chip.identity) if chip.identity.isdigit() else sum(chip.identity.encode())
        return np.asarray(
            np.random.default_rng(seed).normal(size=16) + self.noise * own, dtype=np.float64
        )

    def attention_maps(self, chips: Sequence[Chip], *, batch_size: int = 64) -> NDArray[np.float32]:
        return np.random.default_rng(0).random((len(chips), 16, 8), dtype=np.float32)

    def describe(self) -> dict[str, Any]:
        return {"model": "fake", "input": {"height": 256, "width": 128}}


def write_chip(folder: Path, name: str, seed: int = 0) -> Path:
    """A small 8-bit picture; one band for SAR, three for optical."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = (24, 12) if "SAR" in name else (24, 12, 3)
    pixels = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return path


def write_decibels(path: Path) -> None:
    """SAR that every model refuses: hundredths of decibels, which nothing in the file tells."""
    values = np.random.default_rng(0).uniform(-4000, -1000, (24, 12)).astype(np.float32)
    write_tiff(path, values)


def make_data(root: Path, identities: int = 5, modalities: Sequence[str] = ("RGB", "SAR")) -> Path:
    """A test split in the HOSS layout: a query and a gallery chip of each modality for each
    identity."""
    for identity in range(identities):
        for place, modality in enumerate(modalities):
            seed = 10 * identity + place
            write_chip(root / "query", f"{identity:04d}_s01c{place}_{modality}", seed)
            write_chip(
                root / "bounding_box_test", f"{identity:04d}_s01c{place + 2}_{modality}", seed
            )
    return root
