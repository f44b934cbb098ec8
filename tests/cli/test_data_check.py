"""Promise: ``crosswake data check`` prints counts and every bad file, draws a sheet, and exits 0 or
2."""

import json
import shutil
from pathlib import Path

import pytest

from crosswake.cli.main import main
from tests.data.making import sar, write_hoss, write_image


@pytest.fixture
def ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_hoss(tmp_path / "ships")


def test_good_data(ships: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(ships)]) == 0
    said = capsys.readouterr()
    rows = [line.split() for line in said.out.splitlines()]
    assert ["train", "3", "3", "6", "3", "3", "38", "x", "15", "33", "x", "13"] in rows
    assert ["o2s", "(optical", "to", "SAR)", "1", "2", "0", "modality"] in rows
    assert "contact sheet: ships-sheet.png" in said.out
    assert said.out.splitlines()[-1] == "all 12 chips are good, 0 warnings"
    assert "reading 12/12" in said.err
    assert Path("ships-sheet.png").stat().st_size > 10_000


def test_bad_data(ships: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(ships / "query/0012_s02c3_SAR.tif", sar(height=7))
    for name in ("0001_s01c1_RGB.tif", "0002_s01c1_RGB.tif", "0003_s01c1_RGB.tif"):
        (ships / "bounding_box_train" / name).write_bytes(b"")
    (ships / "query/0011.tif").touch()
    assert (
        main(["data", "check", str(ships), "--sheet", "sheets/a.png", "--json", "result.json"]) == 2
    )
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert "bad files: 4" in lines
    assert (
        "  3 x the file is empty; 1 x name is not <identity>_s<scene>c<sighting>_<RGB|SAR>" in lines
    )
    assert (
        f"  {ships}/bounding_box_train/0002_s01c1_RGB.tif: the file is empty; fetch it again"
        in lines
    )
    assert "warnings: 1" in lines
    assert lines[-1] == "4 bad files among 12 chips, 1 warning"
    assert Path("sheets/a.png").is_file()
    assert not Path("ships-sheet.png").exists()
    result = json.loads(Path("result.json").read_text())
    assert [finding["level"] for finding in result["findings"]] == ["error"] * 4 + ["warning"]
    assert [row["chips"] for row in result["splits"]] == [6, 2, 4]
    assert [row["name"] for row in result["protocols"]] == ["all", "o2s", "s2o"]


def test_quiet(ships: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(ships), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    (ships / "query/0012_s02c3_SAR.tif").write_bytes(b"")
    assert main(["data", "check", str(ships), "--quiet"]) == 2
    said = capsys.readouterr()
    assert "0012_s02c3_SAR.tif: the file is empty" in said.out
    assert said.err == ""


def test_strict_stops_at_the_first(ships: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (ships / "query").iterdir():
        path.write_bytes(b"")
    assert main(["data", "check", str(ships), "--strict", "--quiet"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"crosswake: {ships}/query/0011_s02c3_RGB.tif: the file is empty")
    assert not Path("ships-sheet.png").exists()


def test_table(ships: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.csv").write_text(
        "path,identity,modality,split,height_m\n"
        "ships/query/0011_s02c3_RGB.tif,Aurora,optical,query,110\n"
        "ships/bounding_box_test/0011_s01c2_SAR.tif,Aurora,sar,gallery,110\n"
    )
    assert main(["data", "check", "mine.csv"]) == 0
    assert "110 x 12" in capsys.readouterr().out


def test_json_that_cannot_be_written(ships: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").touch()
    assert main(["data", "check", str(ships), "--json", "taken/result.json", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "taken/result.json: cannot be" in error
    assert error.endswith("choose another --json\n")


def test_files_of_others_are_not_replaced(
    ships: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, result = tmp_path / "a.png", tmp_path / "a.json"
    words = ["data", "check", "--sheet", str(sheet), "--json", str(result), "--quiet"]
    for mine, option in ((sheet, "--sheet"), (result, "--json")):
        mine.write_text('{"mine": 1}')
        assert main([*words, str(ships), "--overwrite", "true"]) == 2
        said = capsys.readouterr().err
        assert f"{mine}: was not written by crosswake data check" in said
        assert said.endswith(f"choose another {option}\n")
        assert mine.read_text() == '{"mine": 1}'
        mine.unlink()
    main([*words, str(ships)])
    other = tmp_path / "other" / ships.name
    shutil.copytree(ships, other)
    main([*words, str(other)])
    assert json.loads(result.read_text())["root"] == str(other), "files that are named are renewed"


def test_a_sheet_of_other_data_of_the_same_name_is_not_replaced(
    ships: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other" / ships.name
    shutil.copytree(ships, other)
    main(["data", "check", str(ships), "--quiet"])
    (sheet,) = tmp_path.glob("*-sheet.png")
    before = sheet.read_bytes()
    assert main(["data", "check", str(other), "--quiet"]) == 2
    assert "was made from something else: data " in capsys.readouterr().err
    assert sheet.read_bytes() == before
