"""Promise: ``calibrate`` uses ships that the model did not learn from and says which; ``gallery
evaluate`` measures with that calibration, and both replace nothing of others."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from crosswake.cli.main import main
from crosswake.core.provenance import file_hash
from crosswake.core.tensor_files import CHECKPOINT_FORMAT
from crosswake.data.reid import chips_fingerprint
from crosswake.data.sources.open import open_reid
from tests.tasks.fakes import write_chip

SIGHTINGS = 3
pytestmark = pytest.mark.usefixtures("loaded")


def write_table(folder: Path, train: int, test: int) -> Path:
    """Ships that are seen every four hours in both modalities, each at a place of its own."""
    rows = []
    for ship in range(train + test):
        for number in range(SIGHTINGS):
            tag = "SAR" if (ship + number) % 2 else "RGB"
            name = f"{ship:04d}_s01c{number}_{tag}"
            rows.append(
                {
                    "path": write_chip(folder / "chips", name, ship).relative_to(folder).as_posix(),
                    "identity": f"{ship:04d}",
                    "modality": "sar" if tag == "SAR" else "optical",
                    "split": "train" if ship < train else "both",
                    "time": f"2026-03-01T{4 * number:02d}:{ship:02d}:00Z",
                    "lon": 0.5 * (ship % 7) + 0.02 * number,
                    "lat": 0.5 * (ship // 7),
                    "ship_length_m": 60 + 5 * ship + number,
                    "ship_width_m": 10 + ship / 2,
                    "size_error_m": 2,
                }
            )
    path = folder / "ships.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("ships"), 20, 14)


def checkpoint_of(path: Path, table: Path | None, fraction: float = 0.5) -> Path:
    """Weights that say what they learnt from."""
    fingerprint = chips_fingerprint(open_reid(table).train) if table else "other"
    content: dict[str, Any] = {
        "format": CHECKPOINT_FORMAT,
        "command": "train",
        "config": {"seed": 0, "validation": {"fraction": fraction}},
        "data": {"fingerprint": fingerprint},
        "model": {"weight": torch.zeros(2)},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def words(checkpoint: Path, data: Path, *more: str) -> list[str]:
    return ["calibrate", "--checkpoint", str(checkpoint), "--data", str(data), *more]


def test_from_calibration_to_evaluation(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = checkpoint_of(tmp_path / "best.pt", table)
    assert main(words(weights, table)) == 0
    printed = capsys.readouterr().out
    assert "10 ships (validation) of ships" in printed
    assert "optical-sar" in printed
    record = json.loads((tmp_path / "calibration.json").read_text())
    assert record["model"] == file_hash(weights)
    assert record["made_on"]["ships"] == 10
    assert record["size_spread"] is None, "the table says its errors"
    assert {path.suffix for path in tmp_path.glob("calibration.*")} == {".json", ".png", ".html"}
    evaluate = ["gallery", "evaluate", "--checkpoint", str(weights), "--data", str(table)]
    assert main(evaluate) == 0
    printed = capsys.readouterr().out
    assert "optical to SAR" in printed
    assert "together" in printed
    folder = tmp_path / "evidence-ships"
    found = json.loads((folder / "metrics.json").read_text())
    assert found["facts"]["calibrated on"] == "10 ships of ships (validation)"
    assert set(found["directions"]) == {"all", "o2s", "s2o"}
    assert found["directions"]["all"]["absent"] == 4 * SIGHTINGS
    assert main(evaluate) == 0, "the same may be made again"
    assert main([*evaluate, "--absent", "0.5"]) == 2
    assert "absent 0.3, not 0.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("own", "fraction", "split", "complaint"),
    [
        (False, 0.5, None, "name the part to calibrate on"),
        (False, 0.5, "validation", "name the part to calibrate on"),
        (True, 0.5, "train", "learnt from these ships"),
        (True, 0.0, None, "held no ship out"),
        (True, 0.1, None, "2 ships to calibrate on, 8 are needed"),
    ],
)
def test_ships_that_the_model_knows_are_refused(
    own: bool,
    fraction: float,
    split: str | None,
    complaint: str,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = checkpoint_of(tmp_path / "best.pt", table if own else None, fraction)
    assert main(words(weights, table, *(["--split", split] if split else []))) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert not (tmp_path / "calibration.json").exists()


def test_the_test_split_only_with_a_warning(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = checkpoint_of(tmp_path / "best.pt", table)
    assert main(words(weights, table, "--split", "test")) == 0
    assert "not honest" in capsys.readouterr().err
    record = json.loads((tmp_path / "calibration.json").read_text())
    assert (record["made_on"]["split"], record["made_on"]["ships"]) == ("test", 14)


def test_other_data_by_the_split_that_is_named(table: Path, tmp_path: Path) -> None:
    weights = checkpoint_of(tmp_path / "best.pt", None)
    assert main(words(weights, table, "--split", "train")) == 0
    assert json.loads((tmp_path / "calibration.json").read_text())["made_on"]["ships"] == 20


def test_without_a_calibration_nothing_is_measured(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = checkpoint_of(tmp_path / "best.pt", table)
    evaluate = ["gallery", "evaluate", "--checkpoint", str(weights), "--data", str(table)]
    assert main(evaluate) == 2
    assert "make it with crosswake calibrate" in capsys.readouterr().err
    assert main(words(weights, table)) == 0
    other = checkpoint_of(tmp_path / "other" / "best.pt", table, 0.4)
    calibration = ["--calibration", str(tmp_path / "calibration.json")]
    capsys.readouterr()
    assert main([*evaluate[:3], str(other), *evaluate[4:], *calibration]) == 2
    assert "was made for other weights" in capsys.readouterr().err
