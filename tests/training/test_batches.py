"""Promise: a batch is the same however many processes share it, and another in every epoch, step
and seed."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crosswake.batches.augment import step_generator
from crosswake.tasks.pretrain.task import (
    PairTask,
    draw_pair_augmentation,
    prepare_pretraining,
)
from crosswake.tasks.reid.task import ReidTask, prepare_reid
from crosswake.training.task import Run, TrainState
from tests.parsing import parse_pretraining, parse_training
from tests.training.small import Small

RANDOM = ["--model.drop_path=0.4", "--augment.erase=1", "--augment.pad=4"]
Prepared = tuple[Run, ReidTask | PairTask]


@pytest.fixture
def prepared(small: Small, tmp_path: Path) -> Prepared:
    words = small.words(tmp_path / "a", *RANDOM)
    if small.command == "train":
        return prepare_reid(parse_training(words))
    return prepare_pretraining(parse_pretraining(words))


def made(prepared: Prepared, epoch: int = 1, step: int = 0, rank: int = 0, size: int = 1) -> Any:
    """One process's share of the first batch, as if it were in that epoch and step."""
    run, task = prepared
    fabric: Any = SimpleNamespace(global_rank=rank, world_size=size, device=torch.device("cpu"))
    index: Any = task.batches(1)[0]
    elsewhere = Run(config=run.config, fabric=fabric, state=TrainState(epoch=epoch - 1))
    rows: Any = torch.from_numpy(index) if isinstance(task, ReidTask) else index
    return task.make_batch(elsewhere, rows, step)


def parts(batch: Any) -> Iterator[tuple[str, Tensor]]:
    for field in fields(batch):
        yield field.name, getattr(batch, field.name)


def test_shares_of_processes_are_the_whole_batch(prepared: Prepared) -> None:
    whole, first, second = made(prepared), made(prepared, size=2), made(prepared, rank=1, size=2)
    of_all = {"labels", "modality_of_all", "same"}
    for (name, value), (_, one), (_, other) in zip(
        *map(parts, (whole, first, second)), strict=True
    ):
        if name in of_all:
            assert torch.equal(one, value), name
            assert torch.equal(other, value), name
        else:
            axis = -1 if name == "drop_path_mask" else 0
            assert torch.equal(torch.cat([one, other], axis), value), name


def test_another_epoch_or_step_is_another_batch(prepared: Prepared) -> None:
    """Of the same chips: other crops, other boxes, other blocks dropped; and other chips together
    in another epoch."""
    first = dict(parts(made(prepared)))
    for other in (made(prepared, epoch=2), made(prepared, step=1)):
        for name in {"images", "optical", "sar", "drop_path_mask"} & set(first):
            assert not torch.equal(getattr(other, name), first[name]), name
    for name, value in parts(made(prepared)):
        assert torch.equal(value, first[name]), "the same epoch and step give the same batch"
    one, other = (np.concatenate(prepared[1].batches(epoch)) for epoch in (1, 2))
    assert not np.array_equal(one, other)


def test_labels_are_those_of_the_chips(train_small: Small, tmp_path: Path) -> None:
    run, task = prepare_reid(parse_training(train_small.words(tmp_path / "a")))
    batch = made((run, task))
    chips = [task.store.chips[row] for row in task.batches(1)[0]]
    assert [task.identities[label] for label in batch.labels] == [chip.identity for chip in chips]
    assert batch.modality_of_all.tolist() == [chip.modality for chip in chips]
    assert task.identities == sorted(set(task.identities))


@pytest.mark.parametrize("shared", [False, True])
def test_geometry_is_shared_where_the_settings_say_so(
    pretrain_small: Small, tmp_path: Path, shared: bool
) -> None:
    more = [
        f"--augment.shared={shared}".lower(),
        "--augment.zoom=0.2",
        "--augment.flip_vertical=0.5",
    ]
    config = parse_pretraining(pretrain_small.words(tmp_path, *more, "--augment.contrast=0.1"))
    optical, sar = draw_pair_augmentation(16, config, step_generator(0), torch.device("cpu"))
    for name in ("flip", "flip_vertical", "shift", "zoom"):
        assert torch.equal(getattr(optical, name), getattr(sar, name)) == shared, name
    for name in ("box", "noise", "contrast"):
        assert not torch.equal(getattr(optical, name), getattr(sar, name)), name
