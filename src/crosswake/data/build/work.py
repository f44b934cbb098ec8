"""Makes the pairs of one job: reads, judges, compares and writes them."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crosswake.core.boxes import Box, grow, hull
from crosswake.core.files import replacing
from crosswake.data.build.plan import BUILT_FROM, BuildJob
from crosswake.data.check.facts import digest_of, is_constant
from crosswake.data.check.registration import find_offset
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.pixels import Pixels, holds_pixels, pair_size, read_pair_bands, write_raster
from crosswake.data.radiometry import scaled
from crosswake.data.sources.optisar import OPTISAR_FOLDER

IDS_PER_FOLDER = 10_000
"""Pairs in one folder at most; file managers and network disks get slow beyond."""
BLACK_SHARE = 0.5
"""A pair with more black optical pixels, or more float SAR pixels of 0, is mostly padding, and is
left out."""
SURROUNDINGS = 256
"""Pixels. A smaller crop shows too few edges to measure its offset, so the offset is measured in a
window of this side around it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltItem:
    """What became of one planned pair.

    Attributes:
        id: the pair id.
        reason: why it was left out; empty if it was written.
        rgb: the optical file, from the output folder; so is ``sar``. Empty if left out.
        sar: the SAR file.
        rgb_bytes: size of the optical file, so that a cut one is noticed; so is ``sar_bytes``.
        sar_bytes: size of the SAR file.
        hash: equal for equal pixels of both images.
        optical_hash: equal for equal optical pixels.
        height: rows.
        width: columns.
        offset_rows: by :func:`find_offset`, as are the next two.
        offset_columns: see there.
        confidence: see there.
    """

    id: int
    reason: str = ""
    rgb: str = ""
    sar: str = ""
    rgb_bytes: int = 0
    sar_bytes: int = 0
    hash: str = ""
    optical_hash: str = ""
    height: int = 0
    width: int = 0
    offset_rows: int = 0
    offset_columns: int = 0
    confidence: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """What became of one job: its items, or the file that could not be used and why."""

    job: int
    items: tuple[BuiltItem, ...] = ()
    bad_path: str = ""
    bad_reason: str = ""


def do_job(out: Path, number: int, job: BuildJob) -> JobOutcome:
    """Make all pairs of one job; files that hold their pixels already are not written again.

    Raises:
        CrosswakeError: the output cannot be written.
    """
    try:
        size = pair_size(job.pair)
        boxes = [box or Box(0, 0, *size) for box in job.boxes]
        surroundings = [grow(box, size, SURROUNDINGS) for box in boxes]
        around = hull(surroundings)
        optical, radar = read_pair_bands(job.pair, around)
        optical, radar = scaled(optical, Modality.OPTICAL), sar_as_written(job, radar)
    except UnreadableChipError as error:
        return JobOutcome(job=number, bad_path=str(error.path), bad_reason=error.reason)
    items = []
    for place, (box, wider) in enumerate(zip(boxes, surroundings, strict=True)):
        here, there = box.within(around), wider.within(around)
        item = make_item(out, job, job.first_id + place, here.of(optical), here.of(radar[None]))
        if not item.reason:
            offset = find_offset(there.of(optical).transpose(1, 2, 0), there.of(radar))
            item = replace(
                item,
                offset_rows=offset.rows,
                offset_columns=offset.columns,
                confidence=offset.confidence,
            )
        items.append(item)
    return JobOutcome(job=number, items=tuple(items))


def sar_as_written(job: BuildJob, radar: Pixels) -> Pixels:
    """The SAR pixels in the type they are written in: 8 bit as it is, everything else as
    float32."""
    as_it_is = radar.dtype == np.uint8 and job.pair.source != "dfc23"
    return radar if as_it_is else radar.astype(np.float32)


def make_item(out: Path, job: BuildJob, number: int, optical: Pixels, radar: Pixels) -> BuiltItem:
    """Judge and write one pair, (3, height, width) and (1, height, width)."""
    if reason := reason_to_leave_out(optical, radar):
        return BuiltItem(id=number, reason=reason)
    digests = [digest_of(bands) for bands in (optical, radar)]
    stem = image_stem(job, number)
    rgb = f"{stem}_RGB.{'tif' if job.pair.source == 'dfc23' else 'png'}"
    sar = f"{stem}_SAR.{'png' if radar.dtype == np.uint8 else 'tif'}"
    return BuiltItem(
        id=number,
        rgb=rgb,
        sar=sar,
        rgb_bytes=write_image(out / rgb, optical),
        sar_bytes=write_image(out / sar, radar),
        hash=hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest(),
        optical_hash=digests[0],
        height=radar.shape[1],
        width=radar.shape[2],
    )


def image_stem(job: BuildJob, number: int) -> str:
    """Where the images of a pair go, from the output folder, as far as both names are equal."""
    source = job.pair.source
    folder = f"{OPTISAR_FOLDER}/{source}_{number // IDS_PER_FOLDER:03d}"
    return f"{folder}/{BUILT_FROM[source].tag}_{number}"


def reason_to_leave_out(optical: Pixels, radar: Pixels) -> str:
    """Why a pair is of no use; empty if it is of use."""
    if not np.isfinite(radar).all():
        return "SAR has values that are not finite"
    if (optical == 0).all(axis=0).mean() > BLACK_SHARE:
        return "optical is mostly black"
    # In 8 bit calm water is 0 too, so zeros do not tell padding there.
    if radar.dtype != np.uint8 and (radar == 0).mean() > BLACK_SHARE:
        return "SAR is mostly empty (0)"
    for name, bands in (("optical", optical), ("SAR", radar)):
        if is_constant(bands):
            return f"{name} is of one value throughout"
    return ""


def write_image(path: Path, bands: Pixels) -> int:
    """Write (bands, height, width) as PNG or TIFF by the name's ending; returns the bytes it takes.

    Raises:
        CrosswakeError: it cannot be written.
    """
    if not holds_pixels(path, bands):
        with replacing(path, remedy="is the disk full?") as part:
            if path.suffix == ".png":
                # Level 4 gives the size of level 6, GDAL's own, in three quarters of its time.
                write_raster(part, bands, "PNG", zlevel=4)
            else:
                write_raster(part, bands)
    return path.stat().st_size
