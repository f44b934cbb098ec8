"""Training from start to end on tiny data: the same weights whatever interrupts it, however many share it."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import crosswake
from crosswake.cli.main import main
from crosswake.cli.train import parse
from crosswake.config import TrainConfig
from crosswake.datasets.hoss import read_hoss
from crosswake.errors import CrosswakeError
from crosswake.training.reid import train
from crosswake.training.splits import split_validation
from tests.tiny import tiny_hoss, write_chip
from tests.training.running import assert_equal_runs, launch, launch_torchrun, wait_for_row, weights, without_clock

SMALL = [
    "--model.image_size=[32,16]",
    "--model.width=32",
    "--model.depth=2",
    "--model.heads=2",
    "--batch.identities=4",
    "--optimiser.name=adamw",
    "--optimiser.lr=0.001",
    "--validation.every=2",
    "--validation.fraction=0.3",
    "--device=cpu",
    "--quiet",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hoss(tmp_path_factory.mktemp("tiny"), train=12, test=4)


def words(data: Path, output: Path, *more: str) -> list[str]:
    return [f"--data={data}", f"--output={output}", "--evaluate=false", *SMALL, *more]


def config(data: Path, output: Path, *more: str) -> TrainConfig:
    return parse(words(data, output, *more))


@pytest.fixture(scope="module")
def whole_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "whole"
    train(config(data, output, "--epochs=4"))
    return output


def test_a_run_writes_its_folder(whole_run: Path, data: Path) -> None:
    assert {path.name for path in whole_run.iterdir()} >= {"settings.yaml", "metrics.csv", "last.pt", "best.pt"}
    rows = without_clock(whole_run)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["val_o2s_mAP"]) for row in rows] == [False, True, False, True]
    assert list((whole_run / "tensorboard").glob("events.*"))
    assert parse(["--config", str(whole_run / "settings.yaml")]) == config(data, whole_run, "--epochs=4")


def test_the_same_seed_gives_the_same_weights_and_another_does_not(data: Path, whole_run: Path, tmp_path: Path) -> None:
    train(config(data, tmp_path / "again", "--epochs=4"))
    assert_equal_runs(whole_run, tmp_path / "again")
    assert without_clock(whole_run) == without_clock(tmp_path / "again")
    train(config(data, tmp_path / "other", "--epochs=1", "--seed=1"))
    key = "base.blocks.0.mlp.fc1.weight"
    assert not torch.equal(weights(tmp_path / "other")[key], weights(whole_run)[key])


LONG = ["--epochs=30", "--batch.identities=2", "--validation.every=10"]


@pytest.fixture(scope="module")
def long_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    output = tmp_path_factory.mktemp("runs") / "long"
    train(config(data, output, *LONG))
    return output


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_or_interrupted_training_goes_on_as_if_nothing_had_been(
    data: Path, long_run: Path, tmp_path: Path, how: signal.Signals
) -> None:
    """Stopped in the middle of an epoch by kill -9 or Ctrl-C, then resumed: equal to the last bit."""
    output = tmp_path / "stopped"
    process = launch("train", words(data, output, *LONG))
    wait_for_row(output, process)
    process.send_signal(how)
    _, complaint = process.communicate(timeout=60)
    rows = without_clock(output)
    assert 1 <= len(rows) < 30, "the run ended before it could be stopped"
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert "go on with: crosswake train --resume --output" in complaint
    assert main(["train", "--resume", "--output", str(output), "--quiet"]) == 0
    assert_equal_runs(long_run, output)
    assert without_clock(long_run) == without_clock(output)


@pytest.mark.parametrize("how", ["devices", "torchrun"])
def test_two_processes_train_as_one(data: Path, tmp_path: Path, how: str) -> None:
    """The same batches shared by two gloo processes give the same weights, whoever starts the processes."""
    # SGD: the gradient of a key's bias is zero but for rounding, which AdamW would blow up to full steps.
    long = ["--epochs=4", "--model.drop_path=0.2", "--optimiser.name=sgd", "--optimiser.lr=0.02"]
    train(config(data, tmp_path / "one", *long))
    arguments = words(data, tmp_path / "two", *long)
    process = launch("train", [*arguments, "--devices=2"]) if how == "devices" else launch_torchrun("train", arguments)
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    assert_equal_runs(tmp_path / "one", tmp_path / "two", tolerance=1e-5)
    for left, right in zip(without_clock(tmp_path / "one"), without_clock(tmp_path / "two"), strict=True):
        assert float(left["loss"]) == pytest.approx(float(right["loss"]), abs=1e-4)


def test_accumulation_steps_once_for_several_batches(data: Path, tmp_path: Path) -> None:
    run = train(config(data, tmp_path / "a", "--epochs=2", "--batch.accumulate=2", "--batch.identities=2"))
    steps = {int(state["step"]) for state in run.optimiser.state_dict()["state"].values()}
    batches_an_epoch = 4  # eight or nine training identities in twos
    assert steps == {2 * batches_an_epoch // 2}


def test_bf16_and_clipping_train_too(data: Path, tmp_path: Path) -> None:
    run = train(config(data, tmp_path / "a", "--epochs=2", "--precision=bf16", "--optimiser.clip_norm=0.5"))
    assert np.isfinite(run.progress.rows[-1]["loss"])


def test_it_learns(data: Path, tmp_path: Path) -> None:
    run = train(config(data, tmp_path / "a", "--epochs=30", "--model.sse=false", "--optimiser.lr=0.003"))
    rows = run.progress.rows
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]


def test_early_stop_keeps_the_best(data: Path, tmp_path: Path) -> None:
    more = ["--epochs=50", "--validation.every=1", "--validation.patience=2", "--optimiser.lr=1e-9"]
    run = train(config(data, tmp_path / "a", *more))
    assert run.progress.epoch < 50
    assert run.progress.epoch == run.progress.best_epoch + 2
    assert torch.load(tmp_path / "a" / "best.pt", weights_only=True)["epoch"] == run.progress.best_epoch


def test_checkpoints_embed_chips(whole_run: Path, data: Path) -> None:
    chips = read_hoss(data).query
    embedder = crosswake.load(whole_run / "best.pt", device="cpu")
    features = embedder.embed(chips)
    assert features.shape == (len(chips), 32)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedder.embed(chips, batch_size=1), features, atol=1e-5)
    maps = embedder.attention_maps(chips)
    assert maps is not None
    assert maps.shape == (len(chips), 2, 1)
    assert json.dumps(embedder.describe())
    assert embedder.embed([]).shape == (0, 32)


def test_validation_identities_are_unseen_and_cross_modal(data: Path) -> None:
    chips = read_hoss(data).train
    kept, held = split_validation(chips, 0.25, seed=0)
    names = {chip.identity for chip in held}
    assert len(names) == 3
    assert not names & {chip.identity for chip in kept}
    assert set(kept) | set(held) == set(chips)
    assert split_validation(chips, 0.25, seed=0) == (kept, held)
    assert split_validation(chips, 0.25, seed=1) != (kept, held)
    assert split_validation(chips, 0.0, seed=0) == (chips, ())
    optical_only = tuple(chip for chip in chips if chip.modality == 0)
    assert split_validation(optical_only, 0.25, seed=0) == (optical_only, ())


def expect_error(capsys: pytest.CaptureFixture[str], arguments: list[str], *parts: str) -> None:
    assert main(["train", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    complaint = lines[-1]
    assert complaint.startswith("crosswake: ")
    for part in parts:
        assert part in complaint


def test_mistakes_are_one_line(data: Path, whole_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases: list[tuple[list[str], list[str]]] = [
        (["--epochs=1"], ["--data"]),
        (["--data", str(tmp_path / "none")], ["no such folder"]),
        (["--config", "nonsense"], ["no recipe 'nonsense'", "hoss_transoss"]),
        (words(data, whole_run), ["--resume", "holds a run"]),
        (words(data, tmp_path / "new", "--resume"), ["holds no last.pt"]),
        (words(data, whole_run, "--resume", "--epochs=9"), ["--epochs", "has 4, not 9"]),
        (words(data, tmp_path / "x", "--epochs=0"), ["--epochs", "at least 1"]),
        (words(data, tmp_path / "x", "--epochs=many"), ["epochs", "many"]),
        (words(data, tmp_path / "x", "--devices=3"), ["--devices", "do not divide a batch of 16"]),
        (words(data, tmp_path / "x", "--precision=fp16"), ["--precision", "bf16"]),
        (words(data, tmp_path / "x", "--nonsense=1"), ["nonsense"]),
        (words(data, tmp_path / "x", "--model.heads=5"), ["--model.heads"]),
        (words(data, tmp_path / "x", f"--init={tmp_path / 'none.pth'}"), ["none.pth"]),
    ]
    for arguments, parts in cases:
        expect_error(capsys, arguments, *parts)
    assert not (tmp_path / "x").exists(), "a refused run leaves nothing behind"


def test_a_loss_that_is_no_number_stops_with_a_reason(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match=r"no longer a number in epoch 1; lower --optimiser\.lr"):
        train(config(data, tmp_path / "a", "--optimiser.lr=1e30", "--optimiser.warmup_epochs=0", "--epochs=3"))
    saved: dict[str, Any] = torch.load(tmp_path / "a" / "last.pt", weights_only=True)
    assert saved["epoch"] == 0
    assert all(bool(torch.isfinite(value).all()) for value in saved["model"].values())


def test_bad_chips_are_left_out_or_stop_a_strict_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tiny_hoss(tmp_path / "data")
    victim = sorted((root / "bounding_box_train").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:150])
    write_chip(root / "bounding_box_train" / "0002_s01c9_SAR.tif", np.zeros((30, 10), np.float32))
    noisy = [word for word in words(root, tmp_path / "a", "--epochs=1") if word != "--quiet"]
    assert main(["train", *noisy]) == 0
    assert f"left out {victim}" in capsys.readouterr().out
    expect_error(capsys, words(root, tmp_path / "b", "--epochs=1", "--strict"), victim.name)


def test_a_changed_data_set_is_not_resumed_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tiny_hoss(tmp_path / "data")
    assert main(["train", *words(root, tmp_path / "a", "--epochs=1")]) == 0
    sorted((root / "bounding_box_train").iterdir())[0].unlink()
    expect_error(capsys, ["--resume", "--output", str(tmp_path / "a")], "no longer holds the chips")
