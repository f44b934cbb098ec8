"""One chip as the model's input, before augmentation and normalisation."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crosswake.data.chips import Chip, Modality
from crosswake.data.pixels import Pixels, read_pixels
from crosswake.data.radiometry import SarRadiometry, refuse_decibels, to_uint8

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Interpolation = Literal["bilinear", "bicubic"]
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def prepare_chip(
    chip: Chip,
    image_size: tuple[int, int],
    sar: SarRadiometry = "max",
    interpolation: Interpolation = "bilinear",
) -> tuple[Pixels, tuple[float, float, float]]:
    """Read, scale to 8 bit and resize one chip, as the published test transform does.

    Returns:
        the picture, (3, height, width) uint8, and its size features.

    Raises:
        UnreadableChipError: the file cannot be read, or is SAR that ``sar`` shows nothing of.
    """
    pixels = read_pixels(chip.path, chip.box)
    if chip.modality is Modality.SAR:
        refuse_decibels(chip.path, pixels, sar)
    height, width = pixels.shape[:2]
    picture = Image.fromarray(to_uint8(pixels, chip.modality, sar))
    resized = picture.resize((image_size[1], image_size[0]), FILTERS[interpolation])
    size = size_features(*chip.ground_extent(height, width), aspect=height / width)
    return np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1)), size


def size_features(width_m: float, height_m: float, aspect: float) -> tuple[float, float, float]:
    """What the ship size embedding is given (section 4.2).

    Args:
        width_m: the chip's width on the ground in metres.
        height_m: its height in metres.
        aspect: height over width in pixels.

    The constants are the training set's; 0.031 looks like a variance, but published weights expect
    it."""
    return (width_m / 93 - 0.434) / 0.031, (height_m / 427 - 0.461) / 0.031, aspect


def ground_metres(size: NDArray[np.float32]) -> NDArray[np.float32]:
    """Width and height in metres, (chips, 2), of (chips, 3) size features: the reverse of
    :func:`size_features`."""
    return np.stack([(size[:, 0] * 0.031 + 0.434) * 93, (size[:, 1] * 0.031 + 0.461) * 427], axis=1)


def normalise(pictures: Tensor) -> Tensor:
    """(batch, 3, height, width) uint8 to float32 of ImageNet's mean 0 and deviation 1."""
    mean = torch.tensor(IMAGENET_MEAN, device=pictures.device)[:, None, None]
    deviation = torch.tensor(IMAGENET_STD, device=pictures.device)[:, None, None]
    return (
        pictures.to(torch.float32, copy=True).div_(255).sub_(mean).div_(deviation)
    )  # in place: one pass over new memory


def modality_tensor(chips: Sequence[Chip]) -> Tensor:
    """(chips,) int64 of modality values."""
    return torch.tensor([int(chip.modality) for chip in chips], dtype=torch.int64)
