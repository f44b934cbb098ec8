"""Promise: a run learns what a plain loop of PyTorch learns, one weight and one batch after the
other."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from crosswake.batches.prepare import normalise
from crosswake.models.methods.transoss import TransOSS
from crosswake.settings.run import OptimiserConfig
from crosswake.tasks.pretrain.task import PairTask, prepare_pretraining
from crosswake.tasks.reid.task import ReidTask, prepare_reid
from crosswake.training.loop import fit
from tests.parsing import parse_pretraining, parse_training
from tests.training.small import Small, write_places

pytestmark = pytest.mark.usefixtures("one_thread")
Loss = Callable[[], Tensor]
PLAIN = ["--augment.flip=0", "--augment.pad=0", "--augment.erase=0", "--model.drop_path=0"]
MOVING = ["--optimiser.name=sgd", "--optimiser.lr=0.01", "--optimiser.weight_decay=0.05"]
MOVING += ["--optimiser.warmup_epochs=2", "--optimiser.warmup_factor=0.3", "--fused=false"]
MOVING += ["--optimiser.bias_lr_factor=3", "--optimiser.final_factor=0.1"]


def moved(
    model: TransOSS,
    config: OptimiserConfig,
    epochs: list[list[list[Loss]]],
) -> tuple[list[float], list[float]]:
    """Move the model's weights by losses in epochs of groups of batches; returns the mean loss of
    every epoch, and the norm of every gradient."""
    speed: dict[str, Tensor] = {}
    means, norms = [], []
    model.train()
    for epoch, groups in enumerate(epochs, 1):
        rate = config.lr * (0.3 + 0.7 * epoch / 2)
        if epoch >= 2:
            cosine = (1 + math.cos(math.pi * epoch / len(epochs))) / 2
            rate = config.lr * (0.1 + 0.9 * cosine)
        means.append(0.0)
        for group in groups:
            model.zero_grad()
            for loss in group:
                value = loss()
                (value / len(group)).backward()
                means[-1] += value.item() / sum(map(len, groups))
            learnt = dict(model.named_parameters())
            found = {
                name: weight.grad for name, weight in learnt.items() if weight.grad is not None
            }
            norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in found.values()))
            norms.append(norm)
            scale = min(1.0, config.clip_norm / norm) if config.clip_norm else 1.0
            for name, gradient in found.items():
                weight = learnt[name]
                change = gradient * scale + 0.05 * weight.detach()
                speed[name] = 0.9 * speed[name] + change if name in speed else change
                weight.data -= rate * (3 if name.endswith("bias") else 1) * speed[name]
    return means, norms


def assert_same(task: ReidTask | PairTask, naive: TransOSS, start: dict[str, Tensor]) -> None:
    """All weights and running statistics, to a thousandth of how far the furthest moved."""
    ours = task.model.state_dict()
    moved_most = 0.0
    for name, value in naive.state_dict().items():
        change = (value.float() - start[name]).abs().max().item()
        off = (ours[name].float() - value).abs().max().item()
        assert off <= 1e-3 * change + 2e-6, f"{name} is off by {off}, having moved by {change}"
        moved_most = max(moved_most, change)
    assert moved_most > 5e-3, "next to nothing was learnt, so nothing was compared"


def reid_loss(model: TransOSS, task: ReidTask, rows: Any, weights: dict[str, float]) -> Tensor:
    """By loops over chips, after the formulas."""
    chips = [task.store.chips[row] for row in rows]
    names = sorted({chip.identity for chip in task.store.chips})
    features = model(
        normalise(task.store.pictures[rows]), task.store.modality[rows], task.store.size[rows]
    )
    necked = model.bottleneck(features)
    compared = necked if model.config.feature == "neck" else features
    assert model.classifier is not None
    share = model.classifier(necked).log_softmax(1)
    smooth, identity = weights["label_smoothing"], torch.zeros(())
    for row, chip in enumerate(chips):
        right = share[row, names.index(chip.identity)]
        identity = identity - ((1 - smooth) * right + smooth * share[row].mean()) / len(chips)
    distance = (compared[:, None] - compared[None]).square().sum(2).clamp_min(1e-12).sqrt()
    metric = torch.zeros(())
    for row, chip in enumerate(chips):
        alike = [other.identity == chip.identity for other in chips]
        far = max(distance[row, k] for k in range(len(chips)) if alike[k] and k != row)
        near = min(distance[row, k] for k in range(len(chips)) if not alike[k])
        metric = metric + torch.log1p(torch.exp(far - near)) / len(chips)
    sar = [row for row, chip in enumerate(chips) if chip.modality == 1]
    optical = [row for row, chip in enumerate(chips) if chip.modality == 0]
    logits = model.logit_scale.exp() * F.normalize(compared[sar]) @ F.normalize(compared[optical]).T
    same = torch.tensor([[chips[s].identity == chips[o].identity for o in optical] for s in sar])
    contrastive = (of_matches(logits, same) + of_matches(logits.T, same.T)) / 2
    return (
        weights["identity"] * identity
        + weights["metric"] * metric
        + weights["contrastive"] * contrastive
    )


def of_matches(logits: Tensor, same: Tensor) -> Tensor:
    """-log of the share of softmax on what matches, mean over rows that have a match."""
    share = (logits.softmax(1) * same).sum(1)
    return -share[same.any(1)].log().mean()


@pytest.mark.parametrize("feature", ["raw", "neck"])
@pytest.mark.parametrize(("accumulate", "clip"), [(1, 0.5), (3, None)])
def test_training_is_the_plain_loop(
    train_small: Small, tmp_path: Path, feature: str, accumulate: int, clip: float | None
) -> None:
    """Four batches an epoch; with three to a step, the last is left out. Not clipped then: clipped
    sums are clipped means."""
    weights = {"identity": 0.7, "metric": 0.4, "contrastive": 0.2, "label_smoothing": 0.1}
    more = [f"--loss.{name}={value}" for name, value in weights.items()]
    more += [
        f"--batch.accumulate={accumulate}",
        "--batch.identities=2",
        f"--model.feature={feature}",
    ]
    more += [f"--optimiser.clip_norm={clip}"] if clip else []
    words = train_small.words(
        tmp_path, *PLAIN, *MOVING, *more, "--epochs=3", "--validation.every=1"
    )
    run, task = prepare_reid(parse_training(words))
    start = {name: value.clone() for name, value in task.model.state_dict().items()}
    naive = TransOSS(run.config.model, len(task.identities))  # type: ignore[attr-defined]
    naive.load_state_dict(start)
    epochs: list[list[list[Loss]]] = []
    for epoch in (1, 2, 3):
        batches = task.batches(epoch)
        assert len(batches) == 4
        losses: list[Loss] = [partial(reid_loss, naive, task, rows, weights) for rows in batches]
        ends = range(accumulate, len(batches) + 1, accumulate)
        epochs.append([losses[end - accumulate : end] for end in ends])
    means, norms = moved(naive, run.config.optimiser, epochs)
    assert clip is None or max(norms) > 2 * clip, "nothing was clipped"
    fit(run, task)
    assert [row["loss"] for row in run.state.rows] == pytest.approx(means, rel=1e-4)
    assert_same(task, naive, start)


@pytest.mark.parametrize("feature", ["raw", "neck"])
@pytest.mark.parametrize("chunk", [0, 2])
def test_pretraining_is_the_plain_loop(tmp_path: Path, feature: str, chunk: int) -> None:
    """Every image is one window, and comes twice an epoch: where both are in a batch, neither is
    the other's negative, which shows in the loss; their gradients are the same either way."""
    places = write_places(tmp_path / "places", count=6, side=32)
    (places / "scenes.json").unlink()
    more = ["--model.image_size=[32,32]", "--crops=2", "--batch.pairs=4", "--batch.accumulate=2"]
    more += [f"--model.feature={feature}", f"--batch.chunk={chunk}"]
    more += ["--validation.fraction=0", "--epochs=3", "--loss.temperature=0.2"]
    words = Small("pretrain", places, places).words(tmp_path / "a", *PLAIN, *MOVING, *more)
    run, task = prepare_pretraining(parse_pretraining(words))
    start = {name: value.clone() for name, value in task.model.state_dict().items()}
    naive = TransOSS(run.config.model)  # type: ignore[attr-defined]
    naive.load_state_dict(start)
    naive.bottleneck.weight.requires_grad_(feature == "neck")
    doubled = 0

    def loss(rows: Any) -> Tensor:
        pairs = [task.store.pairs[row] for row in rows]
        paths = [pair.optical for pair in pairs] + [pair.sar for pair in pairs]
        pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
        images = normalise(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))
        kinds = torch.arange(2).repeat_interleave(len(rows))
        features = naive(images, kinds, torch.zeros(len(kinds), 3))
        features = naive.bottleneck(features) if feature == "neck" else features
        optical, sar = (F.normalize(part) for part in features.chunk(2))
        logits = naive.logit_scale.exp() * sar @ optical.T
        same = torch.tensor([[one == other for other in rows] for one in rows])
        return (of_matches(logits, same) + of_matches(logits.T, same.T)) / 2

    epochs: list[list[list[Loss]]] = []
    for epoch in (1, 2, 3):
        batches = task.batches(epoch)
        assert len(batches) == 3
        doubled += sum(len(set(rows.tolist())) < len(rows) for rows in batches[:2])
        epochs.append([[partial(loss, rows) for rows in batches[:2]]])
    assert doubled > 1, "no pair came twice in a batch"
    means, _ = moved(naive, run.config.optimiser, epochs)
    fit(run, task)
    assert [row["loss"] for row in run.state.rows] == pytest.approx(means, rel=1e-4)
    assert_same(task, naive, start)
