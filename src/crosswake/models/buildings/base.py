"""What every building model offers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.buildings.instances import TileFound, found_of_maps
from crosswake.core.errors import CrosswakeError
from crosswake.data.tiles import TRACK_CLASSES
from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig


class BuildingModel(nn.Module, ABC):
    """Tiles in, buildings out.

    Args:
        config: the settings.
        track: 1 for roof types without heights, 2 for buildings with heights.
        modalities: what the model is built to see.

    Attributes:
        dense: whether :meth:`maps` tells all.
        classes: how many categories there are.
        heights: whether the model is taught heights.
        wants_masks: whether its losses look at a mask for each building.
    """

    dense = wants_masks = False

    def __init__(
        self, config: BuildingModelConfig, track: int, modalities: BuildingModalities
    ) -> None:
        super().__init__()
        self.config, self.track, self.modalities = config, track, modalities
        self.classes = len(TRACK_CLASSES[track])
        self.heights = track == 2

    @abstractmethod
    def losses(self, batch: TileBatch, targets: TileTargets) -> dict[str, Tensor]:
        """Scalars whose sum is to be minimised, the same names at every call."""

    @abstractmethod
    def find(self, batch: TileBatch) -> list[TileFound]:
        """Buildings and heights of each tile; in evaluation mode, without gradients."""

    def count_classes(self, counts: Sequence[int]) -> None:
        """Be told how many buildings of each category there are to learn from, for a loss that
        balances them; of no effect on models without one."""


class DenseBuildingModel(BuildingModel):
    """A model that says everything pixel by pixel, so that windows and flips can be averaged."""

    dense = True

    @abstractmethod
    def maps(self, batch: TileBatch) -> dict[str, Tensor]:
        """(batch, channels, height, width) each, as :func:`found_of_maps` takes them."""

    @torch.no_grad()
    def find(self, batch: TileBatch) -> list[TileFound]:
        """Buildings and heights of each tile."""
        maps = {name: value.float().cpu().numpy() for name, value in self.maps(batch).items()}
        valid = batch.valid.cpu().numpy()
        return [
            found_of_maps({name: value[index] for name, value in maps.items()}, valid[index])
            for index in range(len(batch))
        ]


def require_sides(batch: TileBatch, multiple: int = 32) -> None:
    """Refuse tiles that do not fit a network's strides.

    Raises:
        CrosswakeError: a side is no multiple.
    """
    height, width = batch.optical.shape[-2:]
    if height % multiple or width % multiple:
        raise CrosswakeError(
            f"a batch of {height} x {width} pixels: sides must be multiples of {multiple}; pad it"
        )
