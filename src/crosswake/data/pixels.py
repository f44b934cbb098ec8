"""Reads and writes image files: a whole one, a window of one, or both images of a pair.

What a file says of itself counts here, and so everywhere: bands, palette, gaps, scale, unit and
georeference."""

import errno
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.boxes import Box, Size
from crosswake.core.said import say_once
from crosswake.data.bands import chosen_layers, colour_bands, sar_layers
from crosswake.data.chips import (
    DEFAULT_GROUND_SIZE,
    Chip,
    Modality,
    Reading,
    UnreadableChipError,
)
from crosswake.data.georeference import NOWHERE, Place, place_of
from crosswake.data.pairs import Pair
from crosswake.data.rasters import driver_of, open_raster, quiet_rasterio, refuse_too_large
from crosswake.data.units import as_amplitude, bright_is_white, gaps, rescaled, with_gaps

Pixels = NDArray[Any]

OTHER_SIZE = 0.1
"""Sizes in a table and in a file that differ by more than this share are pointed out."""


def read_pixels(path: Path, box: Box | None = None) -> Pixels:
    """Read an image, or a window of it, of which the modality is not known.

    Returns:
        (height, width) for one band, (height, width, 3) for three or more; in the file's own number
        type, but float32 where 16 bit has gaps or a scale.

    Raises:
        UnreadableChipError: as :func:`read_bands`, or the file has two bands.
    """
    with open_raster(path) as source:
        return in_colour(path, source, box)


def read_chip(chip: Chip, as_stored: bool = False) -> tuple[Pixels, Chip]:
    """The pixels of a chip, and the chip with what its file says of size and place.

    A size or place that the chip has already, from a table, wins over the file's.

    Args:
        chip: what to read.
        as_stored: leave SAR in decibels as it is, for a model that was trained on them.

    Returns:
        (height, width) or (height, width, 3): SAR amplitudes, optical colours. Gaps are NaN, or
        black in 8 bit.

    Raises:
        UnreadableChipError: the file cannot be read or cannot serve as such a chip, or all of it is
            declared to be no data.
    """
    with open_raster(chip.path) as source:
        if chip.modality is Modality.SAR:
            pixels = in_amplitude(chip.path, source, chip.box, chip.reading, as_stored)
        else:
            pixels = in_colour(chip.path, source, chip.box)
        place = place_of(source, chip.box)
    return pixels, placed(chip, place)


def placed(chip: Chip, place: Place) -> Chip:
    """The chip with size and place; where nothing tells the size, the assumption is said."""
    if place.width_m and place.height_m:
        own = (chip.width_m or place.width_m, chip.height_m or place.height_m)
        if max(abs(own[0] / place.width_m - 1), abs(own[1] / place.height_m - 1)) > OTHER_SIZE:
            sizes = f"{own[0]:.4g} x {own[1]:.4g} m, not {place.width_m:.4g} x {place.height_m:.4g}"
            example = f"; the first: {chip.path} is taken as {sizes} m"
            say_once("sizes in the table win over the georeference of files", example)
    elif None in (chip.width_m, chip.height_m):
        size = DEFAULT_GROUND_SIZE[chip.modality]
        kind = "SAR" if chip.modality is Modality.SAR else "optical"
        what = f"{kind} images without georeference or size in a table"
        say_once(f"{what} have {size:g} m a pixel, as in HOSS ReID")
    found = place._asdict()
    found |= {name: getattr(chip, name) for name in found if getattr(chip, name) is not None}
    return chip if place == NOWHERE else replace(chip, **found)


def read_pair(pair: Pair, as_stored: bool = False) -> tuple[Pixels, Pixels]:
    """The pixels of a pair's window, as :func:`read_chip` gives them.

    Returns:
        optical (height, width, 3), and SAR (height, width).

    Raises:
        UnreadableChipError: a file is missing, truncated, of the wrong bands, or ends within the
            window; or the two images differ in size.
    """
    pair_size(pair)
    optical, radar = read_pair_bands(pair, pair.box, as_stored)
    return np.ascontiguousarray(optical.transpose(1, 2, 0)), radar


