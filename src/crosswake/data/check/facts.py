"""Looks at the pixels of one chip: what it is, and what is wrong with it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np

from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pixels import Pixels, read_bands

SMALLEST_CHIP = 8
"""Pixels along a side. In a smaller chip a ship is a dot, and each pixel is enlarged to more than a
patch of the model."""
Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
USUAL_TYPES = {Modality.OPTICAL: ("uint8",), Modality.SAR: ("uint8", "float32")}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChipFacts:
    """What one chip's pixels are.

    Attributes:
        height: rows.
        width: columns.
        bands: as stored, before any is left out.
        dtype: number type, as numpy names it.
        constant: every pixel has the same value.
        digest: equal for equal pixels of equal shape and type, whatever the file format.
    """

    height: int
    width: int
    bands: int
    dtype: str
    constant: bool
    digest: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to know of a data set.

    Attributes:
        level: ``error``, a bad file; ``warning``, doubtful; ``note``, which may well be meant.
        subject: the file, or the part of the data set.
        reason: what is the matter.
    """

    level: Level
    subject: str
    reason: str

    @classmethod
    def of_file(cls, path: Path, level: Level, reason: str) -> Self:
        """A finding about one file."""
        return cls(level=level, subject=str(path), reason=reason)


def look(chip: Chip) -> tuple[ChipFacts | None, list[Finding]]:
    """Read one chip and judge it by itself; no facts if it cannot be read."""
    try:
        bands = read_bands(chip.path)
    except UnreadableChipError as error:
        return None, [Finding.of_file(chip.path, "error", error.reason)]
    count, height, width = bands.shape
    facts = ChipFacts(
        height=height,
        width=width,
        bands=count,
        dtype=str(bands.dtype),
        constant=is_constant(bands),
        digest=digest_of(bands),
    )
    faults = [*band_faults(bands, chip.modality), *value_faults(bands, chip.modality)]
    return facts, [Finding.of_file(chip.path, level, reason) for level, reason in faults]


def digest_of(bands: Pixels) -> str:
    """A hash of shape, type and values."""
    digest = hashlib.blake2b(f"{bands.shape} {bands.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(bands).data)
    return digest.hexdigest()


def is_constant(bands: Pixels) -> bool:
    """Whether every pixel of (bands, height, width) has the value of the first."""
    return bool((bands == bands[:, :1, :1]).all())


def band_faults(bands: Pixels, modality: Modality) -> Iterator[tuple[Level, str]]:
    """What does not fit the sensor: the number of bands, the size, the number type."""
    count, height, width = bands.shape
    if modality is Modality.OPTICAL and count < 3:
        plural = "s" * (count > 1)
        yield "error", f"optical chip with {count} band{plural}, 3 expected; is it SAR?"
    elif modality is Modality.OPTICAL and count > 3:
        yield "note", f"{count} bands, of which the first 3 are used"
    elif modality is Modality.SAR and count > 1:
        if (bands == bands[:1]).all():  # grey saved as RGB is read as one band
            level: Level = "note" if count == 3 else "error"
            yield level, f"SAR chip with {count} equal bands, 1 expected"
        else:
            yield "error", f"SAR chip with {count} bands, 1 expected; is it optical?"
    if min(height, width) < SMALLEST_CHIP:
        yield "warning", f"very small chip ({height} x {width} pixels)"
    if str(bands.dtype) not in USUAL_TYPES[modality]:
        usual = " or ".join(USUAL_TYPES[modality])
        yield "note", f"{modality.label} chip of type {bands.dtype}, {usual} is usual"


def value_faults(bands: Pixels, modality: Modality) -> Iterator[tuple[Level, str]]:
    """The first reason why the pixels may carry no image."""
    finite = np.isfinite(bands)
    if not finite.all():
        share = 100 * (1 - finite.mean())
        yield "error", f"values that are not finite ({share:.2g} % of pixels)"
    elif not bands.any():
        yield "error", "all black"
    elif is_constant(bands):
        yield "error", "constant, every pixel has the same value"
    elif modality is Modality.SAR and bands.min() < 0:
        least = f"down to {bands.min():.4g}"
        yield "warning", f"negative SAR values ({least}); amplitude is expected, not decibels"
