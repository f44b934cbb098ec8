"""Our building model: masks, classes and heights by one network on two modalities."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.data.tiles import TALLEST
from crosswake.models.buildings import dense_losses
from crosswake.models.buildings.base import DenseBuildingModel, require_sides
from crosswake.models.buildings.decoder import Decoder, doubled
from crosswake.models.buildings.dense_targets import DenseTargets, dense_targets
from crosswake.models.buildings.encoders import VitEncoder
from crosswake.models.buildings.fusion import GatedPair, make_fusion, widths_of
from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig

USUAL_HEIGHT = 8.0
"""Metres that an untrained model says of what stands."""
RARE = -2.0
"""First logit of building: 0.12, about what the first batches hold."""


class TwoModalityBuildings(DenseBuildingModel):
    """Two encoders joined by gates, one decoder, a branch for outlines and one for heights.

    Heads say of each pixel: building or not; the distance from the building's edge, from which
    buildings that touch are told apart; the class; whether it stands above the ground at all; and
    the logarithm of how high. So ground can be exactly 0, and heights are learnt as ratios. What
    the outlines' head says of a building goes into whether it stands.
    """

    def __init__(
        self, config: BuildingModelConfig, track: int, modalities: BuildingModalities
    ) -> None:
        super().__init__(config, track, modalities)
        self.encoders = make_fusion(config, modalities)
        channels = self.encoders.channels
        widths = widths_of(channels, config.width)
        self.decoder = Decoder(channels, widths, self.heights)
        self.outlines_head = nn.Conv2d(widths[0], 2 + self.classes, 1)
        self.heights_head = nn.Conv2d(widths[0], 2, 1) if self.heights else None
        self.class_counts: Tensor
        self.register_buffer("class_counts", torch.ones(self.classes))
        with torch.no_grad():
            bias = self.outlines_head.bias
            assert bias is not None
            bias.zero_()[0] = RARE
            if self.heights_head is not None and self.heights_head.bias is not None:
                self.heights_head.bias.copy_(torch.tensor([0.0, math.log(USUAL_HEIGHT)]))
        self.to(memory_format=torch.channels_last)

    @property
    def vit(self) -> VitEncoder | None:
        """The encoder of both modalities, if it is our ViT."""
        return self.encoders.vit if isinstance(self.encoders, GatedPair) else None

    def count_classes(self, counts: Sequence[int]) -> None:
        """How many buildings of each category there are to learn from."""
        self.class_counts.copy_(torch.tensor(counts))

    def forward(self, batch: TileBatch) -> dict[str, Tensor]:
        """Logits at half the size: building, distance, classes, elevated, log_height."""
        require_sides(batch)
        outlines, heights = self.decoder(self.encoders(batch))
        shown = self.outlines_head(outlines)
        found = {"building": shown[:, :1], "distance": shown[:, 1:2], "classes": shown[:, 2:]}
        if self.heights_head is not None:
            told = self.heights_head(heights)
            found["elevated"] = told[:, :1] + shown[:, :1]
            found["log_height"] = told[:, 1:]
        return found

    def maps(self, batch: TileBatch) -> dict[str, Tensor]:
        """(batch, channels, height, width) each, as :func:`found_of_maps` takes them."""
        found = {name: doubled(value.float()) for name, value in self(batch).items()}
        found["classes"] = found["classes"].softmax(dim=1)
        for name in ("building", "elevated"):
            if name in found:
                found[name] = found[name].sigmoid()
        if self.heights:
            lowest, highest = math.log(dense_losses.LOWEST), math.log(TALLEST)
            found["log_height"] = found["log_height"].clamp(lowest, highest)
        return found

    def losses(self, batch: TileBatch, targets: TileTargets) -> dict[str, Tensor]:
        """building, dice, distance; classes in track 1; elevated and height in track 2."""
        found = {name: value.float() for name, value in self(batch).items()}
        wanted = dense_targets(batch, targets)
        full = {name: doubled(found[name])[:, 0] for name in found if name != "classes"}
        valid = wanted.valid
        parts = {
            "building": dense_losses.masked_bce(full["building"], wanted.building, valid),
            "dice": dense_losses.soft_dice(full["building"], wanted.building, valid),
            "distance": 5 * dense_losses.distance_loss(full["distance"], wanted.distance, valid),
        }
        if self.classes > 1:
            parts["classes"] = self.class_part(found["classes"], wanted)
        if self.heights:
            stands = (wanted.height > 0).float()
            parts["elevated"] = dense_losses.masked_bce(full["elevated"], stands, wanted.known)
            parts["height"] = 2 * dense_losses.log_height_loss(
                full["log_height"], wanted.height, wanted.known
            )
        return parts

    def class_part(self, logits: Tensor, wanted: DenseTargets) -> Tensor:
        """Loss of classes, building by building."""
        coarse = F.max_pool2d(wanted.numbers.float(), 2).long()
        each = dense_losses.building_logits(logits, coarse, len(wanted.labels))
        weights = dense_losses.class_weights(self.class_counts)
        return dense_losses.class_loss(each, wanted.labels, weights)
