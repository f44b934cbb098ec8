"""A stand-in for a model of buildings: what is bright is building, and its height is its colour."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from crosswake.batches.tile_batch import TileBatch
from crosswake.buildings.instances import TileFound, found_of_maps

BRIGHT = 0.62
"""Of the optical image; houses of ``make_tiles`` are brighter, ground is darker."""


class Seeing:
    """Has what prediction asks of a finder.

    Args:
        dense: whether it tells maps.
        track: 1 or 2.
        modalities: what it says that it was trained on.
    """

    def __init__(self, dense: bool = True, track: int = 2, modalities: Any = "both") -> None:
        self.model = SimpleNamespace(dense=dense)
        self.track, self.modalities = track, modalities
        self.looks: list[tuple[int, ...]] = []

    def maps(self, batch: TileBatch) -> dict[str, Tensor]:
        """From pixels alone, so that windows do not matter."""
        self.looks.append(tuple(batch.optical.shape))
        shown = batch.optical.mean(dim=1, keepdim=True)
        building = (shown > BRIGHT).float()
        red = batch.optical[:, :1]
        return {
            "building": building,
            "distance": building,
            "classes": torch.ones(len(building), 12 if self.track == 1 else 1, *shown.shape[2:]),
        } | ({"elevated": building, "log_height": 3 * red} if self.track == 2 else {})

    def find(self, batch: TileBatch) -> list[TileFound]:
        """From the maps."""
        maps = {name: value.numpy() for name, value in self.maps(batch).items()}
        return [
            found_of_maps({name: value[n] for name, value in maps.items()})
            for n in range(len(batch))
        ]
