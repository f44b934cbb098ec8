import json
from pathlib import Path
from typing import Any

import pytest

from crosswake.cli.main import main
from tests.data.making import write_image
from tests.data.pair_making import optical, sar8, write_scenes, write_sen12
from tests.parsing import override
from tests.tasks.fakes import make_data


def test_prints_what_it_is_measured_on_and_writes_beside_the_weights(
    tmp_path: Path, loaded: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_data(tmp_path / "harbour")
    weights = tmp_path / "run" / "best.pt"
    words = [
        "evaluate",
        "--checkpoint",
        str(weights),
        "--data",
        str(root),
        "--device",
        "cpu",
        "--quiet",
    ]
    assert main([*words, "--precision", "bf16", "--seed", "3"]) == 0
    printed = capsys.readouterr()
    assert f"Measured on harbour ({root})\n" in printed.out, "a pipe has no width to fit lines to"
    for text in (
        "all to all: 10 of 10 queries",
        "optical to SAR",
        "SAR to optical",
        "chance",
        "size only",
    ):
        assert text in printed.out
    assert printed.err.startswith("warning: 10 x the same pixels in query and gallery; the first: ")
    assert printed.err.count("\n") == 1
    assert loaded == [(weights, "cpu", "bf16")]
    folder = tmp_path / "run" / "evaluation-harbour"
    assert json.loads((folder / "metrics.json").read_text())["seed"] == 3
    assert (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("extra", "said", "settings"),
    [
        (
            ["--rerank"],
            "k1 20, k2 6, lambda 0.3.",
            {"k1": 20, "k2": 6, "lambda": 0.3, "half": False, "apart": False},
        ),
        (
            [
                "--rerank.k1",
                "3",
                "--rerank.k2=2",
                "--rerank.lambda",
                "0.5",
                "--rerank.apart",
                "--rerank.half",
            ],
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
    words = [
        "evaluate",
        "--checkpoint",
        "w.pt",
        "--data",
        str(make_data(tmp_path / "harbour")),
        "--device",
        "cpu",
    ]
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
    words = [
        "evaluate",
        "--checkpoint",
        "w.pt",
        "--data",
        str(root),
        "--output",
        str(tmp_path / "out"),
        "--quiet",
    ]
    assert main(words) == 0
    error = capsys.readouterr().err
    assert "left out, 1 in all" in error
    assert "0000_s01c0_RGB.png" in error
    assert main([*words, "--strict"]) == 2
    error = capsys.readouterr().err
    assert "0000_s01c0_RGB.png" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("splits", "name", "measured_on"),
    [
        ({}, "evaluation-coast", "coast"),
        (
            {"001": "train", "002": "train", "harbour": "train"},
            "evaluation-coast-train",
            "coast, split train (which",
        ),
        (
            {"001": "train", "002": "train"},
            "evaluation-coast",
            "coast, pairs of the split train (which",
        ),
        (
            {"001": "train", "002": "test", "harbour": "test"},
            "evaluation-coast-test",
            "coast, split test",
        ),
    ],
)
def test_pairs_of_the_training_split_are_said_to_be_such(
    splits: dict[str, str],
    name: str,
    measured_on: str,
    tmp_path: Path,
    loaded: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = write_scenes(tmp_path / "coast")
    rows = [{"file": f"{stem}.png", "split": split} for stem, split in splits.items()]
    (root / "scenes.json").write_text(json.dumps(rows))
    assert (
        main(["evaluate", "--checkpoint", str(tmp_path / "w.pt"), "--data", str(root), "--quiet"])
        == 0
    )
    said = json.loads((tmp_path / name / "metrics.json").read_text())["measured_on"]
    assert said.startswith(measured_on)
    assert ("train" in said) == ("by default" in said)
    assert f"Measured on {said}" in capsys.readouterr().out
    assert said in (tmp_path / name / "report.html").read_text(encoding="utf-8")


def test_bad_scenes_are_left_out_and_strict_stops(
    tmp_path: Path, loaded: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_scenes(tmp_path / "coast")
    write_image(root / "opt" / "004.png", optical(1, 96, 96), "PNG")
    write_image(root / "sar" / "004.png", sar8(1, 40, 96), "PNG")
    (root / "opt" / "001.png").write_bytes(b"no picture")
    words = ["evaluate", "--checkpoint", str(tmp_path / "w.pt"), "--data", str(root), "--quiet"]
    assert main(words) == 0
    error = capsys.readouterr().err
    assert "left out, 2 in all" in error
    assert f"{root / 'opt' / '001.png'}: not a TIFF" in error
    assert f"{root / 'sar' / '004.png'}: the SAR image is 40 x 96" in error
    record = json.loads((tmp_path / "evaluation-coast" / "metrics.json").read_text())
    assert [Path(row["path"]).name for row in record["passed_over"]] == ["001.png", "004.png"]
    assert record["protocols"]["o2s"]["queries"] == 2
    assert main([*words, "--strict"]) == 2
    error = capsys.readouterr().err
    assert "001.png" in error
    assert len(error.splitlines()) == 1
    (root / "opt" / "002.png").write_bytes(b"no picture")
    assert main(words) == 2
    assert "at least two places, found 1; left out is" in capsys.readouterr().err


def test_results_on_two_folders_do_not_meet(tmp_path: Path, loaded: list[tuple[Any, ...]]) -> None:
    for name in ("north", "south"):
        root = write_sen12(tmp_path / "data" / name)
        assert (
            main(
                ["evaluate", "--checkpoint", str(tmp_path / "w.pt"), "--data", str(root), "--quiet"]
            )
            == 0
        )
        assert (tmp_path / f"evaluation-{name}" / "report.html").exists()


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
        (["--data", "nowhere"], "--data: nowhere: no such folder or table"),
    ],
)
def test_mistakes_are_one_line(
    extra: list[str],
    named: str,
    tmp_path: Path,
    loaded: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = make_data(tmp_path / "harbour", identities=1)
    words = ["evaluate", "--checkpoint", "w.pt", "--data", str(root), *extra]
    assert main(override(words)) == 2
    error = capsys.readouterr().err
    assert named in error
    assert len(error.splitlines()) == 1
    assert not loaded
