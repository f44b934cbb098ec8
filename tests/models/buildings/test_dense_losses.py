"""Promise: each loss is what its formula says, counted out pixel by pixel."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crosswake.buildings.instances import edge_distance
from crosswake.models.buildings import dense_losses
from crosswake.models.buildings.dense_targets import dense_targets, edge_distance_targets
from tests.models.buildings.town import small_town


def rows(*tensors: Tensor) -> list[tuple[float, ...]]:
    return list(zip(*(tensor.flatten().tolist() for tensor in tensors), strict=True))


@pytest.fixture
def drawn() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (2, 5, 6)
    return {
        "logits": torch.randn(shape, generator=generator),
        "target": (torch.rand(shape, generator=generator) > 0.6).float(),
        "weights": (torch.rand(shape, generator=generator) > 0.2).float(),
        "height": torch.rand(shape, generator=generator) * 30 - 10,
    }


def test_bce(drawn: dict[str, Tensor]) -> None:
    logits, target, weights = drawn["logits"], drawn["target"], drawn["weights"]
    total = 0.0
    for x, t, w in rows(logits, target, weights):
        p = 1 / (1 + math.exp(-x))
        total -= w * (t * math.log(p) + (1 - t) * math.log(1 - p))
    wanted = total / float(weights.sum())
    assert float(dense_losses.masked_bce(logits, target, weights)) == pytest.approx(wanted, 1e-5)


def test_dice(drawn: dict[str, Tensor]) -> None:
    logits, target, weights = drawn["logits"], drawn["target"], drawn["weights"]
    both = one = other = 0.0
    for x, t, w in rows(logits, target, weights):
        p = w / (1 + math.exp(-x))
        both, one, other = both + p * t * w, one + p, other + t * w
    wanted = 1 - (2 * both + 1) / (one + other + 1)
    assert float(dense_losses.soft_dice(logits, target, weights)) == pytest.approx(wanted, 1e-5)


def test_distance_counts_more_inside(drawn: dict[str, Tensor]) -> None:
    predicted, target, weights = drawn["logits"], drawn["target"], drawn["weights"]
    total = count = 0.0
    for x, t, w in rows(predicted, target, weights):
        away = abs(x - t)
        loss = away**2 / 0.2 if away < 0.1 else away - 0.05
        factor = w * (3 if t > 0 else 1)
        total, count = total + factor * loss, count + factor
    found = dense_losses.distance_loss(predicted, target, weights)
    assert float(found) == pytest.approx(total / count, 1e-5)


def test_log_height_sees_only_what_stands_and_is_known(drawn: dict[str, Tensor]) -> None:
    predicted, height, known = drawn["logits"], drawn["height"].clamp(min=0), drawn["weights"]
    total = count = 0.0
    for x, h, k in rows(predicted, height, known):
        if k and h > 0:
            away = abs(x - math.log(max(h, 0.5)))
            total += away**2 / 0.2 if away < 0.1 else away - 0.05
            count += 1
    found = dense_losses.log_height_loss(predicted, height, known)
    assert float(found) == pytest.approx(total / count, 1e-5)


def test_a_building_is_judged_by_the_mean_of_its_pixels() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 3, 4, 4, generator=generator)
    numbers = torch.randint(0, 4, (2, 4, 4), generator=generator)
    found = dense_losses.building_logits(logits, numbers, 4)
    for number in range(1, 4):
        own = [logits[b, :, r, c] for b, r, c in (numbers == number).nonzero().tolist()]
        torch.testing.assert_close(found[number - 1], torch.stack(own).mean(0))
    assert not found[3].any(), "a building without a pixel has no opinion"


def test_rare_classes_count_more_each_and_less_in_all() -> None:
    counts = torch.tensor([100.0, 1.0])
    weights = dense_losses.class_weights(counts)
    assert float(weights[1] / weights[0]) == pytest.approx(10)
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1)
    logits, labels = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
    right, wrong = -math.log(1 / (1 + math.exp(-2))), -math.log(1 / (1 + math.exp(2)))
    wanted = (right * weights[0] + wrong * weights[1]) / weights.sum()
    found = dense_losses.class_loss(logits, labels, weights)
    assert float(found) == pytest.approx(float(wanted), 1e-5)


def test_no_building_costs_nothing_and_has_a_gradient() -> None:
    logits = torch.zeros(0, 12, requires_grad=True)
    loss = dense_losses.class_loss(logits, torch.zeros(0, dtype=torch.int64), torch.ones(12))
    loss.backward()
    assert float(loss.detach()) == 0


def test_distances_are_those_that_instances_are_judged_by() -> None:
    generator = np.random.default_rng(3)
    parts = np.zeros((2, 48, 48), np.int32)
    for number in range(1, 12):
        top, left = generator.integers(0, 36, 2)
        parts[number % 2, top : top + 12, left : left + generator.integers(3, 20)] = number
    found = edge_distance_targets(torch.from_numpy(parts))
    for tile, one in zip(parts, found.numpy(), strict=True):
        np.testing.assert_allclose(one, edge_distance(tile), atol=1e-6)


def test_footprints_without_height_are_not_ground() -> None:
    batch, targets = small_town()
    bare = targets.ids[0] == 2
    targets.height[0][bare] = float("nan")
    wanted = dense_targets(batch, targets)
    assert not wanted.known[0][bare].any()
    assert wanted.building[0][bare].all(), "it is a building all the same"
    assert wanted.known[0][~bare].all()


def test_what_is_to_be_ignored_is_not_valid() -> None:
    batch, targets = small_town()
    ignored = targets.ids[1] == 3
    targets.ids[1][ignored] = -1
    wanted = dense_targets(batch, targets)
    assert not wanted.valid[1][ignored].any()
    assert wanted.valid[1][~ignored].all()
    assert len(wanted.labels) == 8 and int(wanted.numbers.max()) == 8
