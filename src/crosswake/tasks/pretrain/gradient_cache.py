"""Contrastive batches larger than memory (Gao et al., "Scaling Deep Contrastive Learning Batch Size
under Memory Limited Setup", RepL4NLP 2021, arXiv 2101.06983).

Features of all chunks come first, without keeping what they were computed from; the loss and its
gradient with regard to the features next; then each chunk again, now with the gradient that its
features are known to have. It costs a second forward pass, and the sum of gradients is that of the
whole batch."""

from contextlib import nullcontext

import torch
from torch import Tensor

from crosswake.tasks.pretrain.learner import CachedGradient, PairBatch, PairLearner
from crosswake.training.run import Run


def cached_backward(
    run: Run, learner: PairLearner, batch: PairBatch, chunk: int, share: float
) -> dict[str, Tensor]:
    """The loss of a whole batch; adds ``share`` of its gradients, ``chunk`` pairs at a time."""
    fabric, count = run.fabric, len(batch.optical)
    parts = [slice(start, start + chunk) for start in range(0, count, chunk)]
    with torch.no_grad(), fabric.autocast():
        features = torch.cat([learner.features(batch.rows(part)) for part in parts], dim=1)
    joined = gathered(run, features).requires_grad_()
    losses = learner.losses(joined, batch.same)
    found, *head = torch.autograd.grad(losses["loss"], [joined, *learner.head()])
    mine = (
        fabric.world_size * found[fabric.global_rank]
    )  # processes are averaged afterwards, and this is a sum
    for part in parts:
        last = part is parts[-1]
        known = CachedGradient(features=mine[:, part], head=tuple(head) if last else ())
        with nullcontext() if last else fabric.no_backward_sync(run.learner):
            fabric.backward(run.learner(batch.rows(part), known)["loss"] * share)
    return losses


def gathered(run: Run, features: Tensor) -> Tensor:
    """(2, share, width) of every process as (processes, 2, share, width), without gradients."""
    if run.fabric.world_size == 1:
        return features[None]
    found = run.fabric.all_gather(features)
    assert isinstance(found, Tensor)
    return found
