"""How a pair's files become the pixels that a store holds."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from crosswake.batches.prepare import FILTERS
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.pairs import Pair, Pairs
from crosswake.data.pixels import Pixels, read_pair
from crosswake.data.radiometry import SarRadiometry, refuse_decibels, scaled, to_uint8

AT_ONCE = 64
"""Pairs decoded before they are written."""


@dataclass(frozen=True, kw_only=True)
class PairDecoding:
    """How pairs become pixels.

    Attributes:
        size: height and width of the model's input.
        whole: resize each image to ``size``, in 8 bit; otherwise keep it as it is, to be cut up and
            scaled later.
        sar: how SAR of other than 8 bit is scaled.
    """

    size: tuple[int, int]
    whole: bool
    sar: SarRadiometry

    def apply(self, pair: Pair) -> tuple[Pixels, Pixels]:
        """The optical (3, height, width) and the SAR half (height, width) of one pair: uint8, else
        float32.

        Raises:
            UnreadableChipError: a file cannot be read, is smaller than a window, or shows nothing.
        """
        optical, radar = read_pair(pair)
        refuse_decibels(pair.sar, radar, self.sar)
        refuse_flat(pair, optical, radar, self.sar)
        if self.whole:
            optical = self.resized(to_uint8(optical, Modality.OPTICAL))
            radar = self.resized(to_uint8(radar, Modality.SAR, self.sar))[..., 0]
        elif min(np.subtract(radar.shape, self.size)) < 0:
            (rows, columns), (height, width) = radar.shape, self.size
            what = f"{rows} x {columns} pixels hold no window of {height} x {width}"
            raise UnreadableChipError(
                pair.optical, f"{what}; set --crops 0 or a smaller --model.image_size"
            )
        return as_stored(optical.transpose(2, 0, 1)), as_stored(radar)

    def resized(self, picture: Pixels) -> Pixels:
        """(height, width, 3) uint8 at the model's size."""
        return np.asarray(Image.fromarray(picture).resize(self.size[::-1], FILTERS["bicubic"]))


def as_stored(half: Pixels) -> Pixels:
    """The same in uint8 if it is, else in float32, which is what pixels are scaled in."""
    return half if half.dtype == np.uint8 else half.astype(np.float32)


def refuse_flat(pair: Pair, optical: Pixels, radar: Pixels, sar: SarRadiometry) -> None:
    """Raise if either half shows nothing: no data, say, or night."""
    pictures = (scaled(optical, Modality.OPTICAL), scaled(radar, Modality.SAR, sar))
    for path, picture in zip((pair.optical, pair.sar), pictures, strict=True):
        if (picture == picture[:1, :1]).all():
            raise UnreadableChipError(path, "holds one value only; leave it out")


def decode_each(
    pairs: Pairs, how: PairDecoding
) -> Iterator[tuple[Pixels, Pixels] | UnreadableChipError]:
    """Each pair decoded, or why it could not be, in order; never more than a few in memory."""

    def attempt(pair: Pair) -> tuple[Pixels, Pixels] | UnreadableChipError:
        try:
            return how.apply(pair)
        except UnreadableChipError as error:
            return error

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(pairs), AT_ONCE):
            yield from pool.map(attempt, pairs[start : start + AT_ONCE])
