"""How one file, or a window of it, becomes pixels."""

import functools
import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from crosswake.core.boxes import Box
from crosswake.data.chips import UnreadableChipError

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
"""First bytes of the formats that are read (TIFF and BigTIFF, either byte order), and GDAL's name
of each."""


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


def read_bands(path: Path, box: Box | None = None) -> Pixels:
    """Read every band of an image, or of a window of it, as it is stored, decoding no more than it
    must.

    Returns:
        (bands, height, width), in the file's own number type.

    Raises:
        UnreadableChipError: the file is missing, truncated, empty, no TIFF, PNG or JPEG, or ends
            within the window; or its values are complex.
    """
    rasterio = quiet_rasterio()
    try:
        # The driver is named, for GDAL would follow a text file that describes pixels kept
        # elsewhere.
        with rasterio.open(path, driver=driver_of(path)) as source:
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


@functools.cache
def quiet_rasterio() -> Any:
    """The module rasterio, told once that chips need no georeference.

    Once, and not around each read: ``warnings.catch_warnings`` is not safe in threads.
    """
    import rasterio
    import rasterio.errors

    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    return rasterio
