"""Weights that no loss uses, such as a classifier's when the identity loss is off."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Learner(nn.Module, ABC):
    """A model with its losses as one module, which is what data-parallel training wraps."""

    @abstractmethod
    def sample_loss(self) -> Tensor:
        """The loss of a few made-up samples, on the CPU: it uses the same weights as that of any
        batch."""


def freeze_idle(learner: Learner) -> None:
    """Freeze the weights that no loss uses: with several processes, training would wait for their
    gradients."""
    learner.eval()  # statistics stay as they are, and nothing is drawn at random
    learner.sample_loss().backward()
    learner.train()
    for weight in learner.parameters():
        weight.requires_grad_(weight.requires_grad and weight.grad is not None)
        weight.grad = None


def made_up_images(count: int, size: tuple[int, int]) -> Tensor:
    """(count, 3, height, width) float32 images, no two alike."""
    height, width = size
    return torch.linspace(-1, 1, count * 3 * height * width).reshape(count, 3, height, width)
