"""The height maps of a submission: each read and judged."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.faults import error_of, tile_name, warning_of
from crosswake.buildings.results import TileResult
from crosswake.buildings.submission_archive import (
    HEIGHTS,
    MOST_RASTER,
    PUBLISHED_NAME,
    content_of,
)
from crosswake.buildings.submission_entries import CONTEST_SIZE
from crosswake.core.boxes import Size
from crosswake.core.progress import track
from crosswake.data.check.facts import Finding
from crosswake.data.chips import UnreadableChipError
from crosswake.data.download.archive import Member
from crosswake.data.pixels import read_bands

NEARLY_GROUND = 0.5
"""Metres; what is lower and not 0 is ground that the scorer takes for a wrong height."""
MUCH = 0.01
"""Share of pixels from which on that is said."""
MISSING = "without height map"
NO_NUMBER = "heights that are not finite"
NEGATIVE = "negative heights"
INTEGER = "whole numbers"
NOT_GROUND = "ground that is not exactly 0"


@dataclass
class Heights:
    """The height maps of a submission.

    Attributes:
        maps: (rows, columns) metres by stem, float32; those that could be read, if asked for.
        read: how many could be read.
        findings: what is wrong.
    """

    maps: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    read: int = 0
    findings: list[Finding] = field(default_factory=list)


def read_heights(
    archive: Path,
    members: Mapping[str, Member],
    known: Mapping[int, TileResult] | None,
    keep: bool,
    quiet: bool,
) -> Heights:
    """Read and judge the height maps.

    Args:
        archive: the submission, for complaints.
        members: its height maps by stem.
        known: the tiles by image id; None if nobody knows.
        keep: whether the heights are wanted, and not only what is wrong with them.
        quiet: show no progress.

    Raises:
        CrosswakeError: a map that would unpack to more than any has.
    """
    heights = Heights()
    tiles = {one.stem: one for one in (known or {}).values()}
    with tempfile.TemporaryDirectory(prefix="crosswake-") as folder:
        place = Path(folder) / "height.tif"
        for stem, member in track(members.items(), len(members), "heights", "tiles", quiet):
            if known is None and not PUBLISHED_NAME.match(stem):
                reason = "no name of the contest's, such as P_0001.tif"
                heights.findings.append(error_of(f"{HEIGHTS}/{stem}.tif", reason))
            if known is not None and stem not in tiles:
                reason = "a name that no tile has; name it as the tile"
                heights.findings.append(error_of(f"{HEIGHTS}/{stem}.tif", reason))
                continue
            place.write_bytes(content_of(archive, member, MOST_RASTER))
            size = tiles[stem].size if stem in tiles else CONTEST_SIZE
            take_map(heights, stem, place, size, keep)
    for image, tile in sorted((known or {}).items()):
        if tile.stem not in members:
            reason = f"{MISSING}; the published scorer does not punish that, ours does"
            heights.findings.append(error_of(tile_name(image, known), reason))
    return heights


def take_map(heights: Heights, stem: str, file: Path, size: Size, keep: bool) -> None:
    """Read and judge one map."""
    subject = f"{HEIGHTS}/{stem}.tif"
    try:
        bands = read_bands(file)
    except UnreadableChipError as error:
        heights.findings.append(error_of(subject, error.reason, "a height map that is damaged"))
        return
    heights.findings += map_findings(subject, bands, size)
    if bands.shape == (1, *size):
        heights.read += 1
        if keep:
            heights.maps[stem] = bands[0].astype(np.float32)


def map_findings(subject: str, bands: NDArray[Any], size: Size) -> Iterator[Finding]:
    """What is wrong with one map, (bands, rows, columns)."""
    if len(bands) != 1:
        yield error_of(subject, f"not one band ({len(bands)})")
    if bands.shape[1:] != tuple(size):
        given, expected = (" x ".join(map(str, one)) for one in (bands.shape[1:], size))
        yield error_of(subject, f"another size than the tile ({given}, not {expected})")
    if bands.dtype.kind != "f":
        yield error_of(subject, f"{INTEGER} ({bands.dtype}); write metres as float32")
    elif bands.dtype != np.float32:
        yield warning_of(subject, f"not float32 ({bands.dtype})")
    yield from value_findings(subject, bands.astype(np.float64))


def value_findings(subject: str, metres: NDArray[np.float64]) -> Iterator[Finding]:
    """What is wrong with the values of one map."""
    unknown = 1 - float(np.isfinite(metres).mean())
    if unknown:
        yield error_of(subject, f"{NO_NUMBER} ({share(unknown)}); they count as wrong")
    below = float((metres < 0).mean())
    if below:
        yield error_of(subject, f"{NEGATIVE} ({share(below)}); they count as wrong, write 0")
    nearly = float(((metres > 0) & (metres < NEARLY_GROUND)).mean())
    if nearly > MUCH:
        what = f"{share(nearly)} above 0 and below {NEARLY_GROUND} m"
        yield warning_of(subject, f"{NOT_GROUND} ({what}); only 0 itself counts as ground")


def share(part: float) -> str:
    """``12 % of pixels``."""
    return f"{100 * part:.2g} % of pixels"
