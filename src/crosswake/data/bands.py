"""Which bands of a file are the picture: red, green and blue of an optical one, and of a SAR file
the one that was asked for."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crosswake.core.said import say_once
from crosswake.data.chips import Reading, SarBand, UnreadableChipError

RGB_NAMES = ("red", "green", "blue")
RGB_WORDS = {
    "red": {"red", "r", "b4", "b04"},
    "green": {"green", "g", "b3", "b03"},
    "blue": {"blue", "b", "b2", "b02"},
}
"""Words of a band's description; B02 to B04 are those of Sentinel-2 and Landsat 8."""
NOT_COLOURS = {"edge", "coastal"}
"""Words beside which red and blue mean another band."""
INKS = {"cyan", "magenta", "yellow", "black", "hue", "lightness", "Y", "Cb", "Cr"}
SENTINEL2_COUNTS = (12, 13)
SENTINEL2_COLOURS = (4, 3, 2)
POLARISATIONS = ("vv", "hh", "vh", "hv")
"""In the order of preference: the same polarisation out and back shows most of a ship."""
POWERS = {"sigma0", "gamma0", "beta0", "intensity", "power"}
"""Words for what grows with the square of the amplitude, as SNAP names bands: ``Sigma0_VV``."""
PARTS = {"i": "i", "real": "i", "re": "i", "q": "q", "imag": "q", "imaginary": "q", "im": "q"}
NEARLY_GREY = 4
"""Largest difference between the bands of grey saved as a colour JPEG."""
CHOOSE = "choose one with --sar_band"


def words_of(description: str | None) -> list[str]:
    """A band's description as lower-case words: ``Sigma0_VV_db`` is sigma0, vv, db."""
    return re.findall(r"[a-z0-9]+", (description or "").lower())


def colour_bands(
    path: Path, shown: Sequence[str], described: Sequence[str | None]
) -> tuple[int, ...]:
    """The numbers, from 1, of the bands that are red, green and blue; a single one if it is grey.

    The colour interpretation counts, unless it is missing or GDAL's default; then the names in
    descriptions; then what is usual.

    Args:
        path: the file.
        shown: colour interpretation of every band.
        described: description of every band.

    Raises:
        UnreadableChipError: there are two bands, or the colours are no red, green and blue.
    """
    if INKS & set(shown):
        raise UnreadableChipError(path, "colours for printing (CMYK or the like); save it as RGB")
    bands = [number for number, colour in enumerate(shown, 1) if colour != "alpha"]
    if len(bands) == 1:
        return tuple(bands)
    if len(bands) in (0, 2):
        reason = f"has {len(bands)} bands; one (SAR) or three (optical) are expected"
        raise UnreadableChipError(path, reason)
    interpreted = tuple(shown.index(colour) + 1 for colour in RGB_NAMES if colour in shown)
    # Red, green, blue in this order is what GDAL writes where nobody tells it otherwise.
    named = described_colours(described) if interpreted in ((), (1, 2, 3)) else ()
    if named or len(interpreted) == 3:
        return named or interpreted
    if len(bands) in SENTINEL2_COUNTS:
        say_once("optical files of 12 or 13 bands without names hold those of Sentinel-2 in order")
        return SENTINEL2_COLOURS
    say_once("optical bands without names are red, green, blue, and others after them")
    return tuple(bands[:3])


def described_colours(described: Sequence[str | None]) -> tuple[int, ...]:
    """The bands whose descriptions say red, green and blue; nothing unless all three are there."""
    found = []
    for colour in RGB_NAMES:
        fitting = [
            (len(words), number)
            for number, words in enumerate(map(words_of, described), 1)
            if RGB_WORDS[colour] & set(words) and not NOT_COLOURS & set(words)
        ]
        found += [number for _, number in sorted(fitting)[:1]]  # the shortest: Green, not Green I
    return tuple(found) if len(set(found)) == len(RGB_NAMES) else ()


class Layer(NamedTuple):
    """One SAR image of a file.

    Attributes:
        name: its polarisation, or empty.
        values: (height, width).
        decibels: whether the file says that it is in decibels.
    """

    name: str
    values: NDArray[Any]
    decibels: bool = False


def sar_layers(
    path: Path, bands: NDArray[Any], described: Sequence[str | None], units: Sequence[str | None]
) -> list[Layer]:
    """The SAR images of a file: its bands, or amplitudes where bands are complex or named as real
    and imaginary parts.

    Args:
        path: the file.
        bands: (bands, height, width).
        described: what each is called.
        units: unit of each.

    Raises:
        UnreadableChipError: a part is without the other.
    """
    if np.iscomplexobj(bands):
        say_once("complex SAR is shown by its amplitude")
        bands = np.abs(bands)
    words = [words_of(text) for text in described]
    names = [next((word for word in one if word in POLARISATIONS), "") for one in words]
    parts = [next((PARTS[word] for word in one if word in PARTS), "") for one in words]
    if not any(parts):
        unit_words = [words_of(unit) + one for unit, one in zip(units, words, strict=True)]
        decibels = [bool({"db", "decibel", "decibels"} & set(one)) for one in unit_words]
        values = [
            band if known or not POWERS & set(one) else amplitude_of_power(band)
            for band, known, one in zip(bands, decibels, words, strict=True)
        ]
        return [Layer(*one) for one in zip(names, values, decibels, strict=True)]
    whole: dict[str, dict[str, NDArray[Any]]] = {}
    for name, part, band in zip(names, parts, bands, strict=True):
        if part:
            whole.setdefault(name, {})[part] = band
    if any(len(pair) != 2 for pair in whole.values()) or len(whole) * 2 != sum(map(bool, parts)):
        reason = "bands named as real and imaginary parts (I, Q) that are no pairs"
        raise UnreadableChipError(path, f"{reason}; store amplitudes")
    say_once("SAR of real and imaginary parts (I, Q) is shown by its amplitude")
    return [Layer(name, np.hypot(pair["i"], pair["q"])) for name, pair in whole.items()]


