"""A tile with its references as training holds it: images, numbered footprints, centimetres."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.tile_pixels import TileImages, read_tile_images
from crosswake.core.boxes import Size
from crosswake.data.chips import UnreadableChipError
from crosswake.data.masks import BadOutlineError, mask_of
from crosswake.data.pixels import read_pixels
from crosswake.data.tiles import Building, Tile

GROUND, CROWD, FILLED_UP = 0, -1, -2
"""In a map of footprints, beside the numbers of buildings from 1. A crowd is several buildings that
nobody told apart."""
UNKNOWN_HEIGHT = 65_535
"""Centimetres that stand for no height."""
MOST_METRES = 650.0


@dataclass(frozen=True, kw_only=True)
class DecodedTile:
    """One tile.

    Attributes:
        images: what a model is shown.
        footprints: (height, width) int16, the number of the building from 1, else ``GROUND``,
            ``CROWD`` or ``FILLED_UP``.
        centimetres: (height, width) uint16 above ground, or ``UNKNOWN_HEIGHT``; None without a
            height map.
        labels: (buildings,) categories, in the order of their numbers.
        covers: (buildings,) shares of each footprint that have a height above 0; 1 without a
            height map.
        lost: outlines that hold no pixel, and are not among the buildings.
    """

    images: TileImages
    footprints: NDArray[np.int16]
    centimetres: NDArray[np.uint16] | None
    labels: tuple[int, ...]
    covers: tuple[float, ...]
    lost: int


def decode_tile(tile: Tile) -> DecodedTile:
    """Read a tile's images, outlines and heights.

    Raises:
        UnreadableChipError: a file cannot be read, or its size is another than that of the images.
    """
    images = read_tile_images(tile)
    size = images.valid.shape
    kept, footprints, lost = numbered_footprints(tile.buildings or (), (size[0], size[1]))
    footprints[~images.valid & (footprints == GROUND)] = FILLED_UP
    heights = None
    covers = tuple(1.0 for _ in kept)
    if tile.height is not None:
        metres = read_pixels(tile.height)
        if metres.shape != size:
            raise UnreadableChipError(tile.height, "has another size than the images")
        heights = in_centimetres(metres)
        covers = covers_of(footprints, heights, len(kept))
    labels = tuple(building.category for building in kept)
    return DecodedTile(
        images=images,
        footprints=footprints,
        centimetres=heights,
        labels=labels,
        covers=covers,
        lost=lost,
    )


def numbered_footprints(
    buildings: Sequence[Building], size: Size
) -> tuple[list[Building], NDArray[np.int16], int]:
    """The buildings whose outlines hold a pixel, their footprints as numbers from 1, and how many
    others there are.

    Where outlines overlap, the smaller lies on top.
    """
    masks = [(one, footprint_of(one, size)) for one in buildings]
    drawn = [(one, mask) for one, mask in masks if mask is not None]
    drawn.sort(key=lambda pair: (not pair[0].crowd, -int(pair[1].sum())))
    footprints = np.zeros(size, np.int16)
    kept: list[Building] = []
    for building, mask in drawn:
        if not building.crowd:
            kept.append(building)
        footprints[mask] = CROWD if building.crowd else len(kept)
    return kept, footprints, len(masks) - len(drawn)


def footprint_of(building: Building, size: Size) -> NDArray[np.bool_] | None:
    """The pixels of a building; None where its outline holds none."""
    try:
        mask = mask_of(building.outline, size)
    except BadOutlineError:
        return None
    return mask if mask.any() else None


def in_centimetres(metres: NDArray[Any]) -> NDArray[np.uint16]:
    """Heights as whole centimetres; below ground is ground, no number is unknown."""
    rounded = np.rint(100 * np.clip(np.nan_to_num(metres), 0, MOST_METRES)).astype(np.uint16)
    return np.where(np.isfinite(metres), rounded, np.uint16(UNKNOWN_HEIGHT))


def covers_of(
    footprints: NDArray[np.int16], centimetres: NDArray[np.uint16], buildings: int
) -> tuple[float, ...]:
    """The share of each footprint that has a height above 0."""
    inside = footprints > 0
    has = inside & (centimetres > 0) & (centimetres < UNKNOWN_HEIGHT)
    pixels = np.bincount(footprints[inside], minlength=buildings + 1)
    measured = np.bincount(footprints[has], minlength=buildings + 1)
    return tuple((measured / np.maximum(pixels, 1))[1:].tolist())
