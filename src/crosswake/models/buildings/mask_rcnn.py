"""Published baseline: Mask R-CNN (He et al., ICCV 2017) with a feature pyramid (Lin et al., CVPR
2017), of torchvision; the contest's own used ResNet-50."""

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.buildings.instances import TileFound
from crosswake.core.extras import require
from crosswake.models.buildings.base import BuildingModel
from crosswake.models.buildings.encoders import timm_features
from crosswake.models.buildings.fusion import PlainImages
from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig

SMALLEST_ANCHOR = 8
"""Side of an anchor over the stride of its map, as published: 32 pixels at a stride of 4."""
RATIOS = (0.5, 1.0, 2.0)
MOST_FOUND = 300
"""Buildings found on a tile; COCO's 100 are too few for a town."""
SURE = 0.05
"""Score of the least sure building that is still told, as published."""


class TimmPyramid(nn.Module):
    """A timm network with torchvision's feature pyramid on its maps from a stride of 4 on."""

    def __init__(self, name: str, channels: int, width: int) -> None:
        super().__init__()
        ops = require("torchvision.ops", "buildings", "Mask R-CNN")
        self.body, strides = timm_features(name, 32, channels)
        self.first = next(index for index, stride in enumerate(strides) if stride >= 4)
        self.strides = strides[self.first :]
        inner = self.body.feature_info.channels()[self.first :]
        self.fpn = ops.FeaturePyramidNetwork(inner, width)
        self.out_channels = width

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """Maps by the number of their level."""
        maps = self.body(images)[self.first :]
        return self.fpn(  # type: ignore[no-any-return]
            OrderedDict((str(index), one) for index, one in enumerate(maps))
        )


def torchvision_pyramid(channels: int) -> Any:
    """torchvision's ResNet-50 with its feature pyramid, with random weights."""
    models = require("torchvision.models.detection.backbone_utils", "buildings", "Mask R-CNN")
    backbone = models.resnet_fpn_backbone(
        backbone_name="resnet50", weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=5
    )
    if channels != 3:
        backbone.body.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    return backbone


class MaskRcnn(BuildingModel):
    """Mask R-CNN on the optical image, the SAR image, or both stacked.

    Stacked, the first convolution has four channels and starts from scratch, as published; with
    ``stacked_keep`` it keeps its filters for colours and starts with 0 for SAR. Heads are those
    published around torchvision's ResNet-50, else as narrow as the pyramid.
    """

    wants_masks = True

    def __init__(
        self, config: BuildingModelConfig, track: int, modalities: BuildingModalities
    ) -> None:
        super().__init__(config, track, modalities)
        self.images = PlainImages(config.backbone, modalities)
        channels = len(self.images.mean)
        published = config.backbone == "resnet50"
        backbone = (
            torchvision_pyramid(channels)
            if published
            else TimmPyramid(config.backbone, channels, config.width)
        )
        self.net = detector(backbone, self.classes + 1, channels, published)

    def losses(self, batch: TileBatch, targets: TileTargets) -> dict[str, Tensor]:
        """torchvision's five: of class, box, mask, and of the proposals' objectness and box."""
        wanted = [
            {"boxes": boxes, "labels": labels, "masks": masks}
            for boxes, labels, masks in zip(
                targets.boxes, targets.labels, targets.masks, strict=True
            )
        ]
        found: dict[str, Tensor] = self.net(list(self.images(batch)), wanted)
        return {name.removeprefix("loss_"): value for name, value in found.items()}

    @torch.no_grad()
    def find(self, batch: TileBatch) -> list[TileFound]:
        """Buildings of each tile."""
        return [found_of(one) for one in self.net(list(self.images(batch)))]


def detector(backbone: Any, labels: int, channels: int, published: bool) -> Any:
    """torchvision's Mask R-CNN around a backbone; images keep their size."""
    detection = require("torchvision.models.detection", "buildings", "Mask R-CNN")
    faster = require("torchvision.models.detection.faster_rcnn", "buildings", "Mask R-CNN")
    masks = require("torchvision.models.detection.mask_rcnn", "buildings", "Mask R-CNN")
    anchors = require("torchvision.models.detection.anchor_utils", "buildings", "Mask R-CNN")
    strides = [4, 8, 16, 32, 64] if published else backbone.strides
    sizes = tuple((SMALLEST_ANCHOR * stride,) for stride in strides)
    options: dict[str, Any] = {}
    if not published:
        ops = require("torchvision.ops", "buildings", "Mask R-CNN")
        width, levels = backbone.out_channels, [str(index) for index in range(len(strides))]
        options = {
            "box_roi_pool": ops.MultiScaleRoIAlign(levels, 7, 2),
            "mask_roi_pool": ops.MultiScaleRoIAlign(levels, 14, 2),
            "box_head": faster.TwoMLPHead(width * 49, 4 * width),
            "box_predictor": faster.FastRCNNPredictor(4 * width, labels),
            "mask_head": masks.MaskRCNNHeads(width, (width, width), 1),
            "mask_predictor": masks.MaskRCNNPredictor(width, width, labels),
            "rpn_pre_nms_top_n_train": 600,
            "rpn_post_nms_top_n_train": 300,
            "rpn_batch_size_per_image": 128,
            "box_batch_size_per_image": 64,
        }
    return detection.MaskRCNN(
        backbone,
        None if options else labels,
        image_mean=[0.0] * channels,
        image_std=[1.0] * channels,
        rpn_anchor_generator=anchors.AnchorGenerator(sizes, (RATIOS,) * len(sizes)),
        box_detections_per_img=MOST_FOUND,
        box_score_thresh=SURE,
        _skip_resize=True,
        **options,
    )


def found_of(result: dict[str, Tensor]) -> TileFound:
    """What torchvision says of a tile, as ours do."""
    masks = (result["masks"][:, 0] >= 0.5).cpu().numpy()
    some = masks.any(axis=(1, 2))
    return TileFound(
        masks=masks[some],
        scores=result["scores"].cpu().numpy().astype(np.float32)[some],
        labels=result["labels"].cpu().numpy().astype(np.int64)[some],
    )
