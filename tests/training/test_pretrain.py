"""Pretraining on tiny pairs, from start to end."""

import json
from pathlib import Path

import pytest
import torch

from crosswake.cli.main import main
from crosswake.models.checkpoints import load_into
from crosswake.models.methods.transoss import TransOSS
from crosswake.models.weight_files import read_weights
from crosswake.settings.model import ModelConfig
from crosswake.settings.parsing import make_parser
from crosswake.settings.pretrain import PretrainConfig
from crosswake.settings.train import TrainConfig
from tests.parsing import parse_pretraining as parse
from tests.training.running import assert_equal_runs, weights, without_clock
from tests.training.small import Small, words, write_places


def test_a_run_writes_its_folder(pretrain_small: Small) -> None:
    whole = pretrain_small.whole
    names = {path.name for path in whole.iterdir()}
    assert names >= {"settings.yaml", "metrics.csv", "last.pt", "best.pt"}
    assert not any(name.startswith("pairs-") for name in names), (
        "decoded pairs of a finished run are cleared away"
    )
    rows = without_clock(whole)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["val_o2s_mAP"]) for row in rows] == [False, True, False, True]
    assert parse(["--config", str(whole / "settings.yaml")]) == parse(
        pretrain_small.words(whole, "--epochs=4")
    )


def test_the_help_tells_what_either_command_holds_out_and_measures() -> None:
    pretraining, training = (
        " ".join(make_parser(kind, "learn").format_help().split())
        for kind in (PretrainConfig, TrainConfig)
    )
    assert "a split not learnt from (val, else test), else on the scenes held out" in pretraining
    assert "Measure the kept epoch on the test split" in training
    for text in (pretraining, training):
        assert (
            "of the identities seen in both modalities (train), or of the scenes (pretrain)" in text
        )


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    pretrain_small: Small, tmp_path: Path
) -> None:
    pretrain_small.run(tmp_path / "again", "--epochs=4")
    assert_equal_runs(pretrain_small.whole, tmp_path / "again")
    pretrain_small.run(tmp_path / "other", "--epochs=1", "--seed=1")
    key = "base.blocks.0.mlp.fc1.weight"
    assert not torch.equal(weights(tmp_path / "other")[key], weights(pretrain_small.whole)[key])


@pytest.mark.slow
def test_it_learns_to_find_places_it_never_saw(tmp_path: Path) -> None:
    root = write_places(tmp_path / "places", count=24)
    shape = ["--model.pooling=grid", "--model.stem=conv", "--model.drop_path=0"]
    shape += ["--augment.shared=true", "--augment.erase=0", "--augment.pad=0"]
    more = ["--epochs=25", "--crops=4", "--optimiser.lr=0.003", *shape]
    arguments = [
        word for word in words("pretrain", root, tmp_path / "a", *more) if "evaluate" not in word
    ]
    assert main(["pretrain", *arguments]) == 0
    record = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert "split val" in record["measured_on"]
    assert (tmp_path / "a" / "report.html").stat().st_size > 50_000
    rows = without_clock(tmp_path / "a")
    assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])
    chance = sum(1 / rank for rank in range(1, 12)) / 11
    assert max(float(row["val_o2s_mAP"]) for row in rows if row["val_o2s_mAP"]) > 1.5 * chance


def test_finetuning_starts_from_it(pretrain_small: Small) -> None:
    shape = ModelConfig(image_size=(32, 16), width=32, depth=2, heads=2, sse=False)
    model = TransOSS(shape, identities=5)
    report = load_into(model, read_weights(pretrain_small.whole / "best.pt"))
    assert report.missing == ("classifier.weight",)
    assert torch.equal(
        model.state_dict()["base.pos_embed"],
        weights(pretrain_small.whole, "best.pt")["base.pos_embed"],
    )
