"""Losses of the dense model: one idea a function."""

import torch
from torch import Tensor
from torch.nn import functional as F

LOWEST = 0.5
"""Metres; what stands is at least so high in logarithms, where centimetres would count most."""
HEIGHT_BETA = 0.1
"""From this error of the natural logarithm on, the loss of heights grows linearly; delta_1 asks for
an error under log 1.25 = 0.22."""
DISTANCE_BETA = 0.1
INSIDE = 3.0
"""Weight of distances inside of buildings against those on the ground, which are all 0."""


def masked_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; 0 with no weight at all."""
    return (values * weights).sum() / weights.sum().clamp(min=1e-6)


def masked_bce(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy, weighted mean over pixels."""
    return masked_mean(
        F.binary_cross_entropy_with_logits(logits, target, reduction="none"), weights
    )


def soft_dice(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """1 - 2 |p t| / (|p| + |t|) over all pixels of the batch (Milletari et al., 3DV 2016, section
    3, without squares), which does not care how rare buildings are."""
    probability = logits.sigmoid() * weights
    target = target * weights
    both = (probability * target).sum()
    return 1 - (2 * both + 1) / (probability.sum() + target.sum() + 1)


def distance_loss(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Smooth L1 between distances from the edge, :data:`INSIDE` times as much on buildings."""
    errors = F.smooth_l1_loss(predicted, target, beta=DISTANCE_BETA, reduction="none")
    return masked_mean(errors, weights * torch.where(target > 0, INSIDE, 1.0))


def log_height_loss(log_height: Tensor, height: Tensor, known: Tensor) -> Tensor:
    """Smooth L1 between logarithms of heights, over what is known to stand above the ground.

    A ratio is what the contest's delta looks at: 2 m count as much at a height of 8 m as 20 m do at
    80 m.
    """
    stands = known * (height > 0)
    target = height.clamp(min=LOWEST).log()
    errors = F.smooth_l1_loss(log_height, target, beta=HEIGHT_BETA, reduction="none")
    return masked_mean(errors, stands)


def building_logits(logits: Tensor, numbers: Tensor, count: int) -> Tensor:
    """Mean logits of each building: (buildings, classes); 0 for one without a pixel.

    Args:
        logits: (batch, classes, height, width).
        numbers: (batch, height, width) of buildings from 1; 0 elsewhere.
        count: buildings.
    """
    flat = numbers.flatten()
    rows = logits.permute(0, 2, 3, 1).reshape(len(flat), -1)
    sums = rows.new_zeros(count + 1, rows.shape[1]).index_add(0, flat, rows)
    pixels = torch.bincount(flat, minlength=count + 1).clamp(min=1)
    return (sums / pixels[:, None])[1:]


def class_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of buildings, each weighing as its class does; 0 without buildings.

    Args:
        logits: (buildings, classes).
        labels: (buildings,) int64.
        weights: (classes,).
    """
    if not len(labels):
        return logits.sum() * 0.0
    each = F.cross_entropy(logits, labels, reduction="none")
    return masked_mean(each, weights[labels])


def class_weights(counts: Tensor) -> Tensor:
    """(classes,) weights that fall with the root of how many there are, of mean 1 over buildings: a
    class a hundred times as frequent counts ten times as much in all."""
    weights = counts.clamp(min=1).float() ** -0.5
    return weights * counts.sum().clamp(min=1) / (weights * counts).sum().clamp(min=1e-6)