def read_pair_bands(pair: Pair, box: Box | None, as_stored: bool = False) -> tuple[Pixels, Pixels]:
    """A window of both images: optical (3, height, width), and SAR (height, width).

    Raises:
        UnreadableChipError: a file cannot be read, the optical image is grey, or the SAR image has
            several bands of which none can be chosen.
    """
    with open_raster(pair.optical) as source:
        optical = colours_of(pair.optical, source, box)
    if optical.shape[0] != 3:
        reason = f"optical image with {optical.shape[0]} band(s), 3 expected; is it SAR?"
        raise UnreadableChipError(pair.optical, reason)
    with open_raster(pair.sar) as source:
        return optical, in_amplitude(pair.sar, source, box, pair.reading, as_stored)


def pair_size(pair: Pair) -> Size:
    """Height and width of both images, by their headers.

    Raises:
        UnreadableChipError: a header cannot be read, or they differ.
    """
    optical, radar = image_size(pair.optical), image_size(pair.sar)
    if optical != radar:
        sizes = f"{radar[0]} x {radar[1]}, the optical one {optical[0]} x {optical[1]} pixels"
        raise UnreadableChipError(pair.sar, f"the SAR image is {sizes}; they must be equal")
    return optical


def image_size(path: Path) -> Size:
    """Height and width by the file's header.

    Raises:
        UnreadableChipError: as :func:`read_bands`.
    """
    with open_raster(path) as source:
        return int(source.height), int(source.width)


def in_colour(path: Path, source: Any, box: Box | None) -> Pixels:
    """(height, width, 3) of an open file, or (height, width) if it is grey."""
    bands = colours_of(path, source, box)
    return np.ascontiguousarray(bands.transpose(1, 2, 0)) if len(bands) == 3 else bands[0]


def colours_of(path: Path, source: Any, box: Box | None) -> Pixels:
    """Red, green and blue of an open file, (3, height, width), or (1, height, width) if it is
    grey."""
    shown = [colour.name for colour in source.colorinterp]
    if shown[0] == "palette":
        return in_palette(path, source, box)
    chosen = colour_bands(path, shown, source.descriptions)
    bands = without_gaps(path, source, chosen, box)
    if np.iscomplexobj(bands):
        raise UnreadableChipError(path, "complex numbers in an optical image; is it SAR?")
    if bands.dtype == np.uint8:
        return bands  # a picture as it is, whatever its numbers stand for
    return rescaled(source, chosen, bands)


def in_amplitude(
    path: Path, source: Any, box: Box | None, reading: Reading, as_stored: bool
) -> Pixels:
    """(height, width) of an open SAR file: amplitude, or decibels if ``as_stored``."""
    shown = [colour.name for colour in source.colorinterp]
    if shown[0] == "palette":
        layers = sar_layers(path, in_palette(path, source, box), (None,) * 3, (None,) * 3)
    else:
        chosen = [number for number, colour in enumerate(shown, 1) if colour != "alpha"]
        bands = rescaled(source, chosen, without_gaps(path, source, chosen, box))
        names, units = (
            [of_all[n - 1] for n in chosen] for of_all in (source.descriptions, source.units)
        )
        if not any(names) and len(reading.bands) == len(chosen):
            names = list(reading.bands)
        layers = sar_layers(path, bands, names, units)
    taken = chosen_layers(path, layers, reading)
    values = [
        layer.values if as_stored else as_amplitude(path, layer.values, layer.decibels)
        for layer in taken
    ]
    if len(values) == 1:
        return values[0]
    kind = np.uint8 if values[0].dtype == np.uint8 else np.float32
    return np.asarray(np.mean(values, axis=0, dtype=np.float32), kind)


