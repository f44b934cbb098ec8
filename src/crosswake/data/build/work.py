"""Makes the pairs of one job: reads, judges, compares and writes them."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crosswake.data.pixels import Pixels, quiet_rasterio, read_bands
from crosswake.data.chips import UnreadableChipError
from crosswake.data.check.facts import digest_of
from crosswake.data.pair_windows import grow, hull
from crosswake.data.sources.optisar import FOLDER
from crosswake.data.pair_pixels import optical_bands, sar_band, size_of
from crosswake.data.build.plan import Job
from crosswake.data.check.registration import find_offset
from crosswake.core.errors import CrosswakeError
from crosswake.core.boxes import Box

TAGS = {"dfc23": "DFC", "sen12": "SEN", "scenes": "SCN"}
IDS_PER_FOLDER = 10_000
"""So that no folder grows beyond what file managers and network disks bear."""
BLACK_SHARE = 0.5
"""A pair is left out when more of the optical pixels are black, or more of the float SAR pixels 0:
padding."""


SURROUNDINGS = 256
"""Pixels; the offset of a smaller crop is measured in a window of this side about it, for lack of
edges inside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """What became of one planned pair.

    Attributes:
        id: the pair id.
        reason: why it was left out; empty if it was written.
        rgb: the optical file, from the output folder; so is ``sar``. Empty if left out.
        sar: the SAR file.
        hash: equal for equal pixels of both halves.
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
    hash: str = ""
    optical_hash: str = ""
    height: int = 0
    width: int = 0
    offset_rows: int = 0
    offset_columns: int = 0
    confidence: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one job: its items, or the file that spoilt it and why."""

    job: int
    items: tuple[Item, ...] = ()
    bad_path: str = ""
    bad_reason: str = ""


def do_job(out: Path, number: int, job: Job) -> Outcome:
    """Make all pairs of one job; files that are there already are not written again.

    Raises:
        CrosswakeError: the output cannot be written.
    """
    pair = job.pair
    try:
        size = size_of(pair)
        boxes = [box or Box(0, 0, *size) for box in job.boxes]
        surroundings = [grow(box, size, SURROUNDINGS) for box in boxes]
        around = hull(surroundings)
        optical = optical_bands(pair.optical, read_bands(pair.optical, around))
        radar = check_types(job, optical, sar_band(pair.sar, read_bands(pair.sar, around)))
    except UnreadableChipError as error:
        return Outcome(job=number, bad_path=str(error.path), bad_reason=error.reason)
    items = []
    for place, (box, wider) in enumerate(zip(boxes, surroundings, strict=True)):
        here, there = box.within(around), wider.within(around)
        item = make_item(out, job, job.first_id + place, here.of(optical), here.of(radar[None]))
        if not item.reason:
            offset = find_offset(there.of(optical).transpose(1, 2, 0), there.of(radar))
            item = replace(item, offset_rows=offset.rows, offset_columns=offset.columns, confidence=offset.confidence)
        items.append(item)
    return Outcome(job=number, items=tuple(items))


def check_types(job: Job, optical: Pixels, radar: Pixels) -> Pixels:
    """The radar pixels in the type they are written in: 8 bit as it is, all else float32.

    Raises:
        UnreadableChipError: the types are not what the layout can hold.
    """
    if optical.dtype != np.uint8:
        reason = f"optical image of type {optical.dtype}; the layout holds 8 bit, convert it first"
        raise UnreadableChipError(job.pair.optical, reason)
    if job.pair.source == "sen12" and radar.dtype != np.uint8:
        raise UnreadableChipError(job.pair.sar, f"SAR image of type {radar.dtype}; SEN1-2 is 8 bit")
    return radar if radar.dtype == np.uint8 and job.pair.source != "dfc23" else radar.astype(np.float32)


def make_item(out: Path, job: Job, number: int, optical: Pixels, radar: Pixels) -> Item:
    """Judge and write one pair, (3, height, width) and (1, height, width)."""
    if reason := unfit(optical, radar):
        return Item(id=number, reason=reason)
    digests = [digest_of(bands) for bands in (optical, radar)]
    source = job.pair.source
    stem = f"{FOLDER}/{source}_{number // IDS_PER_FOLDER:03d}/{TAGS[source]}_{number}"
    rgb = f"{stem}_RGB.{'tif' if source == 'dfc23' else 'png'}"
    sar = f"{stem}_SAR.{'png' if radar.dtype == np.uint8 else 'tif'}"
    write_image(out / rgb, optical)
    write_image(out / sar, radar)
    return Item(
        id=number,
        rgb=rgb,
        sar=sar,
        hash=hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest(),
        optical_hash=digests[0],
        height=radar.shape[1],
        width=radar.shape[2],
    )


def unfit(optical: Pixels, radar: Pixels) -> str:
    """Why a pair is of no use; empty if it is."""
    if not np.isfinite(radar).all():
        return "SAR has values that are not finite"
    if (optical == 0).all(axis=0).mean() > BLACK_SHARE:
        return "optical is mostly black"
    if radar.dtype != np.uint8 and (radar == 0).mean() > BLACK_SHARE:  # in 8 bit, calm water is 0 too
        return "SAR is mostly empty (0)"
    for name, bands in (("optical", optical), ("SAR", radar)):
        if (bands == bands[:, :1, :1]).all():
            return f"{name} is of one value throughout"
    return ""


def write_image(path: Path, bands: Pixels) -> None:
    """Write (bands, height, width) as PNG or TIFF by the name's ending, unless the file is there.

    Raises:
        CrosswakeError: it cannot be written.
    """
    if path.is_file():
        return
    part = path.with_name(f".{path.name}.part")
    count, height, width = bands.shape
    rasterio = quiet_rasterio()
    # Level 4 gives the size of level 6, GDAL's own, in three quarters of its time.
    options = {"driver": "PNG", "zlevel": 4} if path.suffix == ".png" else {"driver": "GTiff"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(part, "w", count=count, height=height, width=width, dtype=bands.dtype, **options) as sink:
            sink.write(bands)
        part.replace(path)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise CrosswakeError(f"{path}: cannot be written ({str(error).splitlines()[0]}); is the disk full?") from error
