"""What the dense model is taught, made of the footprints of a batch on its device."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.buildings.instances import DISTANCE_REACH


@dataclass(frozen=True, kw_only=True)
class DenseTargets:
    """Targets of each pixel.

    Attributes:
        numbers: (batch, height, width) int64, buildings of the whole batch from 1; 0 elsewhere.
        labels: (buildings,) int64, classes from 0.
        building: (batch, height, width) float32, 1 on buildings.
        distance: (batch, height, width) float32, 0..1, see :func:`edge_distance_targets`.
        valid: (batch, height, width) float32, 1 where there is an image and something to learn.
        height: (batch, height, width) float32 metres; 0 where unknown.
        known: (batch, height, width) float32, 1 where the height is known.
    """

    numbers: Tensor
    labels: Tensor
    building: Tensor
    distance: Tensor
    valid: Tensor
    height: Tensor
    known: Tensor


def dense_targets(batch: TileBatch, targets: TileTargets) -> DenseTargets:
    """Targets of each pixel of a batch. A footprint without height teaches no height: its pixels
    are unknown, which is not the same as ground. What is to be ignored is not valid."""
    counts = torch.tensor([len(labels) for labels in targets.labels], device=targets.ids.device)
    before = (counts.cumsum(0) - counts)[:, None, None]
    ids = torch.where(targets.ids > 0, targets.ids + before, 0)
    known = targets.height.isfinite() & batch.valid
    return DenseTargets(
        numbers=ids,
        labels=torch.cat(targets.labels) - 1,
        building=(ids > 0).float(),
        distance=edge_distance_targets(ids),
        valid=(batch.valid & (targets.ids >= 0)).float(),
        height=targets.height.nan_to_num(0.0).clamp(min=0.0),
        known=known.float(),
    )


def edge_distance_targets(numbers: Tensor) -> Tensor:
    """How far each pixel is from the edge of its building, edges between touching buildings
    included, in king's moves, ending at ``DISTANCE_REACH``: as
    :func:`crosswake.buildings.instances.edge_distance`, on any device.

    Args:
        numbers: (batch, height, width) of buildings; 0 on the ground.

    Returns:
        (batch, height, width) float32, 0 on the ground, then 1 / reach at the edge, to 1.
    """
    values = numbers.float()[:, None]
    inside = values > 0
    largest = F.max_pool2d(values, 3, 1, 1)
    smallest = -F.max_pool2d(-values, 3, 1, 1)
    left = (inside & (largest == values) & (smallest == values)).float()
    far = inside.float()
    for _ in range(DISTANCE_REACH - 1):
        far = far + left
        left = -F.max_pool2d(-left, 3, 1, 1)
    return (far / DISTANCE_REACH)[:, 0]
