"""The model's shape."""

from dataclasses import dataclass
from typing import Literal

from crosswake.settings.common import check


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """TransOSS's shape (arXiv 2506.22027, section 4); the defaults are the published ViT-B/16."""

    image_size: tuple[int, int] = (256, 128)
    """Height and width that chips are resized to, in pixels."""
    patch_size: int = 16
    """Side of a square patch, in pixels."""
    stride: int = 16
    """Distance between patches, in pixels; under the patch size they overlap."""
    stem: Literal["patch", "conv"] = "patch"
    """Patch embedding: one convolution (published), or a stack of small ones, which learns faster
    from little data."""
    width: int = 768
    """Size of a token, and of the embedding."""
    depth: int = 12
    """Number of transformer blocks."""
    heads: int = 12
    """Attention heads of a block."""
    mie: bool = True
    """Modality information embedding, added to every token."""
    mie_scale: float = 3.0
    """What the modality information embedding is multiplied by (mie_coe)."""
    sse: bool = True
    """Ship size embedding, appended as the last token."""
    pooling: Literal["class", "grid"] = "class"
    """Feature: the class token (published), or all patches squeezed and joined, which keeps where
    things are."""
    feature: Literal["raw", "neck"] = "raw"
    """What the metric loss and the ranking compare: the feature before BNNeck (published), or after
    it."""
    drop_path: float = 0.1
    """Probability of skipping the last block's branches in training; rises linearly from 0."""

    def __post_init__(self) -> None:
        height, width = self.image_size
        check(self.patch_size > 0, "model.patch_size", f"must be above 0, got {self.patch_size}")
        check(
            0 < self.stride <= self.patch_size,
            "model.stride",
            f"must be 1 to {self.patch_size}, got {self.stride}",
        )
        halves = self.stem == "patch" or (
            self.stride == self.patch_size and self.stride in (2, 4, 8, 16, 32)
        )
        check(
            halves,
            "model.stem",
            "conv needs a patch_size and stride that are equal and 2, 4, 8, 16 or 32",
        )
        fits = min(height, width) >= self.patch_size
        check(fits, "model.image_size", f"{height} x {width} holds no patch of {self.patch_size}")
        check(self.depth > 0, "model.depth", f"must be above 0, got {self.depth}")
        divides = self.heads > 0 and self.width > 0 and self.width % self.heads == 0
        check(divides, "model.heads", f"{self.heads} heads do not divide a width of {self.width}")
        check(
            0 <= self.drop_path < 1,
            "model.drop_path",
            f"must be from 0 to under 1, got {self.drop_path}",
        )

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width = self.image_size
        return (height - self.patch_size) // self.stride + 1, (
            width - self.patch_size
        ) // self.stride + 1
