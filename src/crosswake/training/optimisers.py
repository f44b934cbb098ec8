"""The learning rate of every epoch, and the optimiser that uses it."""

import math
from typing import Any

import torch
from torch import nn

from crosswake.settings.run import OptimiserConfig


def learning_rate(epoch: int, epochs: int, config: OptimiserConfig) -> float:
    """Rate of an epoch counted from 1: linear warm-up, then a cosine over all epochs (TransOSS's
    own).

    The cosine does not start after the warm-up but runs from epoch 0, as published:
    ``golden/schedules.json``."""
    low = config.warmup_factor * config.lr
    if epoch < config.warmup_epochs:
        return low + (config.lr - low) * epoch / config.warmup_epochs
    floor = config.final_factor * config.lr
    return floor + (config.lr - floor) * (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2


def make_optimiser(
    model: nn.Module, config: OptimiserConfig, *, fused: bool = False
) -> torch.optim.Optimizer:
    """SGD or AdamW over the trainable weights, biases at their own rate (``lr_factor`` of the
    group).

    Args:
        model: whose weights.
        config: which optimiser, and how fast.
        fused: move all weights in one operation, which not every device has; equal to rounding.
    """
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    groups: list[dict[str, Any]] = [
        {
            "params": [weight for name, weight in named if not name.endswith("bias")],
            "lr_factor": 1.0,
        },
        {
            "params": [weight for name, weight in named if name.endswith("bias")],
            "lr_factor": config.bias_lr_factor,
        },
    ]
    common: dict[str, Any] = {
        "lr": config.lr,
        "weight_decay": config.weight_decay,
        "fused": fused or None,
    }
    if config.name == "sgd":
        return torch.optim.SGD(groups, momentum=config.momentum, **common)
    return torch.optim.AdamW(groups, **common)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of ``rate``."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["lr_factor"]
