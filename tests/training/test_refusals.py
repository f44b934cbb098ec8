"""Promise: a mistake is one line and exit code 2, and a refused run leaves nothing behind."""

import shutil
from pathlib import Path

import pytest

from crosswake.cli.main import main
from tests.tiny import tiny_hoss
from tests.training.small import Small, words, write_places


def expect_error(
    capsys: pytest.CaptureFixture[str], command: str, arguments: list[str], *parts: str
) -> None:
    assert main([command, *arguments]) == 2, arguments
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert complaint.startswith("crosswake: ")
    for part in parts:
        assert part in complaint


def test_mistakes_of_either_command(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junk, x = tmp_path / "junk.pt", tmp_path / "x"
    junk.write_bytes(b"not weights")
    cases: list[tuple[list[str], list[str]]] = [
        (["--epochs=1"], ["--data"]),
        (["--config", str(junk)], ["--config: ", "junk.pt is no YAML file of settings"]),
        (["--config", "nonsense"], ["no recipe 'nonsense'", "hoss_transoss"]),
        (small.words(small.whole), ["--resume", "holds a run"]),
        (small.words(tmp_path / "new", "--resume"), ["holds no last.pt"]),
        (["--resume", f"--output={tmp_path / 'new'}"], ["--resume", "holds no last.pt"]),
        (
            small.words(small.whole, "--resume", "--epochs=9"),
            ["--epochs", "falls to its end", "--init"],
        ),
        (small.words(junk), ["--output", "junk.pt is a file"]),
        (small.words(junk / "a" / "b"), ["--output", "junk.pt is a file"]),
        (small.words(x, "--epochs=0"), ["--epochs", "at least 1"]),
        (small.words(x, "--epochs=many"), ["epochs", "many"]),
        (small.words(x, "--devices=3"), ["--devices", "do not divide a batch of"]),
        (small.words(x, "--precision=fp16"), ["--precision", "bf16"]),
        (small.words(x, "--nonsense=1"), ["nonsense"]),
        (small.words(x, "--model.heads=5"), ["--model.heads"]),
        (
            small.words(x, "--optimiser.weight_decay=-0.1"),
            ["--optimiser.weight_decay", "must not be negative"],
        ),
        (small.words(x, "--optimiser.momentum=1"), ["--optimiser.momentum", "from 0 to under 1"]),
        (
            small.words(x, "--optimiser.final_factor=2"),
            ["--optimiser.final_factor", "must be 0 to 1"],
        ),
        (small.words(x, f"--init={tmp_path / 'none.pth'}"), ["none.pth"]),
        (small.words(x, f"--init={junk}"), ["junk.pt"]),
    ]
    for arguments, parts in cases:
        expect_error(capsys, small.command, arguments, *parts)
    assert not x.exists()


def test_mistakes_of_training(
    train_small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expect_error(capsys, "train", ["--data", str(tmp_path / "none")], "no such folder")


def test_mistakes_of_pretraining(
    pretrain_small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, x = tmp_path / "empty", tmp_path / "x"
    empty.mkdir()
    lonely = write_places(tmp_path / "lonely", count=3)
    cases: list[tuple[list[str], list[str]]] = [
        (["--config", "demo"], ["--config", "is demo meant for crosswake pretrain?"]),
        (["--data", str(empty), "--output", str(x)], ["--data", "no optical-SAR pairs"]),
        (pretrain_small.words(x, "--model.sse=true"), ["--model.sse", "false"]),
        (
            pretrain_small.words(x, "--crops=0", "--augment.offset=2"),
            ["--augment.offset", "--crops"],
        ),
        (pretrain_small.words(x, "--batch.chunk=3"), ["--batch.chunk", "do not divide"]),
        (pretrain_small.words(x, "--splits=[test]"), ["--splits", "train, val"]),
        (
            pretrain_small.words(x, "--model.image_size=[128,64]"),
            ["none of", "hold no window of 128 x 64"],
        ),
        (
            pretrain_small.words(x, f"--cache={lonely / 'scenes.json' / 'a'}"),
            ["--cache: ", "scenes.json is a file; name"],
        ),
        (words("pretrain", lonely, x, "--crops=0"), ["lonely", "single place", "--crops"]),
        (
            words("pretrain", lonely, x, "--crops=1"),
            ["lonely", "no batch of two pairs or more; add some"],
        ),
    ]
    for arguments, parts in cases:
        expect_error(capsys, "pretrain", arguments, *parts)
    assert not x.exists()


def test_other_data_are_not_resumed_on(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make = tiny_hoss if small.command == "train" else write_places
    other, output = make(tmp_path / "data", 5), tmp_path / "a"
    shutil.copytree(small.whole, output)
    before = {path.name for path in output.iterdir()}
    for more, said in (
        (f"--data={other}", "differs from the data that the run in"),
        ("--seed=1", "--seed: the run in"),
    ):
        expect_error(
            capsys,
            small.command,
            ["--resume", "--output", str(output), more],
            said,
            "another --output",
        )
    assert {path.name for path in output.iterdir()} == before


def test_damaged_settings_are_not_resumed_on(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in ("a: [", "hi", ""):
        (tmp_path / "settings.yaml").write_text(content)
        said = f"--resume: {tmp_path / 'settings.yaml'} is no YAML file of settings ("
        expect_error(capsys, small.command, ["--resume", "--output", str(tmp_path)], said)


def test_replaced_files_are_not_resumed_on(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the same name and size: another picture, or none."""
    data, output = shutil.copytree(small.data, tmp_path / "data"), tmp_path / "a"
    assert main([small.command, *words(small.command, data, output, "--epochs=1")]) == 0
    before = {path.name for path in output.iterdir()}
    images = sorted(data.glob("opt/00*.png")) or sorted(data.glob("bounding_box_train/*RGB.tif"))
    other, *_, victim = sorted(images, key=lambda path: path.stat().st_size)
    size = victim.stat().st_size
    for content in (other.read_bytes(), b""):
        victim.write_bytes(content.ljust(size, b"\0"))
        said = ("have other pixels than when the run in", "another --output")
        expect_error(
            capsys, small.command, ["--resume", "--output", str(output), f"--data={data}"], *said
        )
        assert {path.name for path in output.iterdir()} == before
