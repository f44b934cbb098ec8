"""Submissions to the contest: checked, read, and written; whole and right, or not at all."""

import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.buildings.results import Instance, TileResult, coco_masks, run_length
from crosswake.buildings.submission_archive import (
    HEIGHTS,
    MOST_JSON,
    RESULTS,
    content_of,
    open_submission,
)
from crosswake.buildings.submission_entries import CONTEST_SIZE, TOO_MANY, Entries, read_entries
from crosswake.buildings.submission_heights import (
    INTEGER,
    MISSING,
    NEGATIVE,
    NO_NUMBER,
    Heights,
    read_heights,
)
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin
from crosswake.core.text import counted
from crosswake.data.check.facts import Finding
from crosswake.data.check.findings import summary_lines
from crosswake.data.chips import UnreadableChipError
from crosswake.data.pixels import image_size, write_raster
from crosswake.data.tiles import TRACK_CLASSES, Tile

SCORED = (TOO_MANY, MISSING, NEGATIVE, NO_NUMBER, INTEGER)
"""Faults that cost points, but with which a submission can be scored."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of all files in an archive, so that equal results are equal bytes."""


@dataclass(frozen=True, kw_only=True)
class SubmissionCheck:
    """What a submission holds, and what is wrong with it.

    Attributes:
        path: the archive.
        track: 1 or 2.
        buildings: entries of its list.
        heights: height maps that could be read.
        findings: errors and warnings, in the order of the files.
        compared: whether the tiles were known that it is for.
        results: one for each tile; with heights if they were asked for.
    """

    path: Path
    track: int
    buildings: int
    heights: int
    findings: tuple[Finding, ...]
    compared: bool
    results: tuple[TileResult, ...]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What breaks the official scorer, fools it, or costs points for nothing."""
        return tuple(one for one in self.findings if one.level == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is doubtful."""
        return tuple(one for one in self.findings if one.level == "warning")

    def lines(self) -> list[str]:
        """For people: what it holds, and a line for each kind of fault with its first case."""
        held = counted(self.buildings, "building")
        if self.track == 2:
            held += f", {counted(self.heights, 'height map')}"
        lines = [f"{self.path}: track {self.track}, {held}"]
        if not self.compared:
            lines.append(
                "note: image ids and missing tiles were not looked for; name the tiles to do so"
            )
        lines += [f"fault: {line}" for line in summary_lines(self.faults)]
        lines += [f"doubt: {line}" for line in summary_lines(self.warnings)]
        return lines if self.findings else [*lines, "no fault found"]


def track_of_submission(path: Path, track: int | None = None) -> int:
    """The track of a submission by its file of buildings.

    Args:
        path: the zip archive.
        track: the one that it must be of; None for any.

    Raises:
        CrosswakeError: as :func:`check_submission`; or it is of another track.
    """
    with open_submission(path, track) as files:
        return files.track


def check_submission(
    path: Path,
    track: int | None = None,
    tiles: Sequence[Tile] | None = None,
    quiet: bool = True,
) -> SubmissionCheck:
    """Name all that breaks or fools the official scorer.

    Args:
        path: the zip archive.
        track: 1 or 2; None for the one whose file of buildings is in it.
        tiles: those that it is for, with image ids; None if they are not at hand, then image ids
            and missing tiles are not judged.
        quiet: show no progress.

    Raises:
        CrosswakeError: it cannot be read at all.
    """
    known = None if tiles is None else expected_tiles(tiles)
    return examine(path, track, known, keep=False, quiet=quiet)


def read_submission(
    path: Path, known: Sequence[TileResult], track: int | None = None, quiet: bool = True
) -> SubmissionCheck:
    """Read a submission for scoring.

    Args:
        path: the zip archive.
        known: the tiles that it is for; their instances and heights do not matter.
        track: 1 or 2; None for the one whose file of buildings is in it.
        quiet: show no progress.

    Raises:
        CrosswakeError: it cannot be read, or has a fault at which the official scorer breaks.
    """
    found = examine(path, track, known, keep=True, quiet=quiet)
    breaking = [one for one in found.faults if one.kind not in SCORED]
    if breaking:
        first, more = summary_lines(breaking)[0], len({one.kind for one in breaking}) - 1
        rest = f"; and {counted(more, 'fault')} of other kinds" if more else ""
        raise CrosswakeError(
            f"{path}: cannot be scored: {first}{rest} (crosswake buildings check {path})"
        )
    return found


