"""Promise: both benchmarks run, say what they measured and write it down; mistakes are one line."""

import json
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.__main__ import BENCHMARKS, main


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MATRIX_SIDE", 64)
    monkeypatch.setattr(machine, "COPY_BYTES", 4096)


@pytest.mark.parametrize(
    ("command", "plain", "tolerance"),
    [("rank", ["argsort loop", "compiled"], 1e-6), ("rerank", ["dense"], 0.02)],
)
def test_quick_run(
    command: str,
    plain: list[str],
    tolerance: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "new" / "folder"
    words = [command, "--quick", "--device", "cpu", "--output", str(output), "--quiet"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "100 queries x 1,000 gallery chips x 64" in said.out
    record = json.loads((output / f"bench-{command}.json").read_text())
    ways = [way for way in record["ways"] if not way.startswith("faiss")]  # where it is installed
    assert ways == ["crosswake", *plain]
    assert set(record["times_longer_than_crosswake"]) >= set(plain)
    assert all(value < tolerance for value in record["agreement"].values())
    assert set(record["scaling"]["seconds"]["crosswake"]) == {"125", "250", "500", "1000"}
    assert (output / f"bench-{command}.png").exists()


def test_alone(tmp_path: Path) -> None:
    words = [
        "rank",
        "--queries",
        "5",
        "--gallery",
        "40",
        "--width",
        "8",
        "--alone",
        "--device",
        "cpu",
    ]
    assert main([*words, "--output", str(tmp_path), "--quiet"]) == 0
    record = json.loads((tmp_path / "bench-rank.json").read_text())
    assert list(record["ways"]) == ["crosswake"]
    assert not (tmp_path / "bench-rank.png").exists()


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--queries", "0"], "queries"),
        (["--device", "gpu"], "device"),
        (["--budget", "0.001"], "budget"),
        (["--bogus"], "bogus"),
    ],
)
@pytest.mark.parametrize("command", ["rank", "rerank"])
def test_mistakes_are_one_line(
    command: str, extra: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [command, "--quick", "--device", "cpu", "--output", str(tmp_path), "--quiet"]
    assert main([*words, *extra]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1


def test_output_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["rank", "--quick", "--output", str(tmp_path / "taken")]) == 2
    assert "choose another --output" in capsys.readouterr().err


def test_help_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in [*BENCHMARKS, "all"])


def test_all_runs_each_with_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "benchmarks.__main__.MINUTES", dict.fromkeys(BENCHMARKS, "--quick --device cpu")
    )
    assert main(["all", "--output", str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert {path.stem for path in tmp_path.glob("*.json")} == {f"bench-{n}" for n in BENCHMARKS}


def test_no_such_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bake"]) == 2
    assert "there are: rank, rerank" in capsys.readouterr().err


def test_a_gallery_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lancedb")
    assert main(["gallery", "--quick", "--output", str(tmp_path), "--quiet"]) == 0
    assert "1,500 made-up sightings of width 32, ten a ship" in capsys.readouterr().out
    record = json.loads((tmp_path / "bench-gallery.json").read_text())
    ways = {"crosswake", "crosswake, 3 filters", "crosswake in memory", "NumPy in memory"}
    assert ways <= set(record["ways"])
    assert 0.9 <= record["further"]["recall_at_10"] <= 1
    assert record["further"]["build_s"] > 0
