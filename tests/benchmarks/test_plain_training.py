"""Promise: the usual loop does the job of ours; what differs is how long it takes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.made_chips import write_chips
from benchmarks.plain_training import ChipFiles, PlainLoader, PlainTraining
from benchmarks.training import train_ours
from crosswake.data.chips import Modality
from crosswake.data.sources.hoss import read_hoss
from crosswake.settings.train import AugmentConfig, TrainConfig
from crosswake.tasks.reid.task import prepare_reid
from tests.parsing import parse_training as parse
from tests.tiny import tiny_hoss

NOTHING = AugmentConfig(flip=0, pad=0, erase=0)


def config(data: Path, output: Path, *more: str) -> TrainConfig:
    shape = ["--model.image_size=[32,16]", "--model.width=32", "--model.depth=2", "--model.heads=2"]
    rest = [
        "--validation.fraction=0",
        "--batch.identities=4",
        "--model.drop_path=0",
        "--device=cpu",
        "--quiet",
    ]
    return parse([f"--data={data}", f"--output={output}", *shape, *rest, *more])


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_loss_curve_is_ours_where_nothing_is_random(name: str, tmp_path: Path) -> None:
    """Five steps from the same weights; fused and unfused, decoded once and every time."""
    settings = config(
        tiny_hoss(tmp_path / "data", train=8), tmp_path / "run", f"--optimiser.name={name}"
    )
    settings = replace(settings, augment=NOTHING, optimiser=replace(settings.optimiser, lr=0.002))
    run, task = prepare_reid(settings)
    files = ChipFiles(task.store.chips, task.labels.tolist(), (32, 16), NOTHING)
    state = {key: value.clone() for key, value in task.model.state_dict().items()}
    plain = PlainTraining(settings, state, files, len(task.identities), 0, torch.device("cpu"))
    batches = [task.batches(1)[0]] * 5
    ours = train_ours(run, task, batches)
    # BNNeck sees equal features, and weights move alike, so that only rounding is left.
    assert plain.train([batch.tolist() for batch in batches]) == pytest.approx(ours, abs=2e-5)
    assert ours[-1] != pytest.approx(ours[0], abs=1e-3), (
        "nothing was learnt, so nothing was compared"
    )
    assert plain.waited > 0


def test_unaugmented_files_are_the_store_s_pictures(tmp_path: Path) -> None:
    data = read_hoss(tiny_hoss(tmp_path, train=3))
    from crosswake.batches.prepare import normalise
    from crosswake.batches.stores import decode

    store = decode(data.train, (32, 16), interpolation="bicubic", quiet=True)
    loader = PlainLoader(ChipFiles(data.train, list(range(len(data.train))), (32, 16), None), 0)
    first, second = loader.passes([[3, 1], [0, 2]])
    torch.testing.assert_close(
        first[0], normalise(store.take(torch.tensor([3, 1]))), rtol=0, atol=1e-6
    )
    torch.testing.assert_close(second[2].float(), store.size[[0, 2]])
    assert second[3].tolist() == [0, 2]
    assert torch.equal(first[1], store.modality[[3, 1]])


def test_workers_stay_for_the_next_pass(tmp_path: Path) -> None:
    chips = read_hoss(write_chips(tmp_path, 8)).train
    loader = PlainLoader(ChipFiles(chips, list(range(8)), (32, 16), AugmentConfig()), 1)
    for batches in ([[0, 1], [2, 3]], [[7, 6, 5]]):
        assert [labels.tolist() for *_, labels in loader.passes(batches)] == batches


def test_made_chips_have_both_modalities_and_sizes_of_the_seed(tmp_path: Path) -> None:
    data = read_hoss(write_chips(tmp_path / "a", 8, seed=3))
    assert [chip.identity for chip in data.train] == ["0001"] * 4 + ["0002"] * 4
    assert {chip.modality for chip in data.train} == set(Modality)
    again = write_chips(tmp_path / "b", 8, seed=3)
    assert [path.read_bytes() for path in sorted(again.rglob("*.tif"))] == [
        chip.path.read_bytes() for chip in data.train
    ]
