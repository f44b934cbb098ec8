"""A building model with its losses as one module, which is what data-parallel training wraps."""

import torch
from torch import Tensor, nn

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.models.buildings.base import BuildingModel
from crosswake.settings.buildings_train import BuildingLossConfig


class BuildingLearner(nn.Module):
    """Windows in, losses out.

    Args:
        model: the model.
        weights: of its losses; one without a weight counts 1.
    """

    def __init__(self, model: BuildingModel, weights: BuildingLossConfig) -> None:
        super().__init__()
        self.model, self.weights = model, weights

    def forward(self, batch: TileBatch, targets: TileTargets) -> dict[str, Tensor]:
        """The sum to minimise as ``loss``, and its parts as ``loss_NAME``, unweighted."""
        parts = self.model.losses(batch, targets)
        weighted = [getattr(self.weights, name, 1.0) * value for name, value in parts.items()]
        named = {f"loss_{name}": value.detach() for name, value in parts.items()}
        return {"loss": torch.stack(weighted).sum(), **named}
