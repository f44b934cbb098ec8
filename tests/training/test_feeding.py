"""Promise: what the data cannot feed is said before training: losses without a pair, batches larger
than the data, validation without identities, windows without another place."""

import csv
import shutil
from pathlib import Path

import pytest

from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.settings.model import ModelConfig
from crosswake.settings.train import LossConfig, TrainConfig
from crosswake.tasks.reid.feeding import unfed_losses
from crosswake.tasks.reid.task import prepare_reid
from tests.parsing import parse_training
from tests.training.small import Small, words, write_places


def chips(*modalities: str) -> tuple[Chip, ...]:
    """An identity for each word: a letter a chip, ``o`` optical and ``s`` SAR."""
    kinds = {"o": Modality.OPTICAL, "s": Modality.SAR}
    return tuple(
        Chip(path=Path(f"{place}{number}.png"), identity=str(place), modality=kinds[kind])
        for place, word in enumerate(modalities)
        for number, kind in enumerate(word)
    )


def unfed(loss: LossConfig, *modalities: str, method: str = "transoss") -> set[str]:
    model = ModelConfig(method="sdf_net", feature="neck") if method == "sdf_net" else ModelConfig()
    lines = unfed_losses(TrainConfig(loss=loss, model=model), chips(*modalities), ())
    return {line.partition(" ")[0] for line in lines}


ALL = LossConfig(identity=1, metric=1, contrastive=1, alignment=1)


@pytest.mark.parametrize(
    ("modalities", "expected"),
    [
        (("ss", "ss"), {"--loss.contrastive", "--loss.alignment"}),
        (("oo", "s"), {"--loss.contrastive", "--loss.alignment"}),
        (("s", "o"), {"--loss.contrastive", "--loss.alignment", "--loss.metric"}),
        (("os", "s"), set()),
        (("os", "os"), set()),
    ],
)
def test_every_loss_without_anything_to_learn_from_is_named(
    modalities: tuple[str, ...], expected: set[str]
) -> None:
    assert unfed(ALL, *modalities) == expected
    structure = {"--loss.structure"} if expected else set()
    assert unfed(ALL, *modalities, method="sdf_net") == expected | structure


def test_a_loss_without_weight_is_not_named() -> None:
    assert unfed(LossConfig(identity=1, metric=0), "s", "s") == set()


def test_nothing_left_to_learn_from_is_refused() -> None:
    only = LossConfig(identity=0, metric=0, contrastive=1)
    with pytest.raises(CrosswakeError, match=r"--loss.contrastive: no identity .* set --loss.m"):
        unfed(only, "ss", "oo")
    with pytest.raises(CrosswakeError, match="for 1 are held out"):
        unfed_losses(TrainConfig(loss=only), chips("ss", "oo"), chips("os"))


def test_chips_of_one_modality_are_trained_with_a_warning(
    train_small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weight of the loss is said to be lost; the numbers show that it is."""
    data = shutil.copytree(train_small.data, tmp_path / "sar")
    for path in data.glob("bounding_box_train/*RGB*"):
        path.unlink()
    more = ["--epochs=1", "--loss.contrastive=1", "--loss.metric=0", "--batch.identities=99"]
    arguments = [word for word in words("train", data, tmp_path / "a", *more) if word != "--quiet"]
    assert main(["train", *arguments]) == 0
    said = capsys.readouterr()
    assert "--loss.contrastive will be 0: no identity to learn from has chips of both" in said.err
    assert "set it to 0, and --loss.metric to 1 in its place\n" in said.err
    assert "a batch has 48 chips, not 396, for the data have no more for one\n" in said.out
    assert "0 identities in both modalities, too few to hold any out" in said.out
    with (tmp_path / "a/metrics.csv").open() as file:
        assert float(next(csv.DictReader(file))["contrastive"]) == 0


def test_steps_of_more_batches_than_an_epoch_has_are_said(
    train_small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = train_small.words(tmp_path / "a", "--batch.accumulate=9", "--quiet=false")
    prepare_reid(parse_training(arguments))
    assert (
        "weights move after 2 batches, not 9, for an epoch has no more" in capsys.readouterr().out
    )


def test_windows_of_one_place_only_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole images, or windows that overlap by more than half, whatever the number of them."""
    places = write_places(tmp_path / "data", count=3, side=40)
    for size, code in (("[40,40]", 2), ("[32,32]", 2), ("[16,16]", 0)):
        more = [f"--model.image_size={size}", "--crops=8", "--epochs=1", "--model.patch_size=8"]
        arguments = words("pretrain", places, tmp_path / "a", *more, "--model.stride=8")
        assert main(["pretrain", *arguments]) == code
        if code:
            assert "all pairs of a batch show the same place" in capsys.readouterr().err
            assert not (tmp_path / "a").exists()