def examine(
    path: Path, track: int | None, known: Sequence[TileResult] | None, keep: bool, quiet: bool
) -> SubmissionCheck:
    """Read and judge everything; see :func:`check_submission`."""
    tiles = None if known is None else {one.image_id: one for one in known}
    with open_submission(path, track) as files:
        content = content_of(path, files.results, MOST_JSON)
        name, classes = str(files.results.path), len(TRACK_CLASSES[files.track])
        entries = read_entries(content, classes, tiles, path, name)
        heights = Heights()
        if files.track == 2:
            heights = read_heights(path, files.heights, tiles, keep, quiet)
    results = joined_results(entries, heights, known) if keep else ()
    return SubmissionCheck(
        path=path,
        track=files.track,
        buildings=entries.total,
        heights=heights.read,
        findings=(*files.findings, *entries.findings, *heights.findings),
        compared=known is not None,
        results=results,
    )


def joined_results(
    entries: Entries, heights: Heights, known: Sequence[TileResult] | None
) -> tuple[TileResult, ...]:
    """Buildings and heights of each tile."""
    return tuple(
        TileResult(
            image_id=one.image_id,
            size=one.size,
            instances=tuple(entries.instances.get(one.image_id, ())),
            height=heights.maps.get(one.stem),
            stem=one.stem,
            city=one.city,
        )
        for one in known or ()
    )


def expected_tiles(tiles: Sequence[Tile]) -> list[TileResult]:
    """The tiles as a submission must have them: image id, name and size.

    Raises:
        CrosswakeError: none has an image id.
    """
    found = [
        TileResult(image_id=one.image_id, size=tile_size(one), stem=one.stem, city=one.city)
        for one in tiles
        if one.image_id is not None
    ]
    if not found:
        raise CrosswakeError("none of the tiles has an image id; their image-id file is missing")
    return found


def tile_size(tile: Tile) -> tuple[int, int]:
    """Rows and columns as the references say or the header of a file; else the contest's."""
    if tile.shape is not None:
        return tile.shape
    for path in filter(None, (tile.rgb, tile.sar, tile.height)):
        try:
            return image_size(path)
        except UnreadableChipError:
            continue
    return CONTEST_SIZE


def write_submission(
    path: Path, track: int, results: Sequence[TileResult], origin: Origin | None = None
) -> SubmissionCheck:
    """Write a submission that the contest takes: it is checked before it gets its name.

    Args:
        path: the zip archive; an older one is replaced.
        track: 1 or 2.
        results: one for each tile; of track 2 with stem and height.
        origin: what it was made from; the archive's comment says it.

    Returns:
        the check, in which there are only warnings.

    Raises:
        CrosswakeError: it cannot be written, or would have a fault.
    """
    entries = [entry_of(i, one) for one in results for i in one.instances]
    with replacing(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            if origin is not None:
                archive.comment = json.dumps({ORIGIN_KEY: origin}, sort_keys=True).encode()
            add(archive, RESULTS[track], json.dumps(entries).encode())
            for one in results if track == 2 else ():
                if one.height is not None:
                    add(archive, f"{HEIGHTS}/{one.stem}.tif", height_bytes(one))
        known = [replace(one, instances=(), height=None) for one in results]
        try:
            found = examine(temporary, track, known, keep=False, quiet=True)
        except CrosswakeError as error:  # a tile whose name no archive may hold
            why = str(error).removeprefix(f"{temporary}: ")
            raise CrosswakeError(f"{path}: not written, {why}; rename the tile") from error
        if found.faults:
            lines = summary_lines(found.faults)
            raise CrosswakeError(f"{path}: not written, it would have a fault: {lines[0]}")
    return found


def entry_of(instance: Instance, tile: TileResult) -> dict[str, Any]:
    """A building as the contest's list has it."""
    shape = run_length(instance, tile.size)
    box = instance.box or coco_masks().toBbox(shape).tolist()
    return {
        "image_id": tile.image_id,
        "bbox": [float(value) for value in box],
        "score": round(float(instance.score), 6),
        "category_id": instance.category,
        "segmentation": {"size": list(tile.size), "counts": instance.counts.decode("ascii")},
    }


def height_bytes(tile: TileResult) -> bytes:
    """A height map as a float32 GeoTIFF of one band, without a place: the contest's have none."""
    assert tile.height is not None
    with tempfile.TemporaryDirectory(prefix="crosswake-") as folder:
        file = Path(folder) / "height.tif"
        write_raster(file, np.asarray(tile.height, np.float32)[None], compress="deflate")
        return file.read_bytes()


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """One file of an archive; always the same bytes."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    with archive.open(info, "w") as sink:
        sink.write(content)
