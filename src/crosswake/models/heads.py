"""What follows the backbone: pooling to one feature, BNNeck, classifier, and the pair head."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.settings.model import ModelConfig

LOGIT_SCALE = 2.6592  # ln(1 / 0.07)
SQUEEZED = 32
"""Numbers that grid pooling keeps of each patch."""


class GridPool(nn.Module):
    """A feature that keeps where things are: every patch is squeezed to a few numbers, and all of
    them joined.

    A class token has to learn from data alone to tell places apart; chips with an aligned axis, and
    pairs in register, show the same thing in the same place."""

    def __init__(self, channels: int, patches: int, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, SQUEEZED)
        self.join = nn.Linear(patches * SQUEEZED, width)

    def forward(self, patches: Tensor) -> Tensor:
        """(batch, patches, channels) to (batch, width)."""
        return torch.as_tensor(self.join(self.squeeze(patches).flatten(1)))

    def shares(self, patches: Tensor) -> Tensor:
        """Length of what each patch adds to the feature: (batch, patches)."""
        squeezed = self.squeeze(patches)
        weights = self.join.weight.reshape(-1, patches.shape[1], SQUEEZED)
        return torch.as_tensor(torch.einsum("bps,wps->bpw", squeezed, weights).norm(dim=-1))


class MeanPool(nn.Module):
    """The mean of all patches."""

    def forward(self, patches: Tensor) -> Tensor:
        """(batch, patches, channels) to (batch, channels)."""
        return patches.mean(1)

    def shares(self, patches: Tensor) -> Tensor:
        """Length of each patch, which is its share of the mean: (batch, patches)."""
        return torch.as_tensor(patches.norm(dim=-1))


def make_pool(
    config: ModelConfig, grid: tuple[int, int], channels: int
) -> GridPool | MeanPool | None:
    """The pooling of the settings; None for a class token, which needs none.

    Args:
        config: with pooling and width.
        grid: rows and columns of patches.
        channels: numbers in a patch.
    """
    if config.pooling == "grid":
        return GridPool(channels, grid[0] * grid[1], config.width)
    return MeanPool() if config.pooling == "mean" else None


def bn_neck(width: int) -> nn.BatchNorm1d:
    """BNNeck (Luo et al., CVPRW 2019, section 3.6): a BatchNorm whose bias stays 0, so that the
    classifier separates identities by direction, as ranking does."""
    neck = nn.BatchNorm1d(width)
    neck.bias.requires_grad_(False)
    return neck


def make_classifier(width: int, identities: int) -> nn.Linear | None:
    """One row of weights an identity, without bias; None without identities."""
    return nn.Linear(width, identities, bias=False) if identities else None


def pair_logits(sar: Tensor, optical: Tensor, logit_scale: Tensor) -> Tensor:
    """Cosine similarity of SAR rows and optical columns times exp(logit_scale) (arXiv 2506.22027,
    section 4.3): (SAR rows, optical rows)."""
    return logit_scale.exp() * (F.normalize(sar) @ F.normalize(optical).T)
