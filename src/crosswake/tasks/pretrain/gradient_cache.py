"""Contrastive batches larger than memory (Gao et al., "Scaling Deep Contrastive Learning Batch Size
under Memory Limited Setup", RepL4NLP 2021, arXiv 2101.06983).

1. The features of all chunks, without what a backward pass would need.
2. The loss of the whole batch, and its gradient with regard to the features.
3. Each chunk once more, now with a backward pass that starts from the gradient of its features.

The gradients add up to those of the whole batch. The price is a second forward pass."""

from contextlib import nullcontext

import torch
from lightning_fabric import Fabric
from torch import Tensor

from crosswake.tasks.pretrain.learner import CachedGradient, PairBatch, PairLearner
from crosswake.training.optimisers import Optimisation
from crosswake.training.task import Losses


def cached_backward(
    optimisation: Optimisation, batch: PairBatch, chunk: int, share: float
) -> Losses:
    """The loss of a whole batch; adds ``share`` of its gradients, ``chunk`` pairs at a time."""
    fabric, learner = optimisation.fabric, optimisation.module.module
    assert isinstance(learner, PairLearner)
    parts = [slice(start, start + chunk) for start in range(0, len(batch.optical), chunk)]
    with torch.no_grad(), fabric.autocast():
        features = torch.cat([learner.features(batch.rows(part)) for part in parts], dim=1)
    joined = gathered(fabric, features).requires_grad_()
    losses = learner.losses(joined, batch.same)
    found, *head = torch.autograd.grad(losses["loss"], [joined, *learner.head()])
    # Gradients are averaged over processes, but these are parts of a sum.
    mine = fabric.world_size * found[fabric.global_rank]
    for part in parts:
        last = part is parts[-1]
        known = CachedGradient(features=mine[:, part], head=tuple(head) if last else ())
        with nullcontext() if last else optimisation.no_exchange():
            optimisation.backward(optimisation.module(batch.rows(part), known)["loss"], share)
    return losses


def gathered(fabric: Fabric, features: Tensor) -> Tensor:
    """(2, share, width) of every process as (processes, 2, share, width), without gradients."""
    if fabric.world_size == 1:
        return features[None]
    found = fabric.all_gather(features)
    assert isinstance(found, Tensor)
    return found
