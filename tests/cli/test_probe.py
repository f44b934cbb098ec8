"""Promise: a probe says what it was measured on and what was left out, and leaves bad files out."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from crosswake.cli.main import main
from tests.data.pair_making import write_sen12, write_sen12_pair
from tests.parsing import override


def write_two_terrains(root: Path, names: tuple[str, str] = ("agri", "urban")) -> Path:
    """Two terrains of two scenes of three patches each."""
    for number, terrain in enumerate(names):
        for scene in (10, 11):
            for patch in range(3):
                write_sen12_pair(root / terrain, "ROIs1970_fall", 2 * scene + number, patch)
    return root


@pytest.fixture
def words(tmp_path: Path, loaded: list[tuple[Any, ...]]) -> list[str]:
    root = write_two_terrains(tmp_path / "data" / "fields")
    return [
        "probe",
        "--checkpoint",
        str(tmp_path / "w.pt"),
        "--data",
        str(root),
        "--device",
        "cpu",
        "--quiet",
    ]


def test_the_record_says_what_it_was_measured_on(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    said = capsys.readouterr()
    assert "terrain predicted on sen12: 12 pairs" in said.out
    assert "scenes: agri 2, urban 2; by scene" in said.out
    assert said.err == ""
    record = json.loads((tmp_path / "probe-fields" / "probe.json").read_text())
    assert record["root"] == str(tmp_path / "data" / "fields")
    assert len(record["fingerprint"]) == 12
    assert record["model"]["model"] == "fake"
    assert {"python", "numpy", "scikit-learn"} <= set(record["versions"])
    assert (record["pairs"], record["unreadable"], record["passed_over"]) == (12, [], [])
    assert record["command"]
    assert list(record["probes"]) == ["optical", "SAR", "both", "mean and std of pixels"]
    assert sum(map(sum, record["probes"]["both"]["confusion"])) == 12
    assert (tmp_path / "probe-fields" / "probe.png").stat().st_size > 10_000


def test_bad_files_are_left_out_and_strict_stops(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data" / "fields" / "agri"
    bad = folder / "s1" / "ROIs1970_fall_s1_20_p1.png"
    bad.write_bytes(bad.read_bytes()[:100])
    lonely = folder / "s1" / "ROIs1970_fall_s1_22_p2.png"
    (folder / "s2" / "ROIs1970_fall_s2_22_p2.png").unlink()
    assert main(words) == 0
    said = capsys.readouterr()
    assert ": 10 pairs" in said.out
    assert "left out, 2 in all (listed in probe.json)" in said.err
    record = json.loads((tmp_path / "probe-fields" / "probe.json").read_text())
    assert [row["path"] for row in record["unreadable"]] == [str(bad)]
    assert [row["path"] for row in record["passed_over"]] == [str(lonely)]
    for victim in (lonely, bad):
        assert main([*words, "--strict"]) == 2
        error = capsys.readouterr().err
        assert victim.name in error
        assert len(error.splitlines()) == 1
        lonely.unlink(missing_ok=True)


def test_what_cannot_be_probed_is_one_line(
    words: list[str], tmp_path: Path, loaded: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for data, said in (
        (write_sen12(tmp_path / "plain"), "needs two terrains of two pairs each; found none"),
        (tmp_path / "empty", "holds no optical-SAR pairs"),
    ):
        assert main(override([*words, "--data", str(data), "--output", str(tmp_path / "out")])) == 2
        assert said in capsys.readouterr().err
    assert not loaded
    assert not (tmp_path / "out").exists()
    for path in (tmp_path / "data" / "fields" / "agri" / "s1").iterdir():
        path.write_bytes(b"")
    assert main(words) == 2
    assert "found 6 of urban; left out is" in capsys.readouterr().err


def test_names_in_any_script_are_drawn_without_a_warning(words: list[str], tmp_path: Path) -> None:
    root = write_two_terrains(tmp_path / "農地", ("港口", "農地"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        assert main(override([*words, "--data", str(root), "--output", str(tmp_path / "out")])) == 0
