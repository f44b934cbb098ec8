"""The shape of a building model."""

from dataclasses import dataclass
from typing import Literal

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import check
from crosswake.settings.model import ModelConfig

BuildingModalities = Literal["rgb", "sar", "both"]
BuildingMethod = Literal["ours", "mask_rcnn", "height_net"]
STACKED = ("stacked", "stacked_keep")


@dataclass(frozen=True, kw_only=True)
class BuildingModelConfig:
    """What a building model is made of; the defaults train in minutes on a CPU."""

    method: BuildingMethod = "ours"
    """Masks, classes and heights by one network (ours); or the published baselines: Mask R-CNN
    (He et al., ICCV 2017), or a network for heights alone (height_net)."""
    backbone: str = "tf_efficientnet_lite0"
    """Name of a timm model; `vit` for our own ViT, shaped by the settings of that name (ours);
    `resnet50` in mask_rcnn is torchvision's, as published."""
    fusion: Literal["gated", "stacked", "stacked_keep"] = "gated"
    """How SAR joins the optical image. gated: an encoder of its own, behind gates that start closed
    (ours). stacked: a fourth channel, with a first convolution from scratch, as published.
    stacked_keep: a fourth channel whose filters start at 0, so that those of the colours are
    kept."""
    width: int = 48
    """Channels of the decoder (ours), or of the feature pyramid (mask_rcnn; published: 256)."""
    shrink: int = 2
    """The encoder sees the image so many times smaller; outlines come from a first layer at full
    size (ours)."""
    sar_shrink: int = 4
    """The encoder of SAR beside an optical image sees it so many times smaller, which costs little
    and averages speckle away (gated, convolutional)."""
    cut: int = 16
    """The encoder's last stage is the one whose cells are so many of its pixels apart (ours)."""
    architecture: str = "Unet"
    """Network of height_net, by its name in segmentation_models_pytorch; published: a dilated
    ResNet-50 with pyramid pooling, which is PSPNet."""
    patch_size: int = 16
    """Side of a patch of vit, in pixels that it sees."""
    stem: Literal["patch", "conv"] = "conv"
    """First layer of vit."""
    vit_width: int = 192
    """Numbers in a token of vit."""
    depth: int = 3
    """Blocks of vit."""
    heads: int = 3
    """Attention heads of a block of vit."""

    def __post_init__(self) -> None:
        check(self.width >= 8, "model.width", f"must be at least 8, got {self.width}")
        check(self.shrink in (1, 2), "model.shrink", f"must be 1 or 2, got {self.shrink}")
        check(
            self.sar_shrink in (1, 2, 4) and self.sar_shrink >= self.shrink,
            "model.sar_shrink",
            f"must be 1, 2 or 4 and no less than shrink, got {self.sar_shrink}",
        )
        check(self.cut in (8, 16, 32), "model.cut", f"must be 8, 16 or 32, got {self.cut}")
        ours = self.method == "ours"
        check(
            ours or self.backbone != "vit",
            "model.backbone",
            f"{self.method} takes a convolutional network, not vit",
        )
        if self.backbone == "vit":
            check(
                self.fusion == "gated", "model.fusion", "vit sees each modality alone; set it gated"
            )
            self.vit_config()

    def vit_config(self, image_size: tuple[int, int] = (256, 256)) -> ModelConfig:
        """The shape of our ViT.

        Raises:
            CrosswakeError: its settings do not fit each other.
        """
        try:
            return ModelConfig(
                image_size=image_size,
                patch_size=self.patch_size,
                stride=self.patch_size,
                stem=self.stem,
                width=self.vit_width,
                depth=self.depth,
                heads=self.heads,
                mie_scale=1.0,
                sse=False,
                drop_path=0.0,
            )
        except CrosswakeError as error:
            raise CrosswakeError(str(error).replace("model.width", "model.vit_width")) from error