def amplitude_of_power(band: NDArray[Any]) -> NDArray[Any]:
    """The square root of a band whose name says that it is a power; a signed one, whose name does
    not say that it is in decibels, stays as it is."""
    return band if (band < 0).any() else np.sqrt(band, dtype=np.float32)


def lacks(names: list[str], wanted: SarBand | None) -> bool:
    """Whether a file with bands of these names, empty where unknown, has not the one wanted."""
    if isinstance(wanted, int):
        return wanted > len(names)
    if wanted in ("mean", "iq"):
        return len(names) == 1
    return wanted not in names and (any(names) or len(names) != 2)


def chosen_layers(path: Path, layers: list[Layer], reading: Reading) -> list[Layer]:
    """The layers to be shown: one, or all where their mean is wanted.

    Raises:
        UnreadableChipError: there is no such layer; or nothing was chosen, and the bands have no
            names and are more than two, a colour picture, or signed.
    """
    wanted, count = reading.sar_band, len(layers)
    names = [layer.name for layer in layers]
    if count > 1 and is_grey(layers):
        return layers[:1]
    if count == 3 and layers[0].values.dtype == np.uint8 and not any(names):
        reason = "three different 8-bit bands without names: a colour picture; is it optical?"
        raise UnreadableChipError(path, f"SAR image with {reason}")
    if reading.of_model and lacks(names, wanted):
        wanted = None
    if wanted == "mean":
        return layers
    if wanted == "iq":
        if count % 2 or not all((layer.values < 0).any() for layer in layers[:2]):
            reason = f"{count} band(s), or without values below 0, are no real and imaginary parts"
            raise UnreadableChipError(path, f"--sar_band iq: {reason}")
        return [Layer("", np.hypot(layers[0].values, layers[1].values))]
    if isinstance(wanted, int):
        if wanted > count:
            raise UnreadableChipError(path, f"--sar_band {wanted}: there are {count} band(s)")
        return [layers[wanted - 1]]
    if wanted is not None:
        return [layers[place_of_name(path, names, wanted)]]
    if count == 1:
        return layers
    known = [name for name in POLARISATIONS if name in names]
    if not known:
        return [unnamed_layer(path, layers)]
    there = " and ".join(name.upper() for name in names if name)
    say_once(f"of the SAR bands {there}, {known[0].upper()} is taken; {CHOOSE}")
    return [layers[names.index(known[0])]]


def unnamed_layer(path: Path, layers: list[Layer]) -> Layer:
    """The one to show of several different bands without names.

    Raises:
        UnreadableChipError: they are more than two, or may be real and imaginary parts.
    """
    count = len(layers)
    what = f"SAR image with {count} different bands that have no names"
    if any(0.2 < negative_share(one.values) < 0.8 and not one.decibels for one in layers):
        parts = (
            "and values around 0: take --sar_band iq if they are real and imaginary parts (I, Q)"
        )
        raise UnreadableChipError(path, f"{what}, {parts}, 1 to {count} if they are decibels")
    if count > 2:
        raise UnreadableChipError(path, f"{what}; {CHOOSE} 1 to {count}; is it optical?")
    say_once(f"of two SAR bands without names the first is taken; {CHOOSE}")
    return layers[0]


def negative_share(values: NDArray[Any]) -> float:
    """Share of the known values that are below 0."""
    return float((values < 0).sum() / max(np.isfinite(values).sum(), 1))


def place_of_name(path: Path, names: list[str], wanted: str) -> int:
    """The place of a polarisation among the layers; of two without names the first is VV or HH.

    Raises:
        UnreadableChipError: it is not there.
    """
    if wanted in names:
        return names.index(wanted)
    if any(names) or len(names) > 2:
        there = ", ".join(filter(None, names)) or f"{len(names)} without names"
        raise UnreadableChipError(
            path, f"--sar_band {wanted}: its bands are {there}; give a number, mean or iq"
        )
    if len(names) == 1:
        say_once(f"a single SAR band without a name is {wanted.upper()}, as --sar_band says")
        return 0
    say_once("two SAR bands without names are VV, VH (or HH, HV) in this order")
    return 0 if wanted in ("vv", "hh") else 1


def is_grey(layers: Sequence[Layer]) -> bool:
    """Whether all bands are equal; in 8 bit, but for what a JPEG makes of grey."""
    first, *others = (layer.values for layer in layers)
    if first.dtype != np.uint8:
        return all(np.array_equal(first, other, equal_nan=True) for other in others)
    low, high = np.minimum.reduce([first, *others]), np.maximum.reduce([first, *others])
    return bool((high - low).max() <= NEARLY_GREY)
