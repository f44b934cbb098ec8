"""Looks at the pixels of one chip: what it is, and what is wrong with it.

``data check`` looks at what :func:`crosswake.data.pixels.read_chip` gives, and so do the commands
that work on chips, at the pixels that they decode anyway. So all say the same."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np

from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pixels import Pixels, read_chip
from crosswake.data.units import SIGNED

SMALLEST_CHIP = 8
"""Pixels along a side. In a smaller chip a ship is a dot, and each pixel is enlarged to more than a
patch of the model."""
NEARLY_NOTHING = 0.9
"""A chip of which more than this share is no data shows no ship."""
Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
USUAL_TYPES = {Modality.OPTICAL: ("uint8",), Modality.SAR: ("uint8", "float32")}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChipFacts:
    """What one chip's pixels are.

    Attributes:
        height: rows.
        width: columns.
        grey: one band, or several that are equal.
        constant: every pixel has the same value.
        digest: equal for equal pixels of equal shape and type, whatever the file format.
        faults: what is the matter with it, each with its level.
    """

    height: int
    width: int
    grey: bool
    constant: bool
    digest: str
    faults: tuple[tuple[Level, str], ...]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to know of a data set.

    Attributes:
        level: ``error``, a bad file; ``warning``, doubtful; ``note``, which may well be meant.
        subject: the file, or the part of the data set.
        reason: what is the matter.
        kind: the same for findings that differ only in names and numbers.
    """

    level: Level
    subject: str
    reason: str
    kind: str = ""

    @classmethod
    def of_file(cls, path: Path, level: Level, reason: str, kind: str = "") -> Self:
        """A finding about one file; what stands in brackets or after a semicolon does not make a
        kind."""
        kind = kind or reason.split(" (", maxsplit=1)[0].split("; ", maxsplit=1)[0]
        return cls(level=level, subject=str(path), reason=reason, kind=kind)


def look(chip: Chip) -> tuple[ChipFacts | None, list[Finding]]:
    """Read one chip and judge it by itself; no facts if it cannot be read."""
    try:
        pixels, _ = read_chip(chip)
    except UnreadableChipError as error:
        return None, [Finding.of_file(chip.path, "error", error.reason)]
    facts = facts_of(chip, pixels)
    return facts, list(chip_findings(chip, facts))


def facts_of(chip: Chip, pixels: Pixels) -> ChipFacts:
    """What a chip's pixels are, (height, width) or (height, width, 3)."""
    bands = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return ChipFacts(
        height=bands.shape[1],
        width=bands.shape[2],
        grey=bool((bands == bands[:1]).all()),
        constant=is_constant(bands),
        digest=digest_of(bands),
        faults=(*band_faults(pixels, chip.modality), *value_faults(pixels, chip.modality)),
    )


def chip_findings(chip: Chip, facts: ChipFacts) -> Iterator[Finding]:
    """What is the matter with one chip by itself."""
    return (Finding.of_file(chip.path, level, reason) for level, reason in facts.faults)


def digest_of(bands: Pixels) -> str:
    """A hash of shape, type and values."""
    digest = hashlib.blake2b(f"{bands.shape} {bands.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(bands).data)
    return digest.hexdigest()


def is_constant(bands: Pixels) -> bool:
    """Whether every pixel of (bands, height, width) has the value of the first."""
    return bool((bands == bands[:, :1, :1]).all())


def band_faults(pixels: Pixels, modality: Modality) -> Iterator[tuple[Level, str]]:
    """What does not fit the sensor: the number of bands, the size, the number type."""
    height, width = pixels.shape[:2]
    if modality is Modality.OPTICAL and pixels.ndim == 2:
        yield "error", "optical chip with 1 band, 3 expected; is it SAR?"
    if min(height, width) < SMALLEST_CHIP:
        yield "warning", f"very small chip ({height} x {width} pixels)"
    if str(pixels.dtype) not in USUAL_TYPES[modality]:
        usual = " or ".join(USUAL_TYPES[modality])
        yield "note", f"{modality.label} chip of type {pixels.dtype}, {usual} is usual"


def value_faults(pixels: Pixels, modality: Modality) -> Iterator[tuple[Level, str]]:
    """The first reason why the pixels may carry no image."""
    known = pixels
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        infinite, unknown = np.isinf(pixels).any(), float(np.isnan(pixels).mean())
        share = 100 * (1 - float(np.isfinite(pixels).mean()))
        level: Level = "error" if infinite or unknown > NEARLY_NOTHING else "note"
        what = "some infinite" if infinite else "taken as no data"
        yield level, f"values that are not finite ({share:.2g} % of pixels), {what}"
        if level == "error":
            return
        known = pixels[~np.isnan(pixels)]
    if not known.any():
        yield "error", "all black"
    elif known.min() == known.max():
        yield "error", "constant, every pixel has the same value"
    elif modality is Modality.SAR and 0 < (known < 0).mean() < SIGNED:
        # with more, they are decibels, which reading has turned into amplitudes or left on purpose
        least = f"down to {known.min():.4g}"
        yield "warning", f"negative SAR values ({least}); amplitude is expected, not decibels"
