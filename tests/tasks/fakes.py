"""A stand-in for a model, and tiny data for it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosswake.data.chips import Chip, UnreadableChipError


class FakeEmbedder:
    """Features made of the identity, blurred by ``noise``; it keeps count of what it was asked."""

    def __init__(self, noise: float = 0.5, refuse: str = "") -> None:
        self.noise, self.refuse = noise, refuse
        self.asked: list[Chip] = []

    def embed(
        self, chips: Sequence[Chip], *, batch_size: int = 64, quiet: bool = True
    ) -> NDArray[np.float32]:
        for chip in chips:
            if self.refuse and self.refuse in chip.path.name:
                raise UnreadableChipError(chip.path, "refused")
        self.asked += chips
        rows = np.array([self.feature(chip) for chip in chips])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def feature(self, chip: Chip) -> NDArray[np.float64]:
        own = np.random.default_rng(sum(chip.path.name.encode())).normal(size=16)
        seed = int(chip.identity) if chip.identity.isdigit() else sum(chip.identity.encode())
        return np.asarray(
            np.random.default_rng(seed).normal(size=16) + self.noise * own, dtype=np.float64
        )

    def attention_maps(self, chips: Sequence[Chip]) -> NDArray[np.float32]:
        return np.random.default_rng(0).random((len(chips), 16, 8), dtype=np.float32)

    def describe(self) -> dict[str, object]:
        return {"model": "fake", "input": {"height": 256, "width": 128}}


def write_chip(folder: Path, name: str, seed: int = 0) -> Path:
    """A small 8-bit picture; one band for SAR, three for optical."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = (24, 12) if "SAR" in name else (24, 12, 3)
    pixels = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return path


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
