"""Tiny models made on the fly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from crosswake.core.tensor_files import CHECKPOINT_FORMAT
from crosswake.models.backbones.vit import Vit
from crosswake.models.build import build_model
from crosswake.models.model import ReidModel
from crosswake.settings.common import plain
from crosswake.settings.model import ModelConfig

TINY = ModelConfig(image_size=(64, 32), width=64, depth=2, heads=2)


def tiny_model(seed: int = 0, **changes: Any) -> ReidModel:
    """A model of random weights, the same for the same seed, in evaluation mode."""
    torch.manual_seed(seed)
    model = build_model(replace(TINY, **changes))
    neck = model.get_submodule(model.neck_name)
    neck.running_mean = torch.randn(model.width) / 4
    return model.eval()


def vit_of(model: ReidModel) -> Vit:
    """The backbone of a model that has our own ViT."""
    assert isinstance(model.base, Vit)
    return model.base


def tiny_weights(
    path: Path,
    seed: int = 0,
    sar_radiometry: str = "max",
    sar_band: int | None = None,
    **changes: Any,
) -> Path:
    """The file of :func:`tiny_model`, with its settings, as training writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = tiny_model(seed, **changes)
    config = {
        "model": plain(model.config),
        "sar_radiometry": sar_radiometry,
        "sar_band": sar_band,
    }
    torch.save({"format": CHECKPOINT_FORMAT, "config": config, "model": model.state_dict()}, path)
    return path
