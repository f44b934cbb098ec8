"""One chip or pair as the model's input, before augmentation and normalisation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crosswake.data.chips import AS_THE_FILE_SAYS, Chip, Modality, Reading, UnreadableChipError
from crosswake.data.pairs import Pair
from crosswake.data.pixels import Pixels, read_chip, read_pair
from crosswake.data.radiometry import SarRadiometry, as_stored, scaled, to_uint8
from crosswake.data.reading import chip_read_as

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Interpolation = Literal["bilinear", "bicubic"]
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class PreparedChip(NamedTuple):
    """A chip as the model is shown it.

    Attributes:
        picture: (3, height, width) uint8.
        size: see :func:`size_features`.
        seen: what :attr:`ChipDecoding.look` returned.
    """

    picture: Pixels
    size: tuple[float, float, float]
    seen: Any = None


@dataclass(frozen=True, kw_only=True)
class ChipDecoding:
    """How chips become pictures: read, scaled to 8 bit, resized, as in the published transforms.

    Attributes:
        size: height and width of the picture.
        sar: how SAR of other than 8 bit is scaled.
        interpolation: bicubic in training and bilinear in tests, as published.
        look: called with each chip, its size and place as the file says them, and its pixels, for
            whoever needs more of a chip than the model's input and would otherwise read the file
            again.
        reading: which SAR band is read where neither chip nor file says.
    """

    size: tuple[int, int]
    sar: SarRadiometry = "max"
    interpolation: Interpolation = "bilinear"
    reading: Reading = AS_THE_FILE_SAYS
    look: Callable[[Chip, Pixels], Any] | None = None

    def read(self, chip: Chip) -> PreparedChip:
        """Read one chip, once.

        Raises:
            UnreadableChipError: the file cannot be read or cannot serve as such a chip.
        """
        pixels, chip = self.pixels_of(chip)
        height, width = pixels.shape[:2]
        return PreparedChip(
            resized(to_uint8(pixels, chip.modality, self.sar), self.size, self.interpolation),
            size_features(*chip.ground_extent(height, width), aspect=height / width),
            None if self.look is None else self.look(chip, pixels),
        )

    def pixels_of(self, chip: Chip) -> tuple[Pixels, Chip]:
        """What :func:`crosswake.data.pixels.read_chip` gives."""
        return read_chip(chip_read_as(chip, self.reading), as_stored(self.sar))


@dataclass(frozen=True, kw_only=True)
class PairDecoding:
    """How pairs become pixels.

    Attributes:
        size: height and width of the model's input.
        whole: resize each image to ``size``, in 8 bit; otherwise leave it as it is, to be cut up
            and scaled later.
        sar: how SAR of other than 8 bit is scaled.
    """

    size: tuple[int, int]
    whole: bool
    sar: SarRadiometry

    def read(self, pair: Pair) -> tuple[Pixels, Pixels]:
        """The optical (3, height, width) and the SAR image (height, width) of one pair: uint8, else
        float32.

        Raises:
            UnreadableChipError: a file cannot be read, is smaller than a window, or shows nothing.
        """
        optical, radar = read_pair(pair, as_stored(self.sar))
        refuse_flat(pair.optical, scaled(optical, Modality.OPTICAL))
        refuse_flat(pair.sar, scaled(radar, Modality.SAR, self.sar))
        if self.whole:
            colours = to_uint8(optical, Modality.OPTICAL), to_uint8(radar, Modality.SAR, self.sar)
            shown = [resized(picture, self.size, "bicubic") for picture in colours]
            return shown[0], shown[1][0]
        if min(np.subtract(radar.shape, self.size)) < 0:
            (rows, columns), (height, width) = radar.shape, self.size
            what = f"{rows} x {columns} pixels hold no window of {height} x {width}"
            raise UnreadableChipError(
                pair.optical, f"{what}; set --crops 0 or a smaller --model.image_size"
            )
        return in_memory(optical.transpose(2, 0, 1)), in_memory(radar)


def resized(picture: Pixels, size: tuple[int, int], interpolation: Interpolation) -> Pixels:
    """(3, ``size``) uint8 of a (height, width, 3) picture, by PIL's antialiased filters."""
    image = Image.fromarray(picture).resize(size[::-1], FILTERS[interpolation])
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def in_memory(image: Pixels) -> Pixels:
    """The same in uint8 if it is, else in float32, which is what pixels are scaled in."""
    return image if image.dtype == np.uint8 else image.astype(np.float32)


def refuse_flat(path: Path, picture: Pixels) -> None:
    """Raise if a picture shows nothing: no data, say, or night."""
    if (picture == picture[:1, :1]).all():
        raise UnreadableChipError(path, "holds one value only; leave it out")


def size_features(width_m: float, height_m: float, aspect: float) -> tuple[float, float, float]:
    """What the ship size embedding is given (arXiv 2506.22027, section 4.2).

    Args:
        width_m: the chip's width on the ground in metres.
        height_m: its height in metres.
        aspect: height over width in pixels.

    The constants are the training set's mean and, where one would expect its std, 0.031, which
    looks like a variance; published weights expect it.
    """
    return (width_m / 93 - 0.434) / 0.031, (height_m / 427 - 0.461) / 0.031, aspect


def ground_metres(size: NDArray[np.float32]) -> NDArray[np.float32]:
    """Width and height in metres, (chips, 2), of (chips, 3) size features: the reverse of
    :func:`size_features`."""
    return np.stack([(size[:, 0] * 0.031 + 0.434) * 93, (size[:, 1] * 0.031 + 0.461) * 427], axis=1)


def normalise(pictures: Tensor) -> Tensor:
    """(batch, 3, height, width) uint8 to float32 of ImageNet's mean 0 and std 1."""
    mean = torch.tensor(IMAGENET_MEAN, device=pictures.device)[:, None, None]
    std = torch.tensor(IMAGENET_STD, device=pictures.device)[:, None, None]
    images = pictures.to(torch.float32, copy=True)
    return images.div_(255).sub_(mean).div_(std)  # in place: one pass over new memory


def modality_tensor(chips: Sequence[Chip]) -> Tensor:
    """(chips,) int64 of modality values."""
    return torch.tensor([int(chip.modality) for chip in chips], dtype=torch.int64)
