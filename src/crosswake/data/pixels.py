"""Reads and writes image files: a whole one, a window of one, or both images of a pair.

Nothing else in the package opens a raster, so what is refused here is refused everywhere.
"""

import errno
import functools
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from crosswake.core.boxes import Box, Size
from crosswake.data.chips import UnreadableChipError
from crosswake.data.pairs import Pair

Pixels = NDArray[Any]

PNG_START = b"\x89PNG"
DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    PNG_START: "PNG",
    b"\xff\xd8\xff": "JPEG",
}
"""GDAL's name of each format that is read, by the first bytes of its files. TIFF and BigTIFF come
in either byte order."""


def read_pixels(path: Path, box: Box | None = None) -> Pixels:
    """Read an image, or a window of it, as it is stored.

    Returns:
        (height, width) for one band, (height, width, 3) for three or more; the file's own number
        type.

    Raises:
        UnreadableChipError: as :func:`read_bands`, or the file has two bands.
    """
    bands = read_bands(path, box)
    if bands.shape[0] == 1:
        return np.asarray(bands[0])
    if bands.shape[0] >= 3:
        return np.ascontiguousarray(bands[:3].transpose(1, 2, 0))
    raise UnreadableChipError(
        path, f"has {bands.shape[0]} bands; one (SAR) or three (optical) are expected"
    )


def read_pair(pair: Pair) -> tuple[Pixels, Pixels]:
    """The pixels of a pair's window as they are stored.

    Returns:
        optical (height, width, 3), and SAR (height, width).

    Raises:
        UnreadableChipError: a file is missing, truncated, of the wrong bands, or ends within the
            window; or the two images differ in size.
    """
    pair_size(pair)
    optical, radar = read_pair_bands(pair, pair.box)
    return np.ascontiguousarray(optical.transpose(1, 2, 0)), radar


def read_pair_bands(pair: Pair, box: Box | None) -> tuple[Pixels, Pixels]:
    """A window of both images: optical (3, height, width), and SAR (height, width).

    Raises:
        UnreadableChipError: a file cannot be read, the optical image has fewer than three bands,
            or the SAR image has several that differ.
    """
    optical, radar = read_bands(pair.optical, box), read_bands(pair.sar, box)
    if optical.shape[0] < 3:
        reason = f"optical image with {optical.shape[0]} band(s), 3 expected; is it SAR?"
        raise UnreadableChipError(pair.optical, reason)
    if not (radar[1:] == radar[:1]).all():  # one band may be stored three times, as grey RGB
        reason = f"SAR image with {radar.shape[0]} different bands, 1 expected; is it optical?"
        raise UnreadableChipError(pair.sar, reason)
    return optical[:3], np.asarray(radar[0])


def pair_size(pair: Pair) -> Size:
    """Height and width of both images, by their headers.

    Raises:
        UnreadableChipError: a header cannot be read, or they differ.
    """
    optical, radar = image_size(pair.optical), image_size(pair.sar)
    if optical != radar:
        sizes = f"{radar[0]} x {radar[1]}, the optical one {optical[0]} x {optical[1]} pixels"
        raise UnreadableChipError(pair.sar, f"the SAR image is {sizes}; they must be equal")
    return optical


def image_size(path: Path) -> Size:
    """Height and width by the file's header.

    Raises:
        UnreadableChipError: as :func:`read_bands`.
    """
    with open_raster(path) as source:
        return int(source.height), int(source.width)


def read_bands(path: Path, box: Box | None = None) -> Pixels:
    """Read every band of an image, or of a window of it, as it is stored.

    Of a tiled or striped file, only the blocks that the window touches are decoded.

    Returns:
        (bands, height, width), in the file's own number type.

    Raises:
        UnreadableChipError: the file is missing, truncated, empty, no TIFF, PNG or JPEG, or ends
            within the window; or its values are complex.
    """
    with open_raster(path) as source:
        if any("complex" in kind for kind in source.dtypes):
            raise UnreadableChipError(path, "complex numbers; store amplitudes")
        if box is None:
            return np.asarray(source.read())
        if not box.inside(source.height, source.width):
            where = f"the window of {box.height} x {box.width} at ({box.top}, {box.left})"
            raise UnreadableChipError(
                path, f"{where} reaches beyond {source.height} x {source.width}"
            )
        rows, columns = (box.top, box.top + box.height), (box.left, box.left + box.width)
        return np.asarray(source.read(window=(rows, columns)))


@contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """The file as an open rasterio data set; its errors as :class:`UnreadableChipError`."""
    rasterio = quiet_rasterio()
    try:
        # The driver is named because GDAL would otherwise follow a text file that describes
        # pixels stored elsewhere.
        with rasterio.open(path, driver=driver_of(path)) as source:
            yield source
    except (rasterio.errors.RasterioError, OSError) as error:
        detail = str(error.__cause__ or error).splitlines()[0].removeprefix(f"{path}, ").rstrip(".")
        reason = f"truncated or damaged ({detail}); fetch it again or leave it out"
        raise UnreadableChipError(path, reason) from error


def driver_of(path: Path) -> str:
    """The GDAL driver for a file, by its first bytes.

    Raises:
        UnreadableChipError: the file is missing, empty, a PNG without its end, or none of the
            formats read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            whole = not start.startswith(PNG_START) or reaches_png_end(file)
    except (FileNotFoundError, IsADirectoryError) as error:
        reason = "no such file; correct the path or the table that names it"
        raise UnreadableChipError(path, reason) from error
    except OSError as error:
        raise UnreadableChipError(path, f"cannot be opened ({error.strerror or error})") from error
    if not start:
        raise UnreadableChipError(path, "the file is empty; fetch it again")
    driver = next((name for magic, name in DRIVERS.items() if start.startswith(magic)), None)
    if driver is None:
        raise UnreadableChipError(
            path, "not a TIFF, PNG or JPEG image; fetch it again or leave it out"
        )
    if not whole:  # GDAL fills the missing rows of a PNG with zeros and says nothing
        raise UnreadableChipError(
            path, "truncated or damaged (PNG without its end); fetch it again or leave it out"
        )
    return driver


def reaches_png_end(file: BinaryIO) -> bool:
    """Whether a PNG's chunks lead to its IEND (PNG specification, section 5.3)."""
    file.seek(8)
    while len(header := file.read(8)) == 8:
        if header[4:] == b"IEND":
            return True
        file.seek(int.from_bytes(header[:4], "big") + 4, os.SEEK_CUR)
    return False


def write_raster(path: Path, bands: Pixels, driver: str = "GTiff", **options: Any) -> None:
    """Write (bands, height, width), and see that the file holds it.

    On a full disk GDAL may raise nothing and leave a short file, so only reading tells.

    Args:
        path: the temporary name that :func:`crosswake.core.files.replacing` gave.
        bands: the pixels.
        driver: GDAL's name of the format.
        options: of the format.

    Raises:
        OSError: the file does not hold the pixels.
    """
    count, height, width = bands.shape
    shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype.name}
    try:
        with quiet_rasterio().open(path, "w", driver=driver, **shape, **options) as sink:
            sink.write(bands)
    except Exception as error:  # GDAL's own errors have no public base class
        raise OSError(errno.EIO, str(error).partition("\n")[0]) from error
    try:
        # Of a PNG the chunks are followed to the end, since to decode it again would take two
        # thirds of the time that encoding took.
        whole = driver_of(path) == "PNG" or holds_pixels(path, bands)
    except UnreadableChipError:
        whole = False
    if not whole:
        raise OSError(errno.ENOSPC, "what was written cannot be read back")


def holds_pixels(path: Path, bands: Pixels) -> bool:
    """Whether a file is there and holds exactly these pixels, (bands, height, width)."""
    try:
        return path.is_file() and np.array_equal(read_bands(path), bands, equal_nan=True)
    except UnreadableChipError:
        return False


@functools.cache
def quiet_rasterio() -> Any:
    """The module rasterio, which from here on does not warn that chips lack a georeference.

    Set once and not around each read, because ``warnings.catch_warnings`` is not safe in threads.
    """
    import rasterio
    import rasterio.errors

    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    return rasterio
