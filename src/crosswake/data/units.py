"""From the numbers of a file to what was measured: scale and offset, gaps, decibels."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.said import say_once
from crosswake.data.chips import UnreadableChipError

SIGNED = 0.1
"""Negative values are more than noise if they are this share of all, and the lowest is this share
of the highest."""
DECIBELS = (-120.0, -1.0, 80.0)
"""Lowest minimum, highest minimum and highest maximum of an image in decibels."""


def as_amplitude(path: Path, values: NDArray[Any], decibels: bool = False) -> NDArray[Any]:
    """SAR values as amplitudes: decibels become 10^(dB / 20), everything else stays as it is.

    Args:
        path: the file, for errors.
        values: any real number type; NaN is no data.
        decibels: the file says that they are. Otherwise signed values that no amplitude and no
            noise subtracted from it explains are, and that is said.

    Raises:
        UnreadableChipError: they are signed, and neither amplitudes nor decibels.
    """
    if not decibels:
        if values.dtype.kind == "u" or not (values < 0).any():
            return values
        known = values[np.isfinite(values)]
        low, high = float(known.min()), float(known.max())
        if -low < SIGNED * high or (known < 0).mean() < SIGNED:
            return values
        if not (DECIBELS[0] <= low <= DECIBELS[1] and high <= DECIBELS[2]):
            what = f"signed values, from {low:.4g} to {high:.4g}, neither amplitudes nor decibels"
            remedy = "store amplitudes, or decibels under the unit dB"
            raise UnreadableChipError(path, f"{what}; {remedy}")
        say_once("SAR with values below 0 is in decibels, and is turned into amplitude")
    return np.asarray(10.0 ** (values.astype(np.float32) / 20.0))


def bright_is_white(source: Any, bands: NDArray[Any]) -> NDArray[Any]:
    """8-bit bands from 0, black, to 255, where the file uses fewer bits or has 0 as white."""
    if bands.dtype != np.uint8:
        return bands
    most = 2 ** int(source.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8)) - 1
    if most < np.iinfo(np.uint8).max:
        bands = bands * np.uint8(np.iinfo(np.uint8).max // most)
    is_white = source.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
    return ~bands if is_white else bands


def rescaled(source: Any, numbers: Sequence[int], bands: NDArray[Any]) -> NDArray[Any]:
    """Bands, by their numbers from 1, with the scale and offset that an open file states: float32,
    or as they are where it states none."""
    scales, offsets = ([every[n - 1] for n in numbers] for every in (source.scales, source.offsets))
    plain = set(scales) == {1} and set(offsets) == {0}
    if plain or not np.isfinite([*scales, *offsets]).all() or 0 in scales:
        return bands
    scale, offset = (np.asarray(by_band)[:, None, None] for by_band in (scales, offsets))
    return np.asarray(bands * scale + offset, np.float32)


def gaps(bands: NDArray[Any], nodata: Sequence[float | None]) -> NDArray[np.bool_] | None:
    """Where bands hold no data by the value that stands for it; None if nowhere.

    Of whole numbers only where all bands do: a single 255 or 0 is a colour.

    Args:
        bands: (bands, height, width).
        nodata: the value of each band, or None.

    Returns:
        (bands, height, width), or (1, height, width) for all bands.
    """
    if all(value is None or math.isnan(value) for value in nodata):
        return None  # NaN speaks for itself
    found: NDArray[np.bool_] = np.zeros(bands.shape, np.bool_)
    for band, value, place in zip(bands, nodata, found, strict=True):
        if value is not None and is_value_of(value, bands.dtype):
            np.equal(band, np.asarray(value).astype(bands.dtype), out=place)
    if bands.dtype.kind in "iu":
        found = np.asarray(found.all(axis=0, keepdims=True))
    return found if found.any() else None


def is_value_of(value: float, kind: np.dtype[Any]) -> bool:
    """Whether a number type has this value, so that it can occur."""
    if kind.kind not in "iu":
        return True
    limits = np.iinfo(kind)
    return limits.min <= value <= limits.max and value == int(value)


def with_gaps(bands: NDArray[Any], gap: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Bands without what is no data: black in 8 bit, else NaN, which takes no part in statistics
    and is shown as the darkest value is."""
    if gap is None:
        return bands
    if bands.dtype == np.uint8:
        return np.where(gap, np.uint8(0), bands)
    wide = bands.dtype.kind in "fc"
    return np.where(gap, np.nan, bands if wide else bands.astype(np.float32)).astype(
        bands.dtype if wide else np.float32, copy=False
    )
