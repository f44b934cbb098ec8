"""The model's shape."""

from dataclasses import dataclass, fields
from typing import Literal

from crosswake.settings.common import check

LARGEST_SIDE = 4096
"""Pixels; beyond that, no memory holds the attention of a batch."""
OWN_SHAPE = ("patch_size", "stride", "stem", "depth", "heads")
"""Settings of our own ViT; a timm backbone has its shape by its name."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What the model is made of; the defaults are the published TransOSS, a ViT-B/16
    (arXiv 2506.22027, section 4)."""

    method: Literal["transoss", "sdf_net"] = "transoss"
    """TransOSS, or SDF-Net (arXiv 2603.12588), which separates what both modalities share from what
    each has of its own."""
    backbone: str = "vit"
    """`vit` for our own ViT, shaped by patch_size, stride, stem, width, depth and heads; or the
    name of a timm model, such as resnet50, convnext_tiny or vit_small_patch14_dinov2."""
    image_size: tuple[int, int] = (256, 128)
    """Height and width that chips are resized to, in pixels."""
    patch_size: int = 16
    """Side of a square patch, in pixels (vit)."""
    stride: int = 16
    """Distance between patches, in pixels; under the patch size they overlap (vit)."""
    stem: Literal["patch", "conv"] = "patch"
    """Patch embedding: one convolution (published), or a stack of small ones, which learns faster
    from little data (vit)."""
    width: int = 768
    """Size of the embedding, and of a token of vit. A timm backbone has its own width, unless grid
    pooling makes another of it."""
    depth: int = 12
    """Number of transformer blocks (vit)."""
    heads: int = 12
    """Attention heads of a block (vit)."""
    cut: int = 0
    """Cut a convolutional timm backbone after its last stage whose cells are this many pixels
    apart, such as 16; 0 takes all of it."""
    norms: Literal["shared", "modality"] = "shared"
    """BatchNorm of a convolutional timm backbone: one for both modalities, or statistics and scales
    of its own for each."""
    mie: bool = True
    """Modality information embedding, added to every token; for transformers."""
    mie_scale: float = 3.0
    """What the modality information embedding is multiplied by (mie_coe)."""
    sse: bool = True
    """Ship size embedding: one more token, or in a convolutional backbone a part of the feature."""
    pooling: Literal["class", "grid", "mean"] = "class"
    """Feature: the class token (published); all patches squeezed and joined, which keeps where
    things are; or the mean of all patches."""
    feature: Literal["raw", "neck"] = "raw"
    """What the metric loss and the ranking compare: the feature before BNNeck (published), or after
    it. SDF-Net ranks by the feature after it."""
    drop_path: float = 0.1
    """Probability of skipping the last block's branches in training; rises linearly from 0."""

    def __post_init__(self) -> None:
        if self.backbone == "vit":
            self._check_vit()
        else:
            self._check_timm()
        if self.method == "sdf_net":
            self._check_sdf_net()
        sides = f"sides must be 1 to {LARGEST_SIDE}, got {self.image_size}"
        good = min(self.image_size) > 0 and max(self.image_size) <= LARGEST_SIDE
        check(good, "model.image_size", sides)
        check(self.width > 0, "model.width", f"must be above 0, got {self.width}")
        check(self.mie_scale > 0, "model.mie_scale", f"must be above 0, got {self.mie_scale}")
        check(
            0 <= self.drop_path < 1,
            "model.drop_path",
            f"must be from 0 to under 1, got {self.drop_path}",
        )

    def _check_vit(self) -> None:
        height, width = self.image_size
        check(self.patch_size > 0, "model.patch_size", f"must be above 0, got {self.patch_size}")
        check(
            0 < self.stride <= self.patch_size,
            "model.stride",
            f"must be 1 to {self.patch_size}, got {self.stride}",
        )
        fits = min(height, width) >= self.patch_size
        check(fits, "model.image_size", f"{height} x {width} holds no patch of {self.patch_size}")
        if self.stem == "conv":
            check(
                self.stride == self.patch_size and self.stride in (2, 4, 8, 16, 32),
                "model.stem",
                "conv needs a patch_size and stride that are equal and 2, 4, 8, 16 or 32",
            )
            check(
                height % self.stride == 0 and width % self.stride == 0,
                "model.image_size",
                f"{height} x {width} is no multiple of {self.stride}; --model.stem conv needs one",
            )
        check(self.depth > 0, "model.depth", f"must be above 0, got {self.depth}")
        divides = self.heads > 0 and self.width > 0 and self.width % self.heads == 0
        check(divides, "model.heads", f"{self.heads} heads do not divide a width of {self.width}")
        check(self.cut == 0, "model.cut", "only a convolutional timm backbone can be cut")
        check(self.norms == "shared", "model.norms", "vit has no BatchNorm; set it to shared")

    def _check_timm(self) -> None:
        for field in fields(self):
            if field.name in OWN_SHAPE:
                check(
                    getattr(self, field.name) == field.default,
                    f"model.{field.name}",
                    f"{self.backbone} has its shape by its name; leave the option out",
                )
        check(self.cut >= 0, "model.cut", f"must not be negative, got {self.cut}")

    def _check_sdf_net(self) -> None:
        for name, needed in (("backbone", "vit"), ("pooling", "class"), ("feature", "neck")):
            value = getattr(self, name)
            check(value == needed, f"model.{name}", f"sdf_net needs {needed}, got {value}")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches of our own ViT."""
        height, width = self.image_size
        return (height - self.patch_size) // self.stride + 1, (
            width - self.patch_size
        ) // self.stride + 1
