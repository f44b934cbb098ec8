"""Opens raster files: what is no image, or more than memory should hold, is refused before it is
decoded. Nothing else in the package opens one."""

import functools
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import byte_text
from crosswake.data.archives import gdal_path, on_disk, open_member
from crosswake.data.chips import UnreadableChipError

PNG_START = b"\x89PNG"
DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    PNG_START: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"\0\0\0\x0cjP  ": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
}
"""GDAL's name of each format that is read, by the first bytes of its files. TIFF and BigTIFF come
in either byte order, JPEG 2000 with a container and without."""
FORMATS = "TIFF, PNG, JPEG, BMP or JPEG 2000"
MOST_BANDS = 1024
"""Hyperspectral images have a few hundred; of 65,535 each would be opened by itself."""
LIMIT_VARIABLE = "CROSSWAKE_IMAGE_LIMIT"
DEFAULT_LIMIT = 1024
"""Megabytes of pixels that one file may make in memory; a Sentinel scene makes 700 to 900."""


@contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """The file as an open rasterio data set; its errors as :class:`UnreadableChipError`."""
    rasterio = quiet_rasterio()
    try:
        # The driver is named because GDAL would otherwise follow a text file that describes
        # pixels stored elsewhere.
        driver = driver_of(path)
        # One environment for opening and reading: rasterio would make one for each.
        with rasterio.Env.from_defaults(), rasterio.open(gdal_path(path), driver=driver) as source:
            if source.count > MOST_BANDS:
                reason = f"declares {source.count:,} bands, more than {MOST_BANDS:,}; leave it out"
                raise UnreadableChipError(path, reason)
            yield source
    except raster_errors() as error:
        detail = next(iter(str(error.__cause__ or error).splitlines()), type(error).__name__)
        detail = detail.removeprefix(f"{path}, ").rstrip(".")
        reason = f"truncated or damaged ({detail}); fetch it again or leave it out"
        raise UnreadableChipError(path, reason) from error
    except MemoryError as error:
        reason = f"does not fit into memory; set {LIMIT_VARIABLE} lower, or leave it out"
        raise UnreadableChipError(path, reason) from error


def driver_of(path: Path) -> str:
    """The GDAL driver for a file, by its first bytes.

    Raises:
        UnreadableChipError: the file is missing, empty, no plain file, a PNG without its end, or
            none of the formats read.
    """
    try:
        refuse_special(path)
        with open_member(path) as file:
            start = file.read(8)
            whole = not start.startswith(PNG_START) or reaches_png_end(file)
    except (FileNotFoundError, IsADirectoryError) as error:
        reason = "no such file; correct the path or the table that names it"
        raise UnreadableChipError(path, reason) from error
    except OSError as error:
        raise UnreadableChipError(path, f"cannot be opened ({error.strerror or error})") from error
    except ValueError as error:  # a zero byte, or bytes that are no UTF-8, which GDAL cannot take
        raise UnreadableChipError(path, "no name that can be opened; rename the file") from error
    if not start:
        raise UnreadableChipError(path, "the file is empty; fetch it again")
    driver = next((name for magic, name in DRIVERS.items() if start.startswith(magic)), None)
    if driver is None:
        raise UnreadableChipError(path, f"not a {FORMATS} image; fetch it again or leave it out")
    if not whole:  # GDAL fills the missing rows of a PNG with zeros and says nothing
        raise UnreadableChipError(
            path, "truncated or damaged (PNG without its end); fetch it again or leave it out"
        )
    return driver


def refuse_special(path: Path) -> None:
    """Raise unless a path leads to a plain file, or into an archive: to open a pipe is to wait for
    its writer.

    Raises:
        UnreadableChipError: it is a pipe, a device or a socket.
        OSError: there is nothing, or a folder.
        ValueError: the name cannot be one of a file, or not one that GDAL takes.
    """
    str(path).encode()
    mode = on_disk(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnreadableChipError(path, "a pipe, device or socket and no plain file; leave it out")


def reaches_png_end(file: IO[bytes]) -> bool:
    """Whether a PNG's chunks lead to its IEND (PNG specification, section 5.3)."""
    file.seek(8)
    while len(header := file.read(8)) == 8:
        if header[4:] == b"IEND":
            return True
        file.seek(int.from_bytes(header[:4], "big") + 4, os.SEEK_CUR)
    return False


def refuse_too_large(path: Path, source: Any, bands: int, box: Box | None) -> None:
    """Raise if reading would take more memory than the limit, by what the header declares.

    Raises:
        UnreadableChipError: the window, or a block that the file is stored in, is too large.
        CrosswakeError: the limit is no number.
    """
    size = (box.height, box.width) if box else (source.height, source.width)
    depth = 16 if "complex" in source.dtypes[0] else 8
    depth = min(depth, ITEM_SIZES.get(source.dtypes[0], depth))
    of_block = source.block_shapes[0][0] * source.block_shapes[0][1]
    needed = max(size[0] * size[1] * bands, of_block) * depth
    if needed > image_limit():
        declared = f"{source.height:,} x {source.width:,} pixels of {source.count:,} band(s)"
        reason = f"declares {declared}, {byte_text(needed)} to hold at once; leave it out, or set"
        raise UnreadableChipError(path, f"{reason} {LIMIT_VARIABLE} (megabytes) higher")


ITEM_SIZES = {"uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4} | {
    "float16": 2,
    "float32": 4,
    "complex64": 8,
    "complex_int16": 8,
}
"""Bytes of a value of each number type that takes fewer than 8, or 16 where complex."""


@functools.cache
def image_limit() -> int:
    """Bytes of pixels that one file may make in memory.

    Raises:
        CrosswakeError: the variable that sets it is no number above 0.
    """
    text = os.environ.get(LIMIT_VARIABLE, str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise CrosswakeError(
            f"{LIMIT_VARIABLE} is '{text}'; set it to a number of megabytes, or not at all"
        )
    return int(text) * 1_000_000


@functools.cache
def raster_errors() -> tuple[type[BaseException], ...]:
    """What a damaged file may raise: rasterio's own errors, GDAL's, the system's, and ValueError,
    as of names that are no text."""
    from rasterio._err import CPLE_BaseError

    return quiet_rasterio().errors.RasterioError, CPLE_BaseError, ValueError, OSError


@functools.cache
def quiet_rasterio() -> Any:
    """The module rasterio, which from here on does not warn that chips lack a georeference.

    Set once and not around each read, because ``warnings.catch_warnings`` is not safe in threads.
    """
    import rasterio
    import rasterio.errors

    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    before = sys.unraisablehook

    def hook(event: Any) -> None:
        # GDAL's messages quote damaged names, which rasterio's log cannot decode; the file is
        # refused all the same.
        if event.object != "rasterio._env.log_error":
            before(event)

    sys.unraisablehook = hook
    return rasterio
