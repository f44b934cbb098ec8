"""Backbones by name, at the smallest shapes that they take."""

from typing import Any

import torch

from crosswake.models.build import build_model
from crosswake.models.model import ReidModel
from crosswake.settings.model import ModelConfig

CNN: dict[str, Any] = {"mie": False, "pooling": "mean", "image_size": (32, 32)}


LITE0: dict[str, Any] = CNN | {
    "backbone": "tf_efficientnet_lite0",
    "image_size": (64, 32),
    "pooling": "grid",
    "width": 32,
    "cut": 16,
    "norms": "modality",
}


GRID: dict[str, Any] = {"image_size": (32, 16), "pooling": "grid", "width": 32}


SMALL: dict[str, dict[str, Any]] = {
    "test_resnet": CNN,
    "test_convnext": CNN | {"pooling": "grid", "width": 48, "image_size": (64, 32)},
    "test_efficientnet": CNN | {"cut": 16, "norms": "modality", "image_size": (64, 32)},
    "test_vit": {"image_size": (32, 16)},
    "test_vit4": GRID,
}
"""Small relatives that timm has for tests, by which the same code runs in a moment."""


BACKBONES: dict[str, dict[str, Any]] = {
    "resnet50": CNN,
    "convnext_tiny": CNN,
    "tf_efficientnet_lite0": LITE0,
    "vit_small_patch16_224": {"image_size": (32, 16)},
    "vit_small_patch14_reg4_dinov2": {"image_size": (28, 14), "pooling": "mean"},
    "eva02_small_patch14_224": {"image_size": (28, 14), "pooling": "grid", "width": 32},
    "vit_small_patch16_dinov3": {"image_size": (32, 16)},
}


def built(name: str, **changes: Any) -> ReidModel:
    torch.manual_seed(0)
    return build_model(
        ModelConfig(**{"backbone": name} | (SMALL | BACKBONES)[name] | changes)
    ).eval()
