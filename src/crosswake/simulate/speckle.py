"""The random part of a radar image: speckle, and the texture of the sea and of land."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import gammaincinv, ndtr

from crosswake.simulate.parts import Array, Random


def speckle(shape: tuple[int, int], looks: int, rng: Random, wide: float = 0.45) -> Array:
    """Multiplicative speckle of unit mean and variance 1 / looks: the mean of exponential
    intensities.

    Neighbours are correlated over ``wide`` pixels (std of a Gaussian), as the sensor's resolution
    is wider than a pixel.
    """
    total = np.zeros(shape)
    # An exponential intensity is the sum of two squared normal fields, real and imaginary.
    for _ in range(2 * looks):
        field = gaussian_filter(rng.normal(size=shape), wide, mode="wrap")
        total += field**2
    return np.asarray(total / total_power(wide) / (2 * looks))


def total_power(sigma: float) -> float:
    """Variance that a Gaussian filter leaves of white noise."""
    impulse = np.zeros((17, 17))
    impulse[8, 8] = 1.0
    return float((gaussian_filter(impulse, sigma) ** 2).sum())


def texture(shape: tuple[int, int], order: float, rng: Random, scale: float = 3.0) -> Array:
    """Gamma distributed texture of unit mean and variance 1 / order, correlated over ``scale``
    pixels.

    Speckle times this texture is K distributed (Ward 1981; Jakeman and Pusey 1976).
    """
    field = gaussian_filter(rng.normal(size=shape), scale, mode="wrap")
    # The filter leaves a normal field; its quantiles are mapped to those of the gamma law.
    field /= max(float(field.std()), 1e-12)
    levels = np.linspace(-5, 5, 513)
    table = gammaincinv(order, np.clip(ndtr(levels), 1e-12, 1 - 1e-12)) / order
    return np.asarray(np.interp(field - field.mean(), levels, table))
