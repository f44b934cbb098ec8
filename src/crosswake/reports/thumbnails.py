"""Small pictures of chips, inlined into the report."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosswake.data.chips import Chip
from crosswake.data.pixels import read_pixels
from crosswake.data.radiometry import to_uint8

MAX_HEIGHT, MAX_WIDTH = 160, 120
JPEG_QUALITY = 80
ATTENTION_SHARE = 0.55


def picture(chip: Chip) -> Image.Image:
    """The whole chip as RGB within 160 x 120 pixels, its proportions kept; SAR in decibels,
    stretched."""
    image = Image.fromarray(to_uint8(read_pixels(chip.path, chip.box), chip.modality, sar="log"))
    scale = min(MAX_HEIGHT / image.height, MAX_WIDTH / image.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)


def data_uri(image: Image.Image) -> str:
    """The picture as a JPEG that needs no file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def overlay(image: Image.Image, attention: NDArray[Any]) -> Image.Image:
    """``attention``, (rows, columns) over the whole chip, as colours over a grey version of
    ``image``."""
    from matplotlib import colormaps

    low, high = float(attention.min()), float(attention.max())
    scaled = (attention - low) / (high - low) if high > low else np.zeros_like(attention)
    grid = Image.fromarray(np.asarray(scaled, dtype=np.float32)).resize(
        image.size, Image.Resampling.BICUBIC
    )
    strength = np.clip(np.asarray(grid), 0, 1)
    colours = colormaps["inferno"](strength)[..., :3] * 255
    grey = np.asarray(image.convert("L"), dtype=np.float64)[..., None]
    mixed = (1 - ATTENTION_SHARE) * grey + ATTENTION_SHARE * colours
    return Image.fromarray(mixed.astype(np.uint8))
