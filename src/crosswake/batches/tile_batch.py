"""What a building model is shown and what it should say of it: tiles, or windows cut from them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

OPTICAL_COLUMN, SAR_COLUMN = 0, 1
"""Columns of :attr:`TileBatch.present`."""


@dataclass(kw_only=True)
class TileBatch:
    """Tiles of one size.

    Attributes:
        optical: (batch, 3, height, width) float32, 0 to 1; 0 where there is none. Models normalise
            it as their backbones want it.
        sar: (batch, 1, height, width) float32, decibels of mean 0 and std 1 over its tile; 0 where
            there is none.
        present: (batch, 2) bool, whether there is an optical and a SAR image.
        valid: (batch, height, width) bool, false on padding.
    """

    optical: Tensor
    sar: Tensor
    present: Tensor
    valid: Tensor

    def __len__(self) -> int:
        return len(self.optical)

    def to(self, device: torch.device | str) -> "TileBatch":
        """The same on a device."""
        return TileBatch(**on_device(self, lambda value: value.to(device)))


@dataclass(kw_only=True)
class TileTargets:
    """What stands on the tiles of a batch; lists have an entry for each tile.

    Attributes:
        ids: (batch, height, width) int32: 0 on ground, k from 1 on building k - 1 of the lists (the
            smaller one where two overlap), -1 where what stands is not to be learnt: crowds, and
            slivers at the border of a window.
        labels: (buildings,) int64, categories from 1.
        boxes: (buildings, 4) float32, x0, y0, x1, y1 in pixels, around the building; x1 and y1 are
            one past its last pixel.
        masks: (buildings, height, width) uint8, 1 on the building; of no height where masks are not
            wanted, for they are large.
        covers: (buildings,) float32, share of the footprint that has a height above 0 in the
            reference; 0 for a footprint without height, 1 where there is no height map.
        height: (batch, height, width) float32, metres above ground; NaN where it is not known: on
            padding, without a height map, and on footprints without height.
    """

    ids: Tensor
    labels: list[Tensor]
    boxes: list[Tensor]
    masks: list[Tensor]
    covers: list[Tensor]
    height: Tensor

    def to(self, device: torch.device | str) -> "TileTargets":
        """The same on a device."""
        return TileTargets(**on_device(self, lambda value: value.to(device)))


def on_device(batch: TileBatch | TileTargets, move: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Every field, with its tensors moved."""
    moved: dict[str, Any] = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        moved[field.name] = [move(one) for one in value] if isinstance(value, list) else move(value)
    return moved
