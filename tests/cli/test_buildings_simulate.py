"""``crosswake buildings simulate`` from the command line."""

import json
from pathlib import Path

import pytest

from crosswake.cli.main import main


def test_makes_a_folder_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "town"
    words = ["buildings", "simulate", str(out), "--tiles", "12", "--tile_size", "64"]
    assert main([*words, "--workers", "1", "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert json.loads((out / "simulated.json").read_text())["complete"]
    assert [path.name for path in tmp_path.iterdir()] == ["town"]
    assert main([*words, "--seed", "1", "--quiet"]) == 2
    assert "seed 0, not 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to do"),
        (["--preview", "town.jpg"], "ends in .png"),
        (["town", "--tiles", "3"], "--tiles is 3"),
    ],
)
def test_refuses_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["buildings", "simulate", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
