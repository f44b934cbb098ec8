"""Chips of noise in the HOSS layout: the cost of loading does not depend on what they show."""

from pathlib import Path

import numpy as np
from PIL import Image

from crosswake.data.sources.hoss import TRAIN

CHIPS_PER_IDENTITY = 4
SIDES = ((90, 160), (30, 60))
"""Range of heights and of widths in pixels, about those of HOSS ReID."""


def write_chips(root: Path, count: int, *, seed: int = 0) -> Path:
    """Write ``count`` 8-bit training chips, optical and SAR in turn; returns ``root``."""
    random = np.random.default_rng(seed)
    folder = root / TRAIN
    folder.mkdir(parents=True)
    for index in range(count):
        identity, sighting = index // CHIPS_PER_IDENTITY + 1, index % CHIPS_PER_IDENTITY + 1
        size = tuple(int(random.integers(*side)) for side in SIDES)
        tag, shape = ("RGB", (*size, 3)) if index % 2 == 0 else ("SAR", size)
        pixels = random.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{identity:04d}_s01c{sighting}_{tag}.tif")
    return root
