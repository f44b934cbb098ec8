"""Promise: ``data pairs`` builds and reports, ``data check`` verifies pairs in every layout,
mistakes are one line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crosswake.cli.main import main
from crosswake.core.lock import only_writer
from tests.data.making import write_image
from tests.data.pair_making import (
    optical,
    sar8,
    sar32,
    write_dfc23,
    write_scenes,
    write_sen12,
    write_terrain,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_dfc23(Path("dfc23"))
    write_terrain(Path("terrain"))
    write_sen12(Path("sen12"))
    write_scenes(Path("coast"))


SOURCES = ["--dfc23", "dfc23", "--sen12", "terrain", "--sen12", "sen12", "--scenes", "coast"]


def rows_in(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_build_and_check(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "data",
        "pairs",
        "out",
        *SOURCES,
        "--crops",
        "random",
        "--crop_size",
        "64",
        "32",
        "--per_scene",
        "3",
    ]
    assert main([*words, "--max_offset", "3"]) == 0
    said = capsys.readouterr()
    rows = rows_in(said.out)
    assert "out: 28 pairs" in said.out
    for row in (
        ["dfc23", "3", "scenes", "6"],
        ["scenes", "3", "scenes", "9"],
        ["sen12", "9", "scenes", "13"],
    ):
        assert row in rows
    assert "left out, sen12: 1 x same pixels as another pair" in said.out
    assert rows[-1] == ["out"]
    assert "building 31/31" in said.err
    report = json.loads(Path("out/report.json").read_text())
    assert report["pairs"] == 28
    assert [source["licence"] for source in report["sources"]][1] == "CC-BY 4.0"
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("out\n", "")
    assert main(["data", "check", "out", "--json", "check.json"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "all 28 pairs are good, 0 warnings"
    assert Path("out-sheet.png").stat().st_size > 50_000
    assert json.loads(Path("check.json").read_text())["counts"]["scenes"]["pairs"] == 9


@pytest.mark.parametrize(
    ("root", "pairs"), [("dfc23", 8), ("terrain", 6), ("sen12", 8), ("coast", 3)]
)
def test_check_of_every_layout(root: str, pairs: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", root]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"all {pairs} pairs are good")


def test_one_pair_of_one_long_name_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    stem = "a_harbour_" * 9
    write_image(Path(f"one/opt/{stem}.png"), optical(1), "PNG")
    write_image(Path(f"one/sar/{stem}.png"), sar8(1), "PNG")
    assert main(["data", "check", "one"]) == 0
    said = capsys.readouterr().out
    assert ["scenes", "1", "scene", "1"] in rows_in(said)
    assert ["scene", f"one/{stem}", "1"] in rows_in(said), (
        "no column is cut where there is no terminal"
    )
    assert "one: 1 pair\n" in said
    assert said.splitlines()[-1] == "the one pair is good, 0 warnings"


def test_check_names_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    base = Path("bad/OptiSar_Pair/x")
    for number in range(1, 6):
        write_image(base / f"A_{number}_RGB.png", optical(number), "PNG")
        write_image(base / f"A_{number}_SAR.png", sar8(number), "PNG")
    write_image(base / "A_1_RGB.png", optical(2), "PNG")
    write_image(base / "A_1_SAR.png", sar8(2), "PNG")
    (base / "A_3_SAR.png").write_bytes((base / "A_3_SAR.png").read_bytes()[:300])
    write_image(base / "A_4_SAR.png", sar8(4, 30, 30), "PNG")
    write_image(base / "A_5_SAR.png", sar8(5).astype(np.uint16), "PNG")
    write_image(base / "A_6_SAR.tif", sar32(6))
    assert main(["data", "check", "bad", "--sheet", "bad.png"]) == 2
    said = capsys.readouterr().out
    assert "bad files: 3" in said
    assert f"{base}/A_3_SAR.png: truncated or damaged" in said
    assert (
        f"{base}/A_4_SAR.png: the SAR image is 30 x 30, the optical one 32 x 32 pixels; they must "
        "be equal" in said
    )
    assert f"{base}/A_6_SAR.tif: no RGB image of the id 6" in said
    assert (
        f"{base}/A_2_RGB.png: same pixels as {base}/A_1_RGB.png and its SAR image; leave one out"
        in said
    )
    assert said.splitlines()[-1] == "3 bad files among 5 pairs, 1 warning"
    assert Path("bad.png").is_file()
    assert main(["data", "check", "bad", "--strict", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--strict stops" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["out"], "name a source with --sen12, --dfc23 or --scenes"),
        (["out", "--sen12", "nowhere"], "nowhere: no such folder"),
        (["out", "--dfc23", "coast"], "coast: holds no DFC23 pairs"),
        (["out", "--scenes", "dfc23"], "dfc23: holds no opt/ and sar/"),
        (["coast", *SOURCES], "coast: exists and was not made by this command"),
        (["out", *SOURCES, "--tile", "3"], "--tile: 16 pixels are the least"),
        (["out", *SOURCES, "--crop_size", "32"], "crosswake data pairs --help"),
        (["out", *SOURCES, "--crops", "round"], "crosswake data pairs --help"),
        (["out", *SOURCES, "--per_scene", "9"], "--per_scene: a grid has"),
        (["out", *SOURCES, "--drop_misregistered"], "needs --max_offset"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "pairs", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("crosswake: ")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not Path("out").exists()


def test_no_pair_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    for name, pixels in (("opt", optical(1) * 0), ("sar", sar8(1))):
        write_image(Path(f"black/{name}/a.png"), pixels, "PNG")
    words = ["data", "pairs", "out", "--scenes", "black", "--crop_size", "32", "32", "--quiet"]
    for _ in range(2):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert said.splitlines()[-1] == (
            "crosswake: out: not one pair was made (1 left out, 0 bad files); report.json there "
            "has the reasons"
        )
        left_out = json.loads(Path("out/report.json").read_text())["left_out"]
        assert [row["reason"] for row in left_out] == ["optical is mostly black"]


def test_two_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with only_writer(Path(), "out"):
        assert main(["data", "pairs", "out", *SOURCES, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("crosswake: OUT: out is being written by another process")
    assert not Path("out").exists()
    assert main(["data", "pairs", "out", *SOURCES, "--quiet"]) == 0


def test_help_is_quick() -> None:
    code = (
        "import sys\nfrom crosswake.cli.main import main\nmain(['data', 'pairs', '--help'])\n"
        "assert not {'rasterio', 'numpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_commands_of_the_manual(capsys: pytest.CaptureFixture[str]) -> None:
    write_dfc23(Path("DFC23"))
    write_sen12(Path("SEN12"))
    write_scenes(Path("scenes"), side=300)
    manual = (Path(__file__).parents[2] / "docs/pairs.md").read_text(encoding="utf-8")
    lines = manual.replace("\\\n", " ").splitlines()
    commands = [line.split()[1:] for line in lines if line.startswith("    crosswake ")]
    assert len(commands) == 5
    for words in commands:
        assert main(words) == 0, words
    python = manual.split("## From Python")[1]
    code = "\n".join(line[4:] for line in python.splitlines() if line.startswith("    "))
    names: dict[str, object] = {}
    exec(code, names)
    assert getattr(names["optical"], "shape", None) == (32, 32, 3)
