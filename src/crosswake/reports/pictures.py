"""Small pictures of chips, inlined into the report."""

import base64
import io
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from crosswake.data.chips import Chip, Modality
from crosswake.data.pixels import Pixels, read_chip
from crosswake.data.radiometry import to_uint8

MAX_HEIGHT, MAX_WIDTH = 160, 120
JPEG_QUALITY = 80
ATTENTION_SHARE = 0.55


class Pictures:
    """The pictures of one page; a chip that is shown in several places is read once."""

    def __init__(self) -> None:
        self._images: dict[Chip, Image.Image] = {}
        self._uris: dict[Chip, Markup] = {}

    def image(self, chip: Chip) -> Image.Image:
        """The whole chip as RGB within 160 x 120 pixels, in its proportions."""
        if chip not in self._images:
            self._images[chip] = picture(chip)
        return self._images[chip]

    def uri(self, chip: Chip) -> Markup:
        """The chip as the value of ``src``."""
        if chip not in self._uris:
            self._uris[chip] = data_uri(self.image(chip))
        return self._uris[chip]


def picture(chip: Chip) -> Image.Image:
    """Read a chip and shrink it; see :meth:`Pictures.image`."""
    return shrunk(read_chip(chip)[0], chip.modality, MAX_HEIGHT, MAX_WIDTH)


def shrunk(pixels: Pixels, modality: Modality, height: int, width: int) -> Image.Image:
    """Pixels as stored as RGB of at most ``height`` x ``width``, one of which is reached."""
    # In decibels people see most of SAR, whatever the model is shown: by its maximum, one bright
    # scatterer would leave the ship dark.
    image = Image.fromarray(to_uint8(pixels, modality, "log"))
    scale = min(height / image.height, width / image.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)


def jpeg(image: Image.Image) -> bytes:
    """A picture as a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


def data_uri(image: Image.Image) -> Markup:
    """The picture as a JPEG that needs no file: the value of ``src``, not to be escaped."""
    return uri_of(jpeg(image))


def uri_of(content: bytes) -> Markup:
    """A JPEG as the value of ``src``."""
    return Markup("data:image/jpeg;base64," + base64.b64encode(content).decode())


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
