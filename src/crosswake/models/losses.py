"""Losses: one idea a function, features and labels in, a scalar out.

Where pytorch-metric-learning has it, its implementation is used; the rest is the field's own.
"""

from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def batch_hard_triplet(features: Tensor, labels: Tensor, margin: float | None = None) -> Tensor:
    """Batch-hard triplet loss (Hermans et al., arXiv 1703.07737, eq. 5), Euclidean, mean over
    anchors.

    Args:
        features: (batch, width), not normalised.
        labels: (batch,) int64.
        margin: max(0, d_ap - d_an + margin); None is the soft margin log(1 + exp(d_ap - d_an)).
    """
    miner, loss = _triplet_parts(margin)
    return torch.as_tensor(loss(features, labels, miner(features, labels)))


@cache
def _triplet_parts(margin: float | None) -> tuple[Any, Any]:
    from pytorch_metric_learning import distances, losses, miners, reducers

    distance = distances.LpDistance(normalize_embeddings=False)
    soft = margin is None
    loss = losses.TripletMarginLoss(
        margin=margin or 0.0, smooth_loss=soft, distance=distance, reducer=reducers.MeanReducer()
    )
    return miners.BatchHardMiner(distance=distance), loss


def metric_loss(
    kind: Literal["triplet", "circle", "supcon"],
    features: Tensor,
    labels: Tensor,
    margin: float | None = None,
) -> Tensor:
    """The metric loss by name: ``triplet`` as above, ``circle`` (Sun et al., CVPR 2020), or
    ``supcon`` (Khosla et al., NeurIPS 2020); ``margin`` is the triplet's."""
    if kind == "triplet":
        return batch_hard_triplet(features, labels, margin)
    return torch.as_tensor(_named_loss(kind)(features, labels))


@cache
def _named_loss(kind: str) -> Any:
    from pytorch_metric_learning import losses

    return losses.CircleLoss() if kind == "circle" else losses.SupConLoss()


def symmetric_contrastive(similarity: Tensor) -> Tensor:
    """Mean cross-entropy of rows and columns of a square similarity matrix whose diagonal is right
    (Radford et al., CLIP, figure 3; arXiv 2506.22027, section 4.3).
    """
    target = torch.arange(len(similarity), device=similarity.device)
    return (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target)) / 2


def cross_modal_contrastive(
    similarity: Tensor, row_labels: Tensor, column_labels: Tensor
) -> Tensor:
    """:func:`symmetric_contrastive` for batches in which an identity may come several times in
    either modality.

    For every row, -log of the share of softmax that falls on columns of its identity; likewise for
    columns. Rows and columns without a counterpart do not count. With each identity once on either
    side it is the symmetric loss.

    Args:
        similarity: (rows, columns) logits.
        row_labels: (rows,) int64.
        column_labels: (columns,) int64.
    """
    return matched_contrastive(similarity, row_labels[:, None] == column_labels[None, :])


def matched_contrastive(similarity: Tensor, matches: Tensor) -> Tensor:
    """:func:`cross_modal_contrastive` where (rows, columns) bool ``matches`` says what matches
    what."""
    return (_share_of_matches(similarity, matches) + _share_of_matches(similarity.T, matches.T)) / 2


def _share_of_matches(logits: Tensor, matches: Tensor) -> Tensor:
    """Mean over rows that have a match of -log of the softmax that falls on matches; 0 without such
    rows."""
    counts = matches.any(1)
    if not counts.any():
        return logits.sum() * 0.0
    found = logits.masked_fill(~matches, float("-inf"))[counts].logsumexp(1)
    return (logits[counts].logsumexp(1) - found).mean()


def classwise_modality_alignment(features: Tensor, labels: Tensor, modality: Tensor) -> Tensor:
    """Distance of the two modalities' mean and variance, for every identity with both (MOS, arXiv
    2512.03404).

    ||mean_optical - mean_sar||_2 + ||var_optical - var_sar||_2 on normalised features, biased
    variance, averaged over those identities; 0 if there are none.

    Args:
        features: (batch, width).
        labels: (batch,) int64.
        modality: (batch,) 0 optical, 1 SAR.
    """
    features = F.normalize(features)
    terms = []
    for label in labels.unique():
        optical, sar = (features[(labels == label) & (modality == value)] for value in (0, 1))
        if len(optical) and len(sar):
            means = torch.linalg.vector_norm(optical.mean(0) - sar.mean(0))
            spreads = torch.linalg.vector_norm(
                optical.var(0, correction=0) - sar.var(0, correction=0)
            )
            terms.append(means + spreads)
    return torch.stack(terms).mean() if terms else features.sum() * 0.0
