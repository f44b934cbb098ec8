"""Makes tiny data sets on the fly."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray


def write_image(path: Path, bands: NDArray[Any], driver: str = "GTiff", **options: Any) -> Path:
    """Write (bands, height, width) as an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    profile = {
        "driver": driver,
        "count": count,
        "height": height,
        "width": width,
        "dtype": bands.dtype,
    }
    with rasterio.open(path, "w", **profile, **options) as sink:
        sink.write(bands)
    return path


def optical(seed: int = 0, height: int = 40, width: int = 16) -> NDArray[np.uint8]:
    """A random optical chip, (3, height, width)."""
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)


def sar(seed: int = 0, height: int = 36, width: int = 14) -> NDArray[np.float32]:
    """A random SAR chip, (1, height, width)."""
    return np.random.default_rng(seed).gamma(1.0, 50.0, (1, height, width)).astype(np.float32)


def write_hoss(root: Path) -> Path:
    """A faultless HOSS-layout folder: three identities to train, two to test, no subset folders."""
    seed = 0
    for identity in ("0001", "0002", "0003"):
        write_pair(root / "bounding_box_train", identity, seed := seed + 2)
    for identity in ("0011", "0012"):
        write_pair(root / "bounding_box_test", identity, seed := seed + 2)
    write_image(root / "query" / "0011_s02c3_RGB.tif", optical(100))
    write_image(root / "query" / "0012_s02c3_SAR.tif", sar(101))
    return root


def write_pair(folder: Path, identity: str, seed: int) -> None:
    """One optical and one SAR chip of an identity."""
    write_image(folder / f"{identity}_s01c1_RGB.tif", optical(seed))
    write_image(folder / f"{identity}_s01c2_SAR.tif", sar(seed + 1))
