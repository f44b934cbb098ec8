"""Windows of tiles with what they should teach, changed at random.

What is random is drawn for a whole batch, from a generator of its step alone, before processes
share the batch; noise comes from a seed of each window. So a window is the same however many
processes there are, and whether or not training was interrupted."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.batches.tile_decode import CROWD, FILLED_UP, GROUND, UNKNOWN_HEIGHT
from crosswake.batches.tile_store import StoredTile, TileStore
from crosswake.settings.building_model import BuildingModalities
from crosswake.settings.buildings_train import CROP_STEP, TileAugmentConfig

SLIVER = 12
"""Pixels; of a building cut by a window's border, fewer than these teach nothing."""
CONTRAST_PIVOT = 0.4
"""Optical values are spread or narrowed about this."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """What happens to each window of a batch.

    Attributes:
        corner: (batch, 2) in 0 to 1, where in the tile's room it begins.
        flip: (batch,) bool, left to right.
        turns: (batch,) quarter turns.
        contrast: (batch, 2), factor and summand of optical values.
        colour: (batch, 3), factors of colours.
        grey: (batch,) bool.
        gain: (batch, 2), factor and summand of SAR values.
        withheld: (batch, 2) bool, of optical and SAR image.
        seed: (batch,) int64, of a window's noise.
    """

    corner: NDArray[np.float64]
    flip: NDArray[np.bool_]
    turns: NDArray[np.int64]
    contrast: NDArray[np.float32]
    colour: NDArray[np.float32]
    grey: NDArray[np.bool_]
    gain: NDArray[np.float32]
    withheld: NDArray[np.bool_]
    seed: NDArray[np.int64]

    def rows(self, part: slice) -> "WindowPlan":
        """The plan of some of the windows."""
        chosen: dict[str, Any] = {one.name: getattr(self, one.name)[part] for one in fields(self)}
        return WindowPlan(**chosen)


def draw_windows_of_tiles(
    batch: int, config: TileAugmentConfig, random: np.random.Generator
) -> WindowPlan:
    """Draw what happens to ``batch`` windows. The order of the draws must stay as it is."""

    def factors(std: float, columns: int) -> NDArray[np.float32]:
        return np.exp(std * random.standard_normal((batch, columns))).astype(np.float32)

    def with_shift(std: float) -> NDArray[np.float32]:
        shift = std * random.standard_normal((batch, 1))
        return np.concatenate([factors(std, 1), shift], axis=1).astype(np.float32)

    corner = random.random((batch, 2))
    flip = random.random(batch) < config.flip
    turns = random.integers(0, 4, batch) * int(config.turn)
    contrast, colour = with_shift(config.contrast), factors(config.colour, 3)
    grey = random.random(batch) < config.grey
    gain, chance = with_shift(config.gain), random.random(batch)
    optical = chance < config.drop_optical
    sar = ~optical & (chance < config.drop_optical + config.drop_sar)
    return WindowPlan(
        corner=corner,
        flip=flip,
        turns=turns,
        contrast=contrast,
        colour=colour,
        grey=grey,
        gain=gain,
        withheld=np.stack([optical, sar], axis=1),
        seed=random.integers(0, 2**63 - 1, batch),
    )


@dataclass(frozen=True, kw_only=True)
class TileCutter:
    """Makes batches of windows.

    Attributes:
        store: the tiles.
        side: of a window, in pixels; 0 for whole tiles, filled up to a square.
        augment: what is changed at random.
        modalities: the images that are shown.
        masks: whether each building's mask and box are wanted.
        heights: whether heights are.
    """

    store: TileStore
    side: int
    augment: TileAugmentConfig
    modalities: BuildingModalities
    masks: bool = False
    heights: bool = True

    def cut(self, rows: Sequence[int], plan: WindowPlan) -> tuple[TileBatch, TileTargets]:
        """A window of each row of the store, as the plan says, on the CPU."""
        tiles = [self.store[row] for row in rows]
        side = self.side or whole_side(tiles)
        count = len(tiles)
        optical = torch.zeros(count, 3, side, side)
        sar = torch.zeros(count, 1, side, side)
        present = torch.zeros(count, 2, dtype=torch.bool)
        ids = np.full((count, side, side), FILLED_UP, np.int32)
        height = torch.full((count, side, side), torch.nan)
        for place, tile in enumerate(tiles):
            box = window_box(tile.footprints.shape, side, plan.corner[place])
            look = Look(box, bool(plan.flip[place]), int(plan.turns[place]))
            present[place] = torch.tensor(self.shown(tile, plan.withheld[place]))
            footprints = look.of(tile.footprints)
            into = np.s_[..., : footprints.shape[0], : footprints.shape[1]]
            ids[place][into] = footprints
            if present[place, 0]:
                changed = changed_colours(look.of(tile.optical), plan, place)
                optical[place].numpy()[into] = changed
            if present[place, 1]:
                changed = changed_radar(look.of(tile.sar), plan, place, self.augment.speckle)
                sar[place, 0].numpy()[into] = changed
            if self.heights and tile.has[2]:
                metres = metres_of(look.of(tile.centimetres), footprints, tile.covers)
                height[place].numpy()[into] = metres
        valid = torch.from_numpy(ids != FILLED_UP)
        for place in np.flatnonzero(~valid.flatten(1).all(1).numpy()).tolist():
            optical[place] *= valid[place]
            sar[place] *= valid[place]
        batch = TileBatch(optical=optical, sar=sar, present=present, valid=valid)
        return batch, self.targets(tiles, ids, height)

    def shown(self, tile: StoredTile, withheld: NDArray[np.bool_]) -> tuple[bool, bool]:
        """Whether the optical and the SAR image of a window are shown; never neither where the tile
        has one that may be."""
        optical = tile.has[0] and self.modalities != "sar"
        sar = tile.has[1] and self.modalities != "rgb"
        if optical and sar:
            return not withheld[0], not withheld[1]
        return optical, sar

    def targets(
        self, tiles: Sequence[StoredTile], ids: NDArray[np.int32], height: Tensor
    ) -> TileTargets:
        """What the windows should teach; ``ids`` become numbers within each window."""
        labels, covers, boxes, masks = [], [], [], []
        for place, tile in enumerate(tiles):
            kept = renumber(ids[place])
            labels.append(torch.from_numpy(tile.labels[kept - 1]))
            covers.append(torch.from_numpy(tile.covers[kept - 1]))
            found = (
                ids[place] == np.arange(1, len(kept) + 1)[:, None, None]
                if self.masks
                else np.zeros((len(kept), 0, 0), np.bool_)
            )
            masks.append(torch.from_numpy(found.astype(np.uint8)))
            boxes.append(torch.from_numpy(boxes_of(ids[place], len(kept))))
        return TileTargets(
            ids=torch.from_numpy(ids),
            labels=labels,
            boxes=boxes,
            masks=masks,
            covers=covers,
            height=height,
        )


@dataclass(frozen=True)
class Look:
    """A window of a tile, flipped and turned: rows and columns of it, from ``top`` and ``left``."""

    box: tuple[int, int, int, int]
    flip: bool
    turns: int

    def of(self, plane: NDArray[Any]) -> NDArray[Any]:
        """The window of (..., height, width), flipped, then turned."""
        top, left, height, width = self.box
        window = plane[..., top : top + height, left : left + width]
        return np.rot90(window[..., ::-1] if self.flip else window, self.turns, axes=(-2, -1))


def whole_side(tiles: Sequence[StoredTile]) -> int:
    """The side of a square that holds each of the tiles, a multiple of ``CROP_STEP``."""
    longest: int = max(max(tile.footprints.shape) for tile in tiles)
    return -(-longest // CROP_STEP) * CROP_STEP


def window_box(
    size: tuple[int, ...], side: int, corner: NDArray[np.float64]
) -> tuple[int, int, int, int]:
    """Top, left, height and width of the window whose corner is at a share of the room there is."""
    height, width = min(side, size[0]), min(side, size[1])
    top, left = int(corner[0] * (size[0] - height + 1)), int(corner[1] * (size[1] - width + 1))
    return top, left, height, width


def metres_of(
    centimetres: NDArray[np.uint16], footprints: NDArray[np.int16], covers: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Heights of a window; NaN where unknown, on padding and on footprints without height."""
    bare = np.concatenate([[False], covers == 0])
    unknown = (centimetres == UNKNOWN_HEIGHT) | (footprints == FILLED_UP)
    unknown |= bare[np.maximum(footprints, 0)]
    metres = np.asarray(centimetres.astype(np.float32) / 100, np.float32)
    metres[unknown] = np.nan
    return metres


