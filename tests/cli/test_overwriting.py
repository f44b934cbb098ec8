"""Promise: results do not take the place of others, or of anybody's files, in silence."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from crosswake.cli.main import main
from crosswake.core.provenance import read_origin
from tests.cli.test_probe import write_two_terrains
from tests.parsing import override
from tests.tasks.fakes import make_data

RESULTS = ("metrics.json", "rankings.parquet", "report.html")


@pytest.fixture
def evaluate(tmp_path: Path, loaded: list[tuple[Any, ...]]) -> list[str]:
    """Words that measure best.pt on two ships."""
    (tmp_path / "best.pt").write_bytes(b"first weights")
    root = make_data(tmp_path / "harbour", identities=2)
    words = ["evaluate", "--checkpoint", str(tmp_path / "best.pt"), "--data", str(root)]
    return [*words, "--quiet", "--output", str(tmp_path / "out")]


def test_every_file_says_what_it_was_made_from(evaluate: list[str], tmp_path: Path) -> None:
    assert main(evaluate) == 0
    origins = [read_origin(tmp_path / "out" / name) for name in RESULTS]
    assert origins[0] is not None
    assert (
        origins[0]["data"] == json.loads((tmp_path / "out/metrics.json").read_text())["fingerprint"]
    )
    assert origins[0]["weights"] == hashlib.sha256(b"first weights").hexdigest()
    assert origins[1:] == origins[:1] * 2


def test_the_same_may_be_measured_again(evaluate: list[str], tmp_path: Path) -> None:
    assert main(evaluate) == 0
    before = (tmp_path / "out/report.html").read_bytes()
    assert main(evaluate) == 0
    assert (tmp_path / "out/report.html").read_bytes() == before


def change_weights(folder: Path) -> list[str]:
    (folder / "best.pt").write_bytes(b"other weights")
    return []


def change_data(folder: Path) -> list[str]:
    return ["--data", str(make_data(folder / "other", identities=3))]


def change_settings(_: Path) -> list[str]:
    return ["--rerank.k1", "3"]


def change_band(_: Path) -> list[str]:
    return ["--sar_band", "vh"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_band, 'sar_band [], not ["vh"]'),
        (change_weights, "else: weights "),
        (change_data, "data "),
        (change_settings, "rerank none, not "),
    ],
)
def test_other_results_are_refused_by_name_and_replaced_on_demand(
    change: Any, said: str, evaluate: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(evaluate) == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in RESULTS}
    capsys.readouterr()
    words = override([*evaluate, *change(tmp_path)])
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"crosswake: {tmp_path / 'out/metrics.json'}: was made from something")
    assert said in error
    assert error.endswith("choose another --output, or add --overwrite\n")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in RESULTS} == before
    assert main([*words, "--overwrite"]) == 0
    assert (tmp_path / "out/metrics.json").read_bytes() != before["metrics.json"]


@pytest.mark.parametrize("name", RESULTS)
def test_files_of_others_stay(name: str, evaluate: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    assert main([*evaluate, "--overwrite"]) == 2
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {name: "mine"}


def test_weights_beside_the_best_have_a_folder_of_their_own(
    evaluate: list[str], tmp_path: Path
) -> None:
    (tmp_path / "last.pt").write_bytes(b"last weights")
    for name in ("best.pt", "last.pt"):
        words = ["--checkpoint", str(tmp_path / name), *evaluate[3:6]]
        assert main(["evaluate", *words]) == 0
    found = {path.name for path in tmp_path.glob("evaluation-*")}
    assert found == {"evaluation-harbour", "evaluation-harbour-last.pt"}


def test_probes_are_not_replaced_either(
    tmp_path: Path, loaded: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "best.pt").write_bytes(b"first weights")
    root = write_two_terrains(tmp_path / "fields")
    words = ["probe", "--checkpoint", str(tmp_path / "best.pt"), "--data", str(root), "--quiet"]
    assert main(words) == 0
    numbers, picture = (tmp_path / "probe-fields" / f"probe.{end}" for end in ("json", "png"))
    assert read_origin(numbers) == read_origin(picture) is not None
    assert main(words) == 0
    capsys.readouterr()
    assert main([*words, "--seed", "1"]) == 2
    assert "seed 0, not 1; choose another --output, or add --ov" in capsys.readouterr().err
    assert main([*words, "--seed", "1", "--overwrite"]) == 0


def test_training_is_refused_before_it_begins_where_its_report_would_replace_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/report.html").write_text("mine")
    root = make_data(tmp_path / "harbour", identities=2)
    assert main(["train", "--data", str(root), "--output", str(tmp_path / "run")]) == 2
    assert "report.html: was not written by crosswake evaluate" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["report.html"]
