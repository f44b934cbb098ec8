"""Buildings and heights of a tile of any size: overlapping windows, put together.

Dense maps are averaged where windows overlap, with weights that fall towards the edges, and
buildings are cut out of the average, block by block, so that memory stays bounded. Models that say
buildings and no maps find them in each window, and those that are found twice become one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.tile_pixels import TileImages, shown_batch
from crosswake.buildings.instances import TileFound, found_of_maps
from crosswake.buildings.placed import PlacedInstance, merged_instances, placed_instances
from crosswake.core.boxes import Box, Size
from crosswake.models.buildings.checkpoints import BuildingFinder
from crosswake.tasks.buildings.measure import cut_back, filled_up

BLOCK = 1024
"""Side of what is averaged at once, in pixels; larger tiles are several blocks."""

DenseMaps = dict[str, NDArray[np.float32]]
FoundOnTile = tuple[list[PlacedInstance], NDArray[np.float32] | None]
"""The buildings of a tile, and its (rows, columns) heights in metres."""


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How a tile is looked at.

    Attributes:
        side: of a window, in pixels.
        overlap: pixels that neighbouring windows share at least.
        rgb: show the optical image.
        sar: show the SAR image.
    """

    side: int = 512
    overlap: int = 128
    rgb: bool = True
    sar: bool = True


def find_on_tile(finder: BuildingFinder, images: TileImages, how: WindowOptions) -> FoundOnTile:
    """What stands on a tile.

    Args:
        finder: the model.
        images: the tile.
        how: windows.
    """
    size = images.valid.shape[0], images.valid.shape[1]
    whole = Box(top=0, left=0, height=size[0], width=size[1])
    side = max(BLOCK, how.side) if finder.model.dense else how.side
    placed: list[PlacedInstance] = []
    heights: NDArray[np.float32] | None = None
    weights = np.zeros(size, np.float32)
    for block in covering_windows(whole, side, how.overlap):
        found = found_in_block(finder, window_images(images, block), how)
        placed += placed_instances(found, block, size)
        if found.height is not None:
            if heights is None:
                heights = np.zeros(size, np.float32)
            take_heights(heights, weights, found.height, block, how)
    return merged_instances(placed), heights


def found_in_block(finder: BuildingFinder, images: TileImages, how: WindowOptions) -> TileFound:
    """What stands in one block."""
    if finder.model.dense:
        return found_of_maps(blended_maps(finder, images, how), images.valid)
    height, width = images.valid.shape
    batch = shown_batch([filled_up(images)], rgb=how.rgb, sar=how.sar)
    (found,) = finder.find(batch)
    return cut_back(found, height, width)


def take_heights(
    heights: NDArray[np.float32],
    weights: NDArray[np.float32],
    found: NDArray[np.float32],
    block: Box,
    how: WindowOptions,
) -> None:
    """Write the heights of a block where no block before was farther from its edge: an average
    would leave ground that is not exactly 0."""
    own = edge_weights((block.height, block.width), how.overlap)
    better = own > block.of(weights)
    block.of(heights)[better] = found[better]
    block.of(weights)[better] = own[better]


def blended_maps(finder: BuildingFinder, images: TileImages, how: WindowOptions) -> DenseMaps:
    """(channels, height, width) of each dense map, averaged over windows."""
    height, width = images.valid.shape
    whole = Box(top=0, left=0, height=height, width=width)
    windows = list(covering_windows(whole, how.side, how.overlap))
    sums: DenseMaps = {}
    total = np.zeros((height, width), np.float32)
    for window in windows:
        batch = shown_batch([filled_up(window_images(images, window))], rgb=how.rgb, sar=how.sar)
        weight = edge_weights((window.height, window.width), how.overlap)
        window.of(total)[...] += weight
        for name, value in finder.maps(batch).items():
            own = value[0, :, : window.height, : window.width].float().cpu().numpy()
            if len(windows) == 1:
                sums[name] = own
                continue
            if name not in sums:
                sums[name] = np.zeros((len(own), height, width), np.float32)
            window.of(sums[name])[...] += own * weight
    if len(windows) == 1:
        return sums
    return {name: value / total for name, value in sums.items()}


def covering_windows(area: Box, side: int, overlap: int) -> Iterator[Box]:
    """Windows of ``side`` or, where the area is smaller, of its size that cover it."""
    for top in window_starts(area.height, side, overlap):
        for left in window_starts(area.width, side, overlap):
            yield Box(
                top=area.top + top,
                left=area.left + left,
                height=min(side, area.height),
                width=min(side, area.width),
            )


def window_starts(length: int, side: int, overlap: int) -> list[int]:
    """Where windows along a line begin, evenly; the last ends with the line."""
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [int(place) for place in np.linspace(0, length - side, count).round()]


def edge_weights(size: Size, overlap: int) -> NDArray[np.float32]:
    """(rows, columns): 1 in the middle, falling towards the edges over ``overlap`` pixels, never
    0."""
    ramps = []
    for length in size:
        place = np.arange(length)
        distance = np.minimum(place, place[::-1]) + 1
        ramps.append(np.minimum(distance / max(overlap, 1), 1))
    return np.asarray(ramps[0][:, None] * ramps[1][None], np.float32)


def window_images(images: TileImages, window: Box) -> TileImages:
    """A window of a tile."""
    return TileImages(
        optical=None if images.optical is None else window.of(images.optical),
        sar=None if images.sar is None else window.of(images.sar),
        valid=window.of(images.valid),
    )
