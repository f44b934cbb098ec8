import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from crosswake.models.losses import (
    batch_hard_triplet,
    classwise_modality_alignment,
    cross_modal_contrastive,
    metric_loss,
    symmetric_contrastive,
)
from tests.golden import golden_tensors


def naive_triplet(features: Tensor, labels: Tensor, margin: float | None) -> float:
    terms = []
    for i in range(len(features)):
        distance = [float(torch.dist(features[i], other)) for other in features]
        hardest = max(d for j, d in enumerate(distance) if labels[j] == labels[i] and j != i)
        nearest = min(d for j, d in enumerate(distance) if labels[j] != labels[i])
        gap = hardest - nearest
        terms.append(np.log1p(np.exp(gap)) if margin is None else max(0.0, gap + margin))
    return float(np.mean(terms))


def naive_alignment(features: Tensor, labels: Tensor, modality: Tensor) -> float:
    rows = (features / features.norm(dim=1, keepdim=True)).numpy().astype(np.float64)
    terms = []
    for label in set(labels.tolist()):
        parts = [rows[(labels.numpy() == label) & (modality.numpy() == m)] for m in (0, 1)]
        if all(len(part) for part in parts):
            means = np.linalg.norm(parts[0].mean(0) - parts[1].mean(0))
            terms.append(means + np.linalg.norm(parts[0].var(0) - parts[1].var(0)))
    return float(np.mean(terms)) if terms else 0.0


def test_reference_values_come_out() -> None:
    known = golden_tensors("losses.npz")
    features, labels = known["features"], known["labels"]
    for found, name in (
        (batch_hard_triplet(features, labels), "triplet_soft"),
        (batch_hard_triplet(features, labels, 0.3), "triplet_margin_0_3"),
        (symmetric_contrastive(known["similarity"]), "symmetric_contrastive"),
        (
            classwise_modality_alignment(features, labels, known["modality"]),
            "classwise_modality_alignment",
        ),
    ):
        assert float(found) == pytest.approx(float(known[name]), abs=1e-6), name


@pytest.mark.parametrize("margin", [None, 0.3])
@given(seed=st.integers(0, 10_000), identities=st.integers(2, 5), chips=st.integers(2, 4))
def test_triplet_equals_its_definition(
    margin: float | None, seed: int, identities: int, chips: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(identities * chips, 7, generator=random)
    labels = torch.arange(identities).repeat_interleave(chips)
    found = batch_hard_triplet(features, labels, margin)
    assert float(found) == pytest.approx(naive_triplet(features, labels, margin), abs=1e-5)


@given(seed=st.integers(0, 10_000))
def test_alignment_equals_its_definition(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(12, 5, generator=random)
    labels, modality = (
        torch.randint(0, 4, (12,), generator=random),
        torch.randint(0, 2, (12,), generator=random),
    )
    found = classwise_modality_alignment(features, labels, modality)
    assert float(found) == pytest.approx(naive_alignment(features, labels, modality), abs=1e-5)


@given(seed=st.integers(0, 10_000))
def test_cross_modal_contrastive_equals_its_definition(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(7, 5, generator=random, dtype=torch.float64)
    rows, columns = (
        torch.randint(0, 4, (7,), generator=random),
        torch.randint(0, 4, (5,), generator=random),
    )
    means = []
    for matrix, mine, others in ((logits, rows, columns), (logits.T, columns, rows)):
        terms = []
        for i in range(len(mine)):
            share = np.exp(matrix[i].numpy()) / np.exp(matrix[i].numpy()).sum()
            if (others == mine[i]).any():
                terms.append(-np.log(share[(others == mine[i]).numpy()].sum()))
        means.append(np.mean(terms) if terms else 0.0)
    assert cross_modal_contrastive(logits, rows, columns).item() == pytest.approx(
        np.mean(means), abs=1e-9
    )


def test_cross_modal_contrastive_of_single_pairs_is_the_symmetric_one() -> None:
    known = golden_tensors("losses.npz")["similarity"]
    labels = torch.randperm(len(known))
    torch.testing.assert_close(
        cross_modal_contrastive(known, labels, labels), symmetric_contrastive(known)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_contrastive_is_low_only_for_the_right_pairs(dtype: torch.dtype) -> None:
    right = 20.0 * torch.eye(6, dtype=dtype)
    assert float(symmetric_contrastive(right)) < 1e-3
    assert float(symmetric_contrastive(right.roll(1, dims=0))) > 10
    flat = torch.zeros(6, 6, dtype=dtype)
    assert float(symmetric_contrastive(flat)) == pytest.approx(np.log(6), rel=1e-2)


def test_alignment_of_one_modality_is_zero_and_has_a_gradient() -> None:
    features = torch.randn(4, 3, requires_grad=True)
    loss = classwise_modality_alignment(
        features, torch.tensor([0, 0, 1, 1]), torch.zeros(4, dtype=torch.int64)
    )
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None


@pytest.mark.parametrize("kind", ["triplet", "circle", "supcon"])
def test_every_metric_loss_prefers_identities_apart(kind: str) -> None:
    labels = torch.arange(4).repeat_interleave(3)
    apart = torch.eye(4)[labels] + 0.01 * torch.randn(
        12, 4, generator=torch.Generator().manual_seed(0)
    )
    mixed = apart[torch.randperm(12, generator=torch.Generator().manual_seed(1))]
    assert metric_loss(kind, apart, labels) < metric_loss(kind, mixed, labels)  # type: ignore[arg-type]
