"""Published baseline for heights: a network for segmentation whose sigmoid times the tallest
building is the height; of segmentation_models_pytorch."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.buildings.instances import TileFound
from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.data.tiles import TALLEST
from crosswake.models.buildings.base import BuildingModel, require_sides
from crosswake.models.buildings.dense_losses import masked_mean
from crosswake.models.buildings.fusion import PlainImages
from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig


class HeightNet(BuildingModel):
    """Heights of every pixel, and no buildings; trained by smooth L1 in metres."""

    def __init__(
        self, config: BuildingModelConfig, track: int, modalities: BuildingModalities
    ) -> None:
        super().__init__(config, track, modalities)
        if not self.heights:
            raise CrosswakeError("--model.method: height_net finds heights, which are of --track 2")
        networks = require("segmentation_models_pytorch", "buildings", "--model.method height_net")
        self.images = PlainImages(config.backbone, modalities)
        try:
            self.net = networks.create_model(
                config.architecture,
                encoder_name=f"tu-{config.backbone}",
                encoder_weights=None,
                in_channels=len(self.images.mean),
                classes=1,
            )
        except (KeyError, ValueError, RuntimeError) as error:
            raise CrosswakeError(
                f"--model.architecture: {config.architecture} of {config.backbone} cannot be made "
                f"({str(error).partition(chr(10))[0]})"
            ) from error

    def forward(self, batch: TileBatch) -> Tensor:
        """(batch, height, width) metres."""
        require_sides(batch)
        return torch.as_tensor(TALLEST * self.net(self.images(batch))[:, 0].float().sigmoid())

    def losses(self, batch: TileBatch, targets: TileTargets) -> dict[str, Tensor]:
        """height: smooth L1 in metres, over known pixels."""
        known = (targets.height.isfinite() & batch.valid).float()
        errors = F.smooth_l1_loss(self(batch), targets.height.nan_to_num(0.0), reduction="none")
        return {"height": masked_mean(errors, known)}

    @torch.no_grad()
    def find(self, batch: TileBatch) -> list[TileFound]:
        """Heights of each tile, and no buildings."""
        return [heights_alone(one.cpu().numpy()) for one in self(batch)]


def heights_alone(metres: np.ndarray) -> TileFound:
    """A tile of which only heights are known."""
    return TileFound(
        masks=np.zeros((0, *metres.shape), np.bool_),
        scores=np.zeros(0, np.float32),
        labels=np.zeros(0, np.int64),
        height=metres.astype(np.float32),
    )
