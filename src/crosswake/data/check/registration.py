"""How far the two images of a pair are off each other, by phase correlation of their edges.

Kuglin and Hines 1975, on gradient magnitudes. What is bright in one sensor may be dark in the
other, but both show edges: fields, roads, shores.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crosswake.data.pixels import Pixels

Real = NDArray[np.float32]
SMOOTHING = 2.0
"""Pixels, std of the Gaussian that smooths speckle before the gradient is taken, and the
correlation afterwards."""
SEARCHED = 4
"""Offsets up to a side divided by this are looked for; further off, the two windows share too
little."""
PEAK = 5
"""Pixels about the highest peak that still belong to it."""
CONFIDENT = 1.5
"""Peak ratio from which on an offset counts. Where the two images show different places, 1 in 200
windows of 256 x 256 pixels reaches it by chance, and none of 240 of 512 x 512 (measured on
Sentinel-1 and Sentinel-2 scenes)."""
FEWEST_PIXELS = 192 * 192
"""In smaller windows chance reaches that ratio too often: in 1 of 12 windows of 128 x 64."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offset:
    """Where the SAR image shows what the optical image shows.

    Attributes:
        rows: pixels further down.
        columns: pixels further to the right.
        confidence: highest peak divided by the second highest; near 1 no peak stands out. 0 if the
            window has fewer than FEWEST_PIXELS, too few to tell.
    """

    rows: int
    columns: int
    confidence: float

    @property
    def distance(self) -> float:
        """Pixels, in a straight line."""
        return float(np.hypot(self.rows, self.columns))

    def beyond(self, limit: float) -> bool:
        """Whether the images are known to be off by more than ``limit`` pixels; False where it is
        not sure."""
        return self.confidence >= CONFIDENT and self.distance > limit


def find_offset(optical: Pixels, radar: Pixels) -> Offset:
    """The offset between two images of one size, to a whole pixel.

    Args:
        optical: (height, width, 3), or (height, width).
        radar: (height, width); compressed by log(1 + x) first.
    """
    grey = (
        optical.mean(axis=2, dtype=np.float32) if optical.ndim == 3 else optical.astype(np.float32)
    )
    height, width = grey.shape
    logged = np.log1p(np.maximum(np.nan_to_num(radar.astype(np.float32)), 0))
    blur, window = filters(height, width)
    spectra = [np.fft.rfft2(edges(image, blur, window)) for image in (grey, logged)]
    cross = np.conj(spectra[0]) * spectra[1]
    cross *= blur / np.maximum(np.abs(cross), np.float32(1e-12))
    surface = np.fft.irfft2(cross, s=(height, width)).astype(np.float32, copy=False)
    return highest(surface, height // SEARCHED, width // SEARCHED)


def edges(image: Real, blur: Real, window: Real) -> Real:
    """Gradient magnitude of the smoothed image, about zero and faded to the border."""
    smooth = np.fft.irfft2(np.fft.rfft2(image) * blur, s=image.shape)
    down, across = np.gradient(smooth)
    strength = np.hypot(down, across)
    faded: Real = (strength - strength.mean()) * window
    return faded


@lru_cache(maxsize=8)
def filters(height: int, width: int) -> tuple[Real, Real]:
    """A Gaussian as (height, width // 2 + 1) factors of the spectrum, and a (height, width) Hann
    window."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    blur = np.exp(-2 * (np.pi * SMOOTHING) ** 2 * (rows**2 + columns**2))
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    return blur.astype(np.float32), window.astype(np.float32)


def highest(surface: Real, down: int, across: int) -> Offset:
    """The highest peak within ``down`` rows and ``across`` columns of no offset, and how much it
    stands out."""
    near = np.roll(surface, (down, across), axis=(0, 1))[: 2 * down + 1, : 2 * across + 1].copy()
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    peak = float(near[row, column])
    near[max(row - PEAK, 0) : row + PEAK + 1, max(column - PEAK, 0) : column + PEAK + 1] = -np.inf
    second = float(near.max())
    known = surface.size >= FEWEST_PIXELS and np.isfinite(second) and second > 0 and peak > 0
    return Offset(
        rows=int(row) - down,
        columns=int(column) - across,
        confidence=round(peak / second, 4) if known else 0.0,
    )
