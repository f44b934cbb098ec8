"""From what a sensor measured to the 8-bit picture that a model is shown."""

from typing import Literal

import numpy as np

from crosswake.data.chips import Modality
from crosswake.data.pixels import Pixels

SarRadiometry = Literal["max", "percentile", "log"]
SAR_PERCENTILES = (5.0, 100.0)  # arXiv 2512.03404 (MOS), radiometric stretch
LOG_PERCENTILES = (1.0, 99.5)
OPTICAL_PERCENTILES = (0.5, 99.5)


def to_uint8(pixels: Pixels, modality: Modality, sar: SarRadiometry = "max") -> Pixels:
    """An 8-bit RGB picture of a chip; 8-bit chips are taken as they are.

    Args:
        pixels: (height, width) or (height, width, 3), any real number type. NaN and infinities
            become 0, black.
        modality: what the pixels are.
        sar: how SAR amplitudes of other than 8 bit are scaled.

    Returns:
        (height, width, 3) uint8; three equal channels for one band.
    """
    picture = scaled(pixels, modality, sar)
    return np.repeat(picture[..., None], 3, axis=-1) if picture.ndim == 2 else picture


def as_stored(sar: SarRadiometry) -> bool:
    """Whether SAR in decibels is scaled as it is: percentiles are taken of what is stored, while a
    maximum and a logarithm need amplitudes."""
    return sar == "percentile"


def scaled(pixels: Pixels, modality: Modality, sar: SarRadiometry = "max") -> Pixels:
    """As :func:`to_uint8`, for any order of axes and without repeating a band: uint8 of the same
    shape."""
    if pixels.dtype == np.uint8:
        return pixels
    return (
        sar_to_uint8(pixels, sar)
        if modality is Modality.SAR
        else stretch(pixels, *OPTICAL_PERCENTILES)
    )


def sar_to_uint8(amplitude: Pixels, method: SarRadiometry = "max") -> Pixels:
    """Scale SAR amplitudes to 8 bit, truncating.

    ``max``: x / max(x) * 255, as TransOSS does (arXiv 2506.22027); negative values become 0.
    ``percentile``: linear between the 5th and 100th percentile (MOS, arXiv 2512.03404).
    ``log``: decibels, linear between the 1st and 99.5th percentile, so that one bright scatterer
        does not darken the rest.

    NaN and infinities are shown as the darkest value is, and take no part in percentiles.

    Returns:
        uint8 of the same shape; all 0 where the chip holds a single value or, but for
        ``percentile``, nothing above 0.
    """
    values = amplitude.astype(np.float32)
    if method == "max":
        finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        return scale(np.maximum(finite, 0.0), 0.0, float(finite.max()))
    if method == "percentile":
        return stretch(values, *SAR_PERCENTILES)
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size == 0:
        return np.zeros(values.shape, np.uint8)
    return stretch(20.0 * np.log10(np.maximum(values, float(positive.min()))), *LOG_PERCENTILES)


def stretch(values: Pixels, low: float, high: float) -> Pixels:
    """Linear from the ``low``-th to the ``high``-th percentile of the finite values onto 0 to 255,
    clipped; values that are not finite become 0.
    """
    values = values.astype(np.float32)
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(values.shape, np.uint8)
    bottom, top = (float(value) for value in np.percentile(values[known], [low, high]))
    # Unknown values get the bottom and not 0, which is bright among negative decibels.
    return scale(np.where(known, values, bottom), bottom, top)


def scale(values: Pixels, bottom: float, top: float) -> Pixels:
    """Linear from ``bottom``..``top`` onto 0..255, clipped and truncated to uint8; 0 where the
    range is empty."""
    if not top > bottom:
        return np.zeros(values.shape, np.uint8)
    return (np.clip((values - bottom) / (top - bottom), 0.0, 1.0) * 255.0).astype(np.uint8)
