"""What a chip is, and how one file becomes pixels."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.errors import CrosswakeError

Pixels = NDArray[Any]


class Modality(IntEnum):
    """The sensor a chip comes from; the values are those of the HOSS ReID labels."""

    OPTICAL = 0
    SAR = 1

    @property
    def label(self) -> str:
        """Lower-case name for tables and files: ``optical`` or ``sar``."""
        return self.name.lower()


DEFAULT_GROUND_SIZE = {Modality.OPTICAL: 0.75, Modality.SAR: 1.0}
"""Metres per pixel of HOSS ReID: Jilin-1 optical, TY-MINISAR radar (arXiv 2506.22027, section 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chip:
    """One cropped image of one ship, and what is known of it.

    Attributes:
        path: the image file.
        identity: which ship; equal strings mean the same ship.
        modality: optical or SAR.
        width_m: across the image, in metres; from the pixel count and the sensor's ground size if None.
        height_m: down the image, in metres; likewise.
        time: ISO 8601 moment of the sighting, or empty.
        lon: longitude in degrees, or None.
        lat: latitude in degrees, or None.
    """

    path: Path
    identity: str
    modality: Modality
    width_m: float | None = None
    height_m: float | None = None
    time: str = ""
    lon: float | None = None
    lat: float | None = None

    def ground_extent(self, height: int, width: int) -> tuple[float, float]:
        """Width and height in metres of an image of ``height`` x ``width`` pixels."""
        size = DEFAULT_GROUND_SIZE[self.modality]
        width_m = self.width_m if self.width_m is not None else width * size
        height_m = self.height_m if self.height_m is not None else height * size
        return width_m, height_m


class UnreadableChipError(CrosswakeError):
    """A file that cannot serve as a chip: missing, truncated, empty or of the wrong shape."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


def read_pixels(path: Path) -> Pixels:
    """Read a whole image as it is stored.

    Returns:
        (height, width) for one band, (height, width, 3) for three or more; the file's own number type.

    Raises:
        UnreadableChipError: the file is missing, truncated, empty, or has two bands.
    """
    import rasterio  # noqa: PLC0415
    from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415

    if not path.is_file():
        raise UnreadableChipError(path, "no such file; correct the path or the table that names it")
    if path.stat().st_size == 0:
        raise UnreadableChipError(path, "the file is empty; fetch it again")
    import warnings  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                bands = source.read()
    except (RasterioError, OSError) as error:
        detail = str(error.__cause__ or error).splitlines()[0]
        raise UnreadableChipError(
            path, f"cannot be decoded ({detail}); fetch it again or leave it out"
        ) from error
    if bands.shape[0] == 1:
        return np.asarray(bands[0])
    if bands.shape[0] >= 3:
        return np.ascontiguousarray(bands[:3].transpose(1, 2, 0))
    raise UnreadableChipError(path, f"has {bands.shape[0]} bands; one (SAR) or three (optical) are expected")
