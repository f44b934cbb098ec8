"""What a chip is."""

from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path
from typing import Literal

from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError


class Modality(IntEnum):
    """The sensor a chip comes from; the values are those of the HOSS ReID labels."""

    OPTICAL = 0
    SAR = 1

    @property
    def label(self) -> str:
        """Lower-case name for tables and files: ``optical`` or ``sar``."""
        return self.name.lower()


DEFAULT_GROUND_SIZE = {Modality.OPTICAL: 0.75, Modality.SAR: 1.0}
"""Metres per pixel of HOSS ReID: Jilin-1 optical, TY-MINISAR radar (arXiv 2506.22027, section
3)."""


SarBand = int | Literal["vv", "vh", "hh", "hv", "mean", "iq"]
"""Which band of a SAR file with several: a polarisation, a number from 1, the mean of all
amplitudes, or the amplitude of real and imaginary parts that the file does not name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What is known of a file's SAR bands beside the file.

    Attributes:
        sar_band: the one that is used; None for VV, else HH, else the first.
        bands: names of the bands where the file gives none: ``vv``, ``vh_i``, ``vh_q``.
        of_model: whether ``sar_band`` is only what the model learnt from; a file without it is then
            read as if nothing were wanted.
    """

    sar_band: SarBand | None = None
    bands: tuple[str, ...] = ()
    of_model: bool = False


AS_THE_FILE_SAYS = Reading()


@dataclass(frozen=True, kw_only=True, slots=True)
class Chip:
    """One cropped image of one ship, and what is known of it.

    Attributes:
        path: the image file.
        identity: which ship; equal strings mean the same ship. Empty where it is not known.
        modality: optical or SAR.
        width_m: across the image, in metres; if None, from the file's georeference, else from the
            pixel count and the sensor's ground size.
        height_m: down the image, in metres; likewise.
        time: ISO 8601 moment of the sighting, or empty.
        lon: longitude of the centre in degrees; if None, from the file's georeference.
        lat: latitude, likewise.
        box: the window of the file that is the chip; None for the whole.
        scene: the larger picture it was cut from, where results are broken down by it.
        terrain: land cover, likewise.
        reading: how the file's bands are read.
        ship_type: what kind of ship it is said to be, or empty.
        ship_length_m: of the ship, in metres, where known; so is ``ship_width_m``.
        ship_width_m: of the ship.
    """

    path: Path
    identity: str = ""
    modality: Modality
    width_m: float | None = None
    height_m: float | None = None
    time: str = ""
    lon: float | None = None
    lat: float | None = None
    box: Box | None = None
    scene: str = ""
    terrain: str = ""
    reading: Reading = AS_THE_FILE_SAYS
    ship_type: str = ""
    ship_length_m: float | None = None
    ship_width_m: float | None = None

    def __repr__(self) -> str:
        """What is known, and nothing of what is not."""
        known = ((one.name, getattr(self, one.name), one.default) for one in fields(self))
        said = [f"{name}={short_repr(value)}" for name, value, unknown in known if value != unknown]
        return f"Chip({', '.join(said)})"

    def ground_extent(self, height: int, width: int) -> tuple[float, float]:
        """Width and height in metres of an image of ``height`` x ``width`` pixels."""
        size = DEFAULT_GROUND_SIZE[self.modality]
        width_m = self.width_m if self.width_m is not None else width * size
        height_m = self.height_m if self.height_m is not None else height * size
        return width_m, height_m


def short_repr(value: object) -> str:
    """A field of a chip in its repr."""
    if isinstance(value, Modality):
        return f"Modality.{value.name}"
    return repr(str(value)) if isinstance(value, Path) else repr(value)


class UnreadableChipError(CrosswakeError):
    """A file that cannot serve as a chip: missing, truncated, empty or of the wrong shape."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason
