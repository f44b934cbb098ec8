"""Training on tiny chips, from start to end."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import crosswake
from crosswake.cli.main import main
from crosswake.data.sources.hoss import read_hoss
from crosswake.data.splits import split_validation
from tests.parsing import parse_training as parse
from tests.tiny import tiny_hoss, write_chip
from tests.training.running import assert_equal_runs, weights, without_clock
from tests.training.small import Small, words


def test_a_run_writes_its_folder(train_small: Small) -> None:
    whole = train_small.whole
    assert {path.name for path in whole.iterdir()} >= {
        "settings.yaml",
        "metrics.csv",
        "last.pt",
        "best.pt",
    }
    rows = without_clock(whole)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["val_o2s_mAP"]) for row in rows] == [False, True, False, True]
    assert list((whole / "tensorboard").glob("events.*"))
    assert parse(["--config", str(whole / "settings.yaml")]) == parse(
        train_small.words(whole, "--epochs=4")
    )


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    train_small: Small, tmp_path: Path
) -> None:
    whole = train_small.whole
    train_small.run(tmp_path / "again", "--epochs=4")
    assert_equal_runs(whole, tmp_path / "again")
    assert without_clock(whole) == without_clock(tmp_path / "again")
    train_small.run(tmp_path / "other", "--epochs=1", "--seed=1")
    key = "base.blocks.0.mlp.fc1.weight"
    assert not torch.equal(weights(tmp_path / "other")[key], weights(whole)[key])


def test_accumulation_steps_once_for_several_batches(train_small: Small, tmp_path: Path) -> None:
    _, task = train_small.run(
        tmp_path / "a", "--epochs=2", "--batch.accumulate=2", "--batch.identities=2"
    )
    steps = {int(state["step"]) for state in task.optimisation.state()["state"].values()}
    batches_an_epoch = 4  # eight or nine training identities in twos
    assert steps == {2 * batches_an_epoch // 2}


def test_bf16_and_clipping_train_too(train_small: Small, tmp_path: Path) -> None:
    run, _ = train_small.run(
        tmp_path / "a", "--epochs=2", "--precision=bf16", "--optimiser.clip_norm=0.5"
    )
    assert np.isfinite(run.state.rows[-1]["loss"])


@pytest.mark.slow
def test_it_learns(train_small: Small, tmp_path: Path) -> None:
    run, _ = train_small.run(
        tmp_path / "a", "--epochs=30", "--model.sse=false", "--optimiser.lr=0.003"
    )
    rows = run.state.rows
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]


def test_a_start_from_other_weights_says_what_was_taken(
    train_small: Small, pretrain_small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Heads have no shape of their own, so that nothing else would tell that they are others."""
    start = [
        f"--init={pretrain_small.whole / 'best.pt'}",
        "--epochs=1",
        "--model.heads=4",
        "--model.depth=3",
    ]
    assert (
        main(
            [
                "train",
                *[word for word in train_small.words(tmp_path / "a", *start) if word != "--quiet"],
            ]
        )
        == 0
    )
    lines = {
        name: text
        for name, _, text in (line.partition(": ") for line in capsys.readouterr().out.splitlines())
    }
    assert lines["best.pt"].endswith("tensors loaded")
    assert "base.blocks.2.attn.qkv.weight" in lines["  stay at their initial value"]
    assert lines["  trained with other settings"] == "heads 2, here 4"
    wide = train_small.words(tmp_path / "b", *start, "--model.width=64")
    assert main(["train", *wide]) == 2
    assert "best.pt: width 32 does not fit --model.width 64" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_checkpoints_embed_chips(train_small: Small) -> None:
    chips = read_hoss(train_small.data).query
    embedder = crosswake.load(train_small.whole / "best.pt", device="cpu")
    features = embedder.embed(chips)
    assert features.shape == (len(chips), 32)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedder.embed(chips, batch_size=1), features, atol=1e-5)
    maps = embedder.attention_maps(chips)
    assert maps is not None
    assert maps.shape == (len(chips), 2, 1)
    assert json.dumps(embedder.describe())
    assert embedder.embed([]).shape == (0, 32)


def test_validation_identities_are_unseen_and_cross_modal(train_small: Small) -> None:
    chips = read_hoss(train_small.data).train
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


def test_bad_chips_are_left_out_or_stop_a_strict_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny_hoss(tmp_path / "data")
    victim = sorted((root / "bounding_box_train").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:150])
    write_chip(root / "bounding_box_train" / "0002_s01c9_SAR.tif", np.zeros((30, 10), np.float32))
    assert main(["train", *words("train", root, tmp_path / "a", "--epochs=1")]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"left out {victim}" in said.err
    assert said.err.endswith("1 file left out; --strict stops at the first\n")
    assert main(["train", *words("train", root, tmp_path / "b", "--epochs=1", "--strict")]) == 2
    assert victim.name in capsys.readouterr().err
