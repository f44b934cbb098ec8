"""Looks at the pixels of one chip: what it is, and what is wrong with it."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pixels import Pixels, read_bands

SMALLEST_SIDE = 8
"""Pixels; below that a ship is a dot, and a 16-pixel patch of the model is made of enlargement
alone."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """What is the matter with one chip; ``error`` means that it must not be used as it is."""

    level: Literal["error", "warning", "note"]
    reason: str


def look(chip: Chip) -> tuple[ChipFacts | None, list[Remark]]:
    """Read one chip; no facts if it is unreadable."""
    try:
        bands = read_bands(chip.path)
    except UnreadableChipError as error:
        return None, [Remark(level="error", reason=error.reason)]
    count, height, width = bands.shape
    facts = ChipFacts(
        height=height,
        width=width,
        bands=count,
        dtype=str(bands.dtype),
        constant=bool((bands == bands[:, :1, :1]).all()),
        digest=digest_of(bands),
    )
    shape = check_bands(bands, chip.modality)
    return facts, [*shape, *check_type(bands, chip.modality), *check_values(bands, chip.modality)]


def digest_of(bands: Pixels) -> str:
    """A hash of shape, type and values."""
    digest = hashlib.blake2b(f"{bands.shape} {bands.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(bands).data)
    return digest.hexdigest()


def check_bands(bands: Pixels, modality: Modality) -> list[Remark]:
    """Whether the number of bands fits the sensor, and the size is enough."""
    count, height, width = bands.shape
    remarks = []
    if modality is Modality.OPTICAL:
        if count < 3:
            reason = f"optical chip with {count} band{'s' * (count > 1)}, 3 expected; is it SAR?"
            remarks.append(Remark(level="error", reason=reason))
        elif count > 3:
            remarks.append(
                Remark(level="note", reason=f"{count} bands, of which the first 3 are used")
            )
    elif count != 1:
        grey = bool((bands == bands[:1]).all())
        reason = (
            f"SAR chip with {count} equal bands, 1 expected"
            if grey
            else f"SAR chip with {count} bands"
        )
        level: Literal["error", "note"] = "note" if grey and count == 3 else "error"
        remarks.append(
            Remark(level=level, reason=reason if grey else f"{reason}, 1 expected; is it optical?")
        )
    if min(height, width) < SMALLEST_SIDE:
        reason = f"very small chip ({height} x {width} pixels)"
        remarks.append(Remark(level="warning", reason=reason))
    return remarks


def check_type(bands: Pixels, modality: Modality) -> list[Remark]:
    """Whether the number type is one the sensor's chips have."""
    if str(bands.dtype) in USUAL_TYPES[modality]:
        return []
    usual = " or ".join(USUAL_TYPES[modality])
    return [
        Remark(
            level="note", reason=f"{modality.label} chip of type {bands.dtype}, {usual} is usual"
        )
    ]


def check_values(bands: Pixels, modality: Modality) -> list[Remark]:
    """Whether the pixels carry an image."""
    finite = np.isfinite(bands)
    if not finite.all():
        share = 100 * (1 - finite.mean())
        return [
            Remark(level="error", reason=f"values that are not finite ({share:.2g} % of pixels)")
        ]
    if not bands.any():
        return [Remark(level="error", reason="all black")]
    if (bands == bands[:, :1, :1]).all():
        return [Remark(level="error", reason="constant, every pixel has the same value")]
    if modality is Modality.SAR and bands.min() < 0:
        reason = (
            f"negative SAR values (down to {bands.min():.4g}); amplitude is expected, not decibels"
        )
        return [Remark(level="warning", reason=reason)]
    return []
