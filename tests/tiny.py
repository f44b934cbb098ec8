"""Tiny data made on the fly: chips whose pattern depends on the identity, in either modality."""

from pathlib import Path

import numpy as np
import rasterio

from crosswake.data.chips import Modality
from crosswake.data.pixels import Pixels

TAG = {Modality.OPTICAL: "RGB", Modality.SAR: "SAR"}


def write_chip(path: Path, pixels: Pixels) -> None:
    """Write (height, width) or (height, width, bands) as a TIFF."""
    bands = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    count, height, width = bands.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", dtype=bands.dtype, count=count, height=height, width=width
    ) as target:
        target.write(bands)


def chip_pixels(identity: int, modality: Modality, sighting: int) -> Pixels:
    """Stripes whose spacing tells the identity, with noise that tells the sighting."""
    random = np.random.default_rng([identity, modality, sighting])
    height, width = 60 + random.integers(0, 8), 20 + random.integers(0, 4)
    stripes = np.sin(np.arange(height) * (0.3 + 0.2 * identity))[:, None] * np.ones(width)
    if modality is Modality.SAR:
        return np.asarray(np.exp(stripes) * random.gamma(4.0, 0.25, (height, width)), np.float32)
    picture = 128 + 80 * stripes[..., None] + random.normal(0, 10, (height, width, 3))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def write_sighting(folder: Path, identity: int, modality: Modality, sighting: int) -> None:
    """One chip under its HOSS name."""
    name = f"{identity:04d}_s01c{sighting}_{TAG[modality]}.tif"
    write_chip(folder / name, chip_pixels(identity, modality, sighting))


def tiny_hoss(root: Path, train: int = 6, test: int = 4) -> Path:
    """A HOSS-layout folder: four sightings an identity, two of either modality; the first is the
    query in the test."""
    for identity in range(1, train + test + 1):
        for sighting in range(1, 5):
            modality = Modality(sighting % 2 if identity % 2 else (sighting + 1) % 2)
            folder = (
                "bounding_box_train"
                if identity <= train
                else "query"
                if sighting == 1
                else "bounding_box_test"
            )
            write_sighting(root / folder, identity, modality, sighting)
    return root
