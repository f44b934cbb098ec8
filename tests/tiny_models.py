"""Tiny models made on the fly."""

from dataclasses import replace
from pathlib import Path

import torch

from crosswake.config import ModelConfig
from crosswake.models.transoss import TransOSS

TINY = ModelConfig(image_size=(64, 32), width=64, depth=2, heads=2)


def tiny_model(seed: int = 0, **changes: object) -> TransOSS:
    """A model of random weights, the same for the same seed, in evaluation mode."""
    torch.manual_seed(seed)
    model = TransOSS(replace(TINY, **changes))  # type: ignore[arg-type]
    model.bottleneck.running_mean = torch.randn(model.config.width) / 4  # type: ignore[assignment]
    return model.eval()


def tiny_weights(path: Path, seed: int = 0, **changes: object) -> Path:
    """The file of :func:`tiny_model`, without settings, as published weights come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(tiny_model(seed, **changes).state_dict(), path)
    return path
