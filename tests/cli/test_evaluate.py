import json
from pathlib import Path
from typing import Any

import pytest

from crosswake.cli.main import main
from tests.evaluation.fakes import FakeEmbedder, make_data


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Calls of the loader, which gives a stand-in for the model."""
    from crosswake.models import embedder

    calls: list[tuple[Any, ...]] = []

    def load(checkpoint: Path | str, device: str = "auto", precision: str = "fp32") -> FakeEmbedder:
        calls.append((checkpoint, device, precision))
        return FakeEmbedder()

    monkeypatch.setattr(embedder, "load", load)
    return calls


def test_prints_what_it_is_measured_on_and_writes_beside_the_weights(
    tmp_path: Path, loaded: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_data(tmp_path / "harbour")
    weights = tmp_path / "run" / "best.pt"
    words = ["evaluate", "--checkpoint", str(weights), "--data", str(root), "--device", "cpu", "--quiet"]
    assert main([*words, "--precision", "bf16", "--seed", "3"]) == 0
    printed = capsys.readouterr()
    assert "Measured on harbour" in printed.out
    for text in ("all to all: 10 of 10 queries", "optical to SAR", "SAR to optical", "chance", "size only"):
        assert text in printed.out
    assert printed.err == ""
    assert loaded == [(weights, "cpu", "bf16")]
    folder = tmp_path / "run" / "evaluation-harbour"
    assert json.loads((folder / "metrics.json").read_text())["seed"] == 3
    assert (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("extra", "said", "settings"),
    [
        (["--rerank"], "k1 20, k2 6, lambda 0.3.", {"k1": 20, "k2": 6, "lambda": 0.3, "half": False, "apart": False}),
        (
            ["--rerank.k1", "3", "--rerank.k2=2", "--rerank.lambda", "0.5", "--rerank.apart", "--rerank.half"],
            "k1 3, k2 2, lambda 0.5, neighbours of each modality apart, in half precision.",
            {"k1": 3, "k2": 2, "lambda": 0.5, "half": True, "apart": True},
        ),
    ],
)
def test_reranking_is_labelled(
    extra: list[str],
    said: str,
    settings: dict[str, Any],
    tmp_path: Path,
    loaded: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["evaluate", "--checkpoint", "w.pt", "--data", str(make_data(tmp_path / "harbour")), "--device", "cpu"]
    assert main([*words, "--output", str(tmp_path / "out"), "--quiet", *extra]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert said in printed
    assert printed.count("re-ranked") == 3
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["rerank"] == settings


def test_bad_files_are_counted_and_strict_stops(
    tmp_path: Path, loaded: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_data(tmp_path / "harbour")
    (root / "query" / "0000_s01c0_RGB.png").write_bytes(b"no picture")
    words = ["evaluate", "--checkpoint", "w.pt", "--data", str(root), "--output", str(tmp_path / "out"), "--quiet"]
    assert main(words) == 0
    error = capsys.readouterr().err
    assert "left out, 1 in all" in error
    assert "0000_s01c0_RGB.png" in error
    assert main([*words, "--strict"]) == 2
    error = capsys.readouterr().err
    assert "0000_s01c0_RGB.png" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--device", "gpu"], "device"),
        (["--precision", "int8"], "precision"),
        (["--batch_size", "0"], "batch_size"),
        (["--seed", "-1"], "seed"),
        (["--rerank.k1", "0"], "rerank.k1"),
        (["--rerank.lambda", "2"], "rerank.lambda"),
        (["--bogus", "1"], "bogus"),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(
    extra: list[str], named: str, tmp_path: Path, loaded: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_data(tmp_path / "harbour", identities=1)
    assert main(["evaluate", "--checkpoint", "w.pt", "--data", str(root), *extra]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert len(error.splitlines()) == 1
    assert not loaded
