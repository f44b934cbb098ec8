"""From dense maps of a tile to its buildings: seeds that grow, scores, heights."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

DISTANCE_REACH = 8
"""Pixels from a building's edge at which the map of distances ends at 1."""
Labels = NDArray[np.int32]
Map = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class InstanceSettings:
    """How buildings are cut out of maps.

    Attributes:
        building: probability from which a pixel is building.
        seed: distance (0..1) above which connected pixels are the seed of one building.
        elevated: probability from which a pixel stands above the ground.
        smallest: pixels of the smallest building.
        flat: a roof is level where its relative spread of heights is under this.
        most: buildings of a tile, the surest ones; the contest's scorer takes as many.
    """

    building: float = 0.5
    seed: float = 0.5
    elevated: float = 0.5
    smallest: int = 16
    flat: float = 0.15
    most: int = 1000


@dataclass(frozen=True, kw_only=True)
class TileFound:
    """What a model found on a tile.

    Attributes:
        masks: (buildings, height, width) bool.
        scores: (buildings,) float32, 0 to 1, falling.
        labels: (buildings,) int64, categories from 1.
        height: (height, width) float32 metres, ground exactly 0; None from a model without heights.
    """

    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    height: NDArray[np.float32] | None = None

    @property
    def heights(self) -> NDArray[np.float32]:
        """Median height of each building in metres; NaN without heights."""
        if self.height is None:
            return np.full(len(self.masks), np.nan, np.float32)
        medians = [np.median(self.height[mask]) for mask in self.masks]
        return np.asarray(medians, np.float32)


def found_of_maps(
    maps: Mapping[str, Map],
    valid: NDArray[np.bool_] | None = None,
    settings: InstanceSettings | None = None,
) -> TileFound:
    """Buildings and heights of a tile.

    Args:
        maps: (channels, height, width) each: ``building`` probability, ``distance`` from the edge
            in units of :data:`DISTANCE_REACH` pixels, ``classes`` probabilities; and, of models
            with heights, ``elevated`` probability and ``log_height`` of what stands there.
        valid: (height, width), where the tile has an image.
        settings: thresholds.
    """
    how = settings or InstanceSettings()
    building = maps["building"][0]
    mask = building >= how.building
    if valid is not None:
        mask &= valid
    parts = instance_labels(mask, maps["distance"][0], how)
    count = int(parts.max(initial=0))
    numbers = np.arange(1, count + 1)
    classes = np.stack([mean_of(parts, one, count) for one in maps["classes"]], axis=1)
    category = classes.argmax(axis=1) if count else np.zeros(0, np.int64)
    sure = mean_of(parts, building, count) * quality_of(parts, maps["distance"][0], count)
    scores = (sure * classes.max(axis=1, initial=0.0)).astype(np.float32)
    order = np.argsort(-scores, kind="stable")[: how.most]
    height = heights_of(maps, parts, mask, how) if "log_height" in maps else None
    return TileFound(
        masks=parts[None] == numbers[order][:, None, None],
        scores=scores[order],
        labels=category[order].astype(np.int64) + 1,
        height=height,
    )


def instance_labels(mask: NDArray[np.bool_], distance: Map, how: InstanceSettings) -> Labels:
    """(height, width) numbers of buildings from 1, in a row; 0 on the ground.

    Each connected region far enough from edges is the seed of one building, and so is each region
    of the mask that has none. Seeds then grow through the mask, a pixel a step, until they meet.
    """
    seeds, count = ndimage.label(mask & (distance > how.seed))
    regions, _ = ndimage.label(mask)
    seeded = np.unique(regions[seeds > 0])
    lonely = mask & ~np.isin(regions, seeded)
    seeds = np.where(lonely, regions + count, seeds)
    return renumbered(grown(seeds, mask), how.smallest)


def grown(seeds: NDArray[np.integer], mask: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Seeds grown through the mask: a pixel is of the seed with the fewest king's moves to it."""
    free = mask & (seeds == 0)
    while free.any():
        near = ndimage.maximum_filter(seeds, 3, mode="nearest")
        reached = free & (near > 0)
        if not reached.any():
            break
        seeds = np.where(reached, near, seeds)
        free &= ~reached
    return seeds


def renumbered(parts: NDArray[np.integer], smallest: int) -> Labels:
    """Numbers in a row from 1, without parts of under ``smallest`` pixels."""
    pixels = np.bincount(parts.ravel())
    large = pixels >= smallest
    large[0] = False
    numbers = np.where(large, np.cumsum(large), 0)
    return np.asarray(numbers[parts], np.int32)


def mean_of(parts: Labels, values: Map, count: int) -> NDArray[np.float64]:
    """(count,) means over each part."""
    sums = np.bincount(parts.ravel(), values.ravel().astype(np.float64), count + 1)
    pixels = np.bincount(parts.ravel(), minlength=count + 1)
    return np.asarray((sums / np.maximum(pixels, 1))[1:])


def quality_of(parts: Labels, distance: Map, count: int) -> NDArray[np.float64]:
    """(count,) 0 to 1: how well the distances from the edge that were predicted agree with those of
    the parts as they were cut out; a building that was cut wrongly has others."""
    actual = edge_distance(parts)
    error = mean_of(parts, np.abs(actual - np.clip(distance, 0, 1)), count)
    return np.asarray(1 - np.clip(error / np.maximum(mean_of(parts, actual, count), 1e-6), 0, 1))


def edge_distance(parts: Labels) -> Map:
    """(height, width) float32, 0..1: how far a pixel is from the edge of its part, the edge between
    touching ones included, in units of :data:`DISTANCE_REACH` pixels; 0 on the ground.

    Pixels are counted in steps of king's moves, as ``edge_distance_targets`` of the models does.
    """
    inner = (ndimage.maximum_filter(parts, 3, mode="nearest") == parts) & (parts > 0)
    inner &= ndimage.minimum_filter(parts, 3, mode="nearest") == parts
    far = (parts > 0).astype(np.float32)
    far += np.minimum(ndimage.distance_transform_cdt(inner, "chessboard"), DISTANCE_REACH - 1)
    return np.asarray(far / DISTANCE_REACH, np.float32)


def heights_of(
    maps: Mapping[str, Map], parts: Labels, mask: NDArray[np.bool_], how: InstanceSettings
) -> Map:
    """(height, width) metres: exactly 0 outside of buildings and on the ground; roofs whose heights
    differ little are level at their median."""
    metres = np.exp(maps["log_height"][0])
    stands = mask & (maps["elevated"][0] >= how.elevated)
    inside = np.where(stands, parts, 0)
    flat = metres.copy()
    for number, window in enumerate(ndimage.find_objects(inside), 1):
        if window is None:
            continue
        own = inside[window] == number
        low, middle, high = np.percentile(metres[window][own], (25, 50, 75))
        if high - low < how.flat * middle:
            flat[window][own] = middle
    return np.where(stands, flat, 0).astype(np.float32)
