from pathlib import Path

import pytest
from PIL import Image

from crosswake.cli.main import main
from crosswake.simulate import preview


def test_simulate_makes_a_fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fleet"
    words = [
        "simulate",
        str(out),
        "--identities",
        "6",
        "--sightings",
        "2",
        "--workers",
        "1",
        "--quiet",
    ]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(out)
    assert captured.err == ""
    assert len(list((out / "bounding_box_train").iterdir())) == 8


def test_a_preview_alone_writes_no_data(tmp_path: Path) -> None:
    picture = tmp_path / "fleet.png"
    assert main(["simulate", "--preview", str(picture)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["fleet.png"]
    assert picture.stat().st_size < 700_000
    with Image.open(picture) as image:
        assert image.width == pytest.approx(1600, abs=10)


def test_a_picture_of_others_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "PREVIEWED_TYPES", preview.PREVIEWED_TYPES[:1])
    picture = tmp_path / "fleet.png"
    Image.new("RGB", (8, 8)).save(picture)
    mine = picture.read_bytes()
    words = ["simulate", "--preview", str(picture)]
    assert main([*words, "--overwrite", "true"]) == 2
    assert "fleet.png: was not written by crosswake simulate" in capsys.readouterr().err
    assert picture.read_bytes() == mine
    picture.unlink()
    assert main(words) == 0
    assert main(words) == 0
    capsys.readouterr()
    assert main([*words, "--seed", "1"]) == 2
    assert "seed 0, not 1" in capsys.readouterr().err
    assert main([*words, "--seed", "1", "--overwrite", "true"]) == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "--preview"),
        (["OUT", "--identities", "2"], "--identities"),
        (["OUT", "--identities", "many"], "identities"),
        (["OUT", "--sightings", "1"], "--sightings"),
        (["OUT", "--ships", "9"], "--ships"),
        (["--preview", "fleet.jpg"], "--preview"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], named: str
) -> None:
    out = str(tmp_path / "fleet")
    assert main(["simulate", *[out if word == "OUT" else word for word in words]]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_text("")
    assert main(["simulate", str(tmp_path), "--quiet"]) == 2
    assert "not empty" in capsys.readouterr().err
