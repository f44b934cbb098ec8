"""Promise: the benchmarks of chips run, say what they measured and write it down; mistakes are one
line."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import embedding, machine
from benchmarks.__main__ import main
from crosswake.core.errors import CrosswakeError
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights
from tests.training.running import skip_without_compiler


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MATRIX_SIDE", 64)
    monkeypatch.setattr(machine, "COPY_BYTES", 4096)


def quick(name: str, output: Path, *more: str) -> dict[str, Any]:
    words = [name, "--quick", "--device", "cpu", "--output", str(output), "--quiet", *more]
    assert main(words) == 0
    record: dict[str, Any] = json.loads((output / f"bench-{name}.json").read_text())
    return record


def test_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = quick("train", tmp_path)
    said = capsys.readouterr()
    assert said.err == ""
    assert (
        "48 chips of noise, 2 steps of 16; 32 x 16, width 64, depth 2; ours fp32, fused" in said.out
    )
    assert list(record["ways"]) == ["crosswake", "plain loop"]
    assert record["agreement"]["first loss"] < 1e-5
    assert set(record["scaling"]["chips a second"]["plain loop"]) == {"8", "16"}
    assert 0 < record["further"]["share waiting for input, crosswake"] < 1
    assert record["chips_per_second"]["crosswake"]["median"] == pytest.approx(
        32 / record["ways"]["crosswake"]["median"]
    )
    assert (tmp_path / "bench-train.png").exists()


def test_train_with_every_setting_on_chips_of_ours(tmp_path: Path) -> None:
    skip_without_compiler()
    data = tiny_hoss(tmp_path / "data", train=8)
    more = [
        "--data",
        str(data),
        "--precision",
        "bf16",
        "--compile",
        "true",
        "--recompute_blocks",
        "true",
        "--alone",
    ]
    record = quick("train", tmp_path / "out", "--config", "demo", *more)
    assert list(record["ways"]) == ["crosswake"]
    assert record["measured_on"].startswith("32 chips of data")
    assert "ours bf16, compile, fused, recompute_blocks" in record["measured_on"]
    assert not (tmp_path / "out" / "bench-train.png").exists()


def test_load(tmp_path: Path) -> None:
    record = quick("load", tmp_path)
    assert list(record["ways"]) == ["crosswake", "DataLoader"]
    assert set(record["parts"]) == {"store alone", "augmentation alone", "pair store alone"}
    assert record["agreement"]["normalised pixels"] < 1e-6
    assert set(record["chips_per_second"]) == {*record["ways"], *record["parts"]}
    assert set(record["scaling"]["chips a second"]["crosswake"]) == {"2", "4", "8"}


def test_embed(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    record = quick("embed", tmp_path, "--checkpoint", str(tiny_weights(tmp_path / "w.pt")))
    assert list(record["ways"]) == ["crosswake", "onnx-int8"]
    assert record["further"]["least cosine of onnx-int8 to PyTorch"] > 0.98
    assert record["settings"]["model"]["width"] == 64
    assert "64 x 32" in record["measured_on"], "the checkpoint's own size"


def test_embed_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(*_: object) -> None:
        raise CrosswakeError("--format onnx-int8: needs onnx")

    monkeypatch.setattr(embedding, "write_graph", absent)
    record = quick("embed", tmp_path)
    assert list(record["ways"]) == ["crosswake"]
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "onnx-int8 is left out: --format onnx-int8: needs onnx"
    )


@pytest.mark.parametrize(
    ("name", "extra", "named"),
    [
        ("train", ["--config", "nonsense"], "no recipe 'nonsense'"),
        ("train", ["--batch", "18"], "--batch: 18"),
        ("train", ["--batch", "64"], "--chips"),
        ("train", ["--data", "nowhere"], "nowhere"),
        ("train", ["--width", "200"], "width"),
        ("load", ["--image_size", "0", "4"], "image_size"),
        ("load", ["--workers", "-1"], "workers"),
        ("embed", ["--checkpoint", "none.pt"], "none.pt"),
        ("embed", ["--bogus"], "bogus"),
    ],
)
def test_mistakes_are_one_line(
    name: str, extra: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        name,
        "--device",
        "cpu",
        "--output",
        str(tmp_path),
        "--quiet",
        "--chips",
        "16",
    ]
    assert main([*words, *extra]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