def renumber(ids: NDArray[np.int32]) -> NDArray[np.int64]:
    """Number the buildings of a window from 1, in place; slivers become ``CROWD``.

    Returns:
        their numbers in the tile, sorted.
    """
    pixels = np.bincount(np.maximum(ids, 0).ravel())
    pixels[GROUND] = 0
    kept = np.flatnonzero(pixels >= SLIVER)
    table = np.full(len(pixels), CROWD, np.int32)
    table[GROUND] = GROUND
    table[kept] = np.arange(1, len(kept) + 1)
    building = ids > 0
    ids[building] = table[ids[building]]
    ids[ids == FILLED_UP] = CROWD
    return np.asarray(kept, np.int64)


def boxes_of(ids: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """(count, 4) x0, y0, x1, y1 of the buildings 1 to ``count`` of a window."""
    rows, columns = np.nonzero(ids > 0)
    number = ids[rows, columns] - 1
    boxes = np.zeros((count, 4), np.float32)
    boxes[:, :2] = ids.size
    for axis, values in ((0, columns), (1, rows)):
        np.minimum.at(boxes[:, axis], number, values)
        np.maximum.at(boxes[:, axis + 2], number, values + 1)
    return boxes


def changed_colours(
    optical: NDArray[np.uint8], plan: WindowPlan, place: int
) -> NDArray[np.float32]:
    """A window of (3, height, width) as 0 to 1, with other contrast, brightness and colours.

    Each colour has a table of what its 256 values become, which takes one pass over the pixels."""
    factor, summand = plan.contrast[place]
    values = np.arange(256, dtype=np.float32) / 255
    shift = CONTRAST_PIVOT * (1 - factor) + summand
    table = np.clip(values * (factor * plan.colour[place])[:, None] + shift, 0, 1)
    if plan.grey[place]:
        optical = np.repeat(grey_of(optical)[None], 3, axis=0)
    return np.stack([one[band] for one, band in zip(table, optical, strict=True)])


def grey_of(optical: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width) uint8 without colours."""
    return np.asarray(np.tensordot(np.asarray(LUMA, np.float32), optical, 1).round(), np.uint8)


def changed_radar(
    sar: NDArray[np.float16], plan: WindowPlan, place: int, speckle: float
) -> NDArray[np.float32]:
    """A window of (height, width) with other contrast and level, and noise."""
    factor, summand = plan.gain[place]
    changed = np.ascontiguousarray(sar, np.float32)
    changed *= factor
    changed += summand
    if speckle:
        random = np.random.Generator(np.random.SFC64(int(plan.seed[place])))
        noise = random.standard_normal(changed.shape, np.float32)
        noise *= speckle
        changed += noise
    return changed
