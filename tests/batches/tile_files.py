"""Tiles of a few pixels on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from crosswake.data.tiles import Building, Tile


def write_tif(path: Path, bands: Any) -> Path:
    """(bands, height, width) as a GeoTIFF without a place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    options: dict[str, Any] = {"count": count, "height": height, "width": width}
    with rasterio.open(path, "w", driver="GTiff", dtype=bands.dtype, **options) as file:
        file.write(bands)
    return path


def rectangle(number: int, box: tuple[int, int, int, int], category: int = 1) -> Building:
    """A building over x, y, width and height."""
    x, y, width, height = box
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return Building(
        id=number,
        category=category,
        outline=[[float(value) for value in corners]],
        box=(float(x), float(y), float(width), float(height)),
        area=float(width * height),
    )


def small_tile(folder: Path, stem: str = "SV_Rome_1_2", side: int = 48, seed: int = 0) -> Tile:
    """Three buildings: one of 4 m, one of 8 m, and one without height; the last 8 columns are
    padding."""
    random = np.random.default_rng(seed)
    colours = random.integers(1, 256, (3, side, side)).astype(np.uint8)
    amplitude = random.gamma(1.0, 1.0, (1, side, side)).astype(np.float32) + 0.01
    height = np.zeros((1, side, side), np.float32)
    boxes = [(2, 3, 12, 10), (20, 4, 10, 20), (6, 30, 14, 8)]
    for (x, y, wide, high), metres in zip(boxes, (4.0, 8.0, 0.0), strict=True):
        height[0, y : y + high, x : x + wide] = metres
    for image in (colours, amplitude, height):
        image[:, :, -8:] = 0
    return Tile(
        stem=stem,
        image_id=seed,
        rgb=write_tif(folder / "rgb" / f"{stem}.tif", colours),
        sar=write_tif(folder / "sar" / f"{stem}.tif", amplitude),
        height=write_tif(folder / "dsm" / f"{stem}.tif", height),
        split="train",
        city="Rome",
        buildings=tuple(rectangle(n, box) for n, box in enumerate(boxes, 1)),
    )