def in_palette(path: Path, source: Any, box: Box | None) -> Pixels:
    """(3, height, width) uint8 of an open file that stores numbers of a palette's colours."""
    refuse_too_large(path, source, 4, box)
    index = source.read([1], window=window_of(path, source, box))
    table = np.zeros((np.iinfo(index.dtype).max + 1, 4), np.uint8)
    for number, colour in source.colormap(1).items():
        table[number] = colour
    colours = table[index[0]].transpose(2, 0, 1)
    gap = gaps(index, source.nodatavals[:1])
    clear = colours[3:] == 0
    return with_gaps(colours[:3], clear if gap is None else gap | clear)


def without_gaps(path: Path, source: Any, numbers: Sequence[int], box: Box | None) -> Pixels:
    """Bands of an open file, by their numbers from 1, without what its nodata value, alpha band or
    mask says is no data.

    Raises:
        UnreadableChipError: that is all of it; or the pixels cannot be read or are too many.
    """
    refuse_too_large(path, source, len(numbers), box)
    window = window_of(path, source, box)
    bands = np.asarray(source.read(list(numbers), window=window))
    gap = gaps(bands, [source.nodatavals[number - 1] for number in numbers])
    flags = {flag.name for flag in source.mask_flag_enums[numbers[0] - 1]}
    if {"per_dataset", "alpha"} & flags:
        masked = source.read_masks(numbers[0], window=window)[None] == 0
        if masked.any():
            gap = masked if gap is None else gap | masked
    if gap is not None and gap.all():
        raise UnreadableChipError(path, "holds no data, as it says of every pixel; leave it out")
    return with_gaps(bright_is_white(source, bands), gap)


def window_of(
    path: Path, source: Any, box: Box | None
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """A window as rasterio takes it; None for the whole.

    Raises:
        UnreadableChipError: it reaches beyond the image.
    """
    if box is None:
        return None
    if not box.inside(source.height, source.width):
        where = f"the window of {box.height} x {box.width} at ({box.top}, {box.left})"
        raise UnreadableChipError(path, f"{where} reaches beyond {source.height} x {source.width}")
    return (box.top, box.top + box.height), (box.left, box.left + box.width)


def read_bands(path: Path, box: Box | None = None) -> Pixels:
    """Read every band of an image, or of a window of it, as it is stored.

    Of a tiled or striped file, only the blocks that the window touches are decoded.

    Returns:
        (bands, height, width), in the file's own number type.

    Raises:
        UnreadableChipError: the file is missing, truncated, empty, none of the formats read, too
            large, or ends within the window; or its values are complex.
    """
    with open_raster(path) as source:
        if any("complex" in kind for kind in source.dtypes):
            raise UnreadableChipError(path, "complex numbers; store amplitudes")
        refuse_too_large(path, source, source.count, box)
        return np.asarray(source.read(window=window_of(path, source, box)))


def write_raster(path: Path, bands: Pixels, driver: str = "GTiff", **options: Any) -> None:
    """Write (bands, height, width), and see that the file holds it.

    On a full disk GDAL may raise nothing and leave a short file, so only reading tells.

    Args:
        path: the temporary name that :func:`crosswake.core.files.replacing` gave.
        bands: the pixels.
        driver: GDAL's name of the format.
        options: of the format.

    Raises:
        OSError: the file does not hold the pixels.
    """
    count, height, width = bands.shape
    shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype.name}
    try:
        with quiet_rasterio().open(path, "w", driver=driver, **shape, **options) as sink:
            sink.write(bands)
    except Exception as error:  # GDAL's own errors have no public base class
        raise OSError(errno.EIO, str(error).partition("\n")[0]) from error
    try:
        # Of a PNG the chunks are followed to the end, since to decode it again would take two
        # thirds of the time that encoding took.
        whole = driver_of(path) == "PNG" or holds_pixels(path, bands)
    except UnreadableChipError:
        whole = False
    if not whole:
        raise OSError(errno.ENOSPC, "what was written cannot be read back")


def holds_pixels(path: Path, bands: Pixels) -> bool:
    """Whether a file is there and holds exactly these pixels, (bands, height, width)."""
    try:
        return path.is_file() and np.array_equal(read_bands(path), bands, equal_nan=True)
    except UnreadableChipError:
        return False
