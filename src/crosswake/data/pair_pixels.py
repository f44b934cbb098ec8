"""Reads both halves of a pair."""

from pathlib import Path

import numpy as np

from crosswake.data.chips import UnreadableChipError
from crosswake.data.pairs import Pair
from crosswake.data.pixels import Pixels, driver_of, quiet_rasterio, read_bands


def read_pair(pair: Pair) -> tuple[Pixels, Pixels]:
    """The pixels of a pair's window as they are stored.

    Returns:
        optical (height, width, 3), and SAR (height, width).

    Raises:
        UnreadableChipError: a file is missing, truncated, of the wrong bands, or ends within the
            window; or the halves differ in size.
    """
    size_of(pair)
    optical = optical_bands(pair.optical, read_bands(pair.optical, pair.box))
    radar = sar_band(pair.sar, read_bands(pair.sar, pair.box))
    return np.ascontiguousarray(optical.transpose(1, 2, 0)), radar


def size_of(pair: Pair) -> tuple[int, int]:
    """Height and width of both files, by their headers.

    Raises:
        UnreadableChipError: a header cannot be read, or they differ.
    """
    optical, radar = image_size(pair.optical), image_size(pair.sar)
    if optical != radar:
        sizes = f"{radar[0]} x {radar[1]}, the optical one {optical[0]} x {optical[1]} pixels"
        raise UnreadableChipError(pair.sar, f"the SAR half is {sizes}; they must be equal")
    return optical


def image_size(path: Path) -> tuple[int, int]:
    """Height and width by the file's header.

    Raises:
        UnreadableChipError: as :func:`read_bands`.
    """
    rasterio = quiet_rasterio()
    try:
        with rasterio.open(path, driver=driver_of(path)) as source:
            return int(source.height), int(source.width)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise UnreadableChipError(
            path, "truncated or damaged; fetch it again or leave it out"
        ) from error


def optical_bands(path: Path, bands: Pixels) -> Pixels:
    """The first three of (bands, height, width).

    Raises:
        UnreadableChipError: there are fewer.
    """
    if bands.shape[0] < 3:
        raise UnreadableChipError(
            path, f"optical image with {bands.shape[0]} band(s), 3 expected; is it SAR?"
        )
    return bands[:3]


def sar_band(path: Path, bands: Pixels) -> Pixels:
    """The one band of (bands, height, width), which may be there three times.

    Raises:
        UnreadableChipError: several bands that differ.
    """
    if not (bands[1:] == bands[:1]).all():
        raise UnreadableChipError(
            path, f"SAR image with {bands.shape[0]} different bands, 1 expected; is it optical?"
        )
    return np.asarray(bands[0])
