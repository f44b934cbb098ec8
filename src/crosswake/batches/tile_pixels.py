"""The images of a tile as a model of buildings is shown them, in training and in prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from crosswake.batches.tile_batch import OPTICAL_COLUMN, SAR_COLUMN, TileBatch
from crosswake.data.chips import AS_THE_FILE_SAYS, Modality, UnreadableChipError
from crosswake.data.pixels import Pixels, in_amplitude, read_pixels
from crosswake.data.radiometry import scaled
from crosswake.data.rasters import open_raster
from crosswake.data.tiles import Tile

DARKEST, BRIGHTEST = -4.0, 6.0
"""Limits of SAR in units of the tile's std: layover and double bounce reach far up."""


@dataclass(frozen=True, kw_only=True)
class TileImages:
    """A tile's images.

    Attributes:
        optical: (3, height, width) uint8; None where there is none.
        sar: (height, width) float16, as :func:`standard_decibels` gives it; None where there is
            none.
        valid: (height, width) bool, false on padding.
    """

    optical: NDArray[np.uint8] | None
    sar: NDArray[np.float16] | None
    valid: NDArray[np.bool_]


def read_tile_images(tile: Tile) -> TileImages:
    """Read whatever images a tile has.

    Raises:
        UnreadableChipError: there is none, one cannot be read, or they differ in size.
    """
    optical = None if tile.rgb is None else colours_of_tile(tile.rgb)
    amplitude = None if tile.sar is None else amplitude_of_tile(tile.sar)
    if optical is None and amplitude is None:
        raise UnreadableChipError(Path(tile.stem), "a tile without images")
    if optical is not None and amplitude is not None and optical.shape[1:] != amplitude.shape:
        assert tile.sar is not None
        raise UnreadableChipError(tile.sar, "has another size than the optical image")
    return TileImages(
        optical=optical,
        sar=None if amplitude is None else standard_decibels(amplitude),
        valid=~padding_of(optical, amplitude),
    )


def colours_of_tile(path: Path) -> NDArray[np.uint8]:
    """(3, height, width) uint8 of an optical image.

    Raises:
        UnreadableChipError: it cannot be read, or is grey.
    """
    pixels = read_pixels(path)
    if pixels.ndim != 3:
        raise UnreadableChipError(path, "optical image with 1 band, 3 expected; is it SAR?")
    return np.ascontiguousarray(scaled(pixels, Modality.OPTICAL).transpose(2, 0, 1), np.uint8)


def amplitude_of_tile(path: Path) -> Pixels:
    """(height, width) of a SAR image.

    Raises:
        UnreadableChipError: it cannot be read, or has several bands of which none can be chosen.
    """
    with open_raster(path) as source:
        return in_amplitude(path, source, None, AS_THE_FILE_SAYS, False)


def standard_decibels(amplitude: Pixels) -> NDArray[np.float16]:
    """SAR amplitudes as decibels of mean 0 and std 1 over the tile, clipped.

    So the sensor's calibration does not matter, nor whether a file holds amplitudes or
    intensities, which a file does not say. Gaps and what is not above 0 become the darkest value.
    """
    values = amplitude.astype(np.float32)
    known = np.isfinite(values) & (values > 0)
    result = np.full(values.shape, DARKEST, np.float16)
    if known.any():
        decibels = 20.0 * np.log10(values[known])
        spread = max(float(decibels.std()), 1e-3)
        standard = (decibels - float(decibels.mean())) / spread
        result[known] = np.clip(standard, DARKEST, BRIGHTEST).astype(np.float16)
    return result


def padding_of(optical: Pixels | None, amplitude: Pixels | None) -> NDArray[np.bool_]:
    """Where a tile was filled up: black in all images, in a region that reaches the border."""
    empty = [] if optical is None else [(optical == 0).all(0)]
    if amplitude is not None:
        empty.append(~np.isfinite(amplitude) | (amplitude == 0))
    black = np.logical_and.reduce(empty)
    if not black.any():
        return np.asarray(black, np.bool_)
    regions = ndimage.label(black)[0]
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    touching = np.setdiff1d(np.unique(edge), [0])
    return np.asarray(np.isin(regions, touching), np.bool_)


def shown_batch(images: Sequence[TileImages], *, rgb: bool = True, sar: bool = True) -> TileBatch:
    """Tiles of one size as a model is shown them, on the CPU.

    Args:
        images: the tiles.
        rgb: show optical images.
        sar: show SAR images.
    """
    count, (height, width) = len(images), images[0].valid.shape
    optical = torch.zeros(count, 3, height, width)
    radar = torch.zeros(count, 1, height, width)
    present = torch.zeros(count, 2, dtype=torch.bool)
    for place, tile in enumerate(images):
        if rgb and tile.optical is not None:
            optical[place] = torch.from_numpy(np.array(tile.optical)).float() / 255
            present[place, OPTICAL_COLUMN] = True
        if sar and tile.sar is not None:
            radar[place, 0] = torch.from_numpy(np.array(tile.sar)).float()
            present[place, SAR_COLUMN] = True
    valid = torch.from_numpy(np.stack([tile.valid for tile in images]))
    return TileBatch(optical=optical, sar=radar, present=present, valid=valid)
