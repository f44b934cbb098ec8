"""Promise: OptiSar_Pair holds the sources' pixels, each pair once, however often the building was
interrupted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.build import build
from crosswake.data.build.build import Built, build_pairs, write_manifest
from crosswake.data.build.plan import BuildPlan, BuildSettings, plan_build
from crosswake.data.build.report import write_build_report
from crosswake.data.build.work import JobOutcome, do_job
from crosswake.data.pixels import Pixels, read_bands, read_pair
from crosswake.data.sources.optisar import read_optisar
from tests.data.making import write_image
from tests.data.pair_making import (
    optical,
    sar8,
    sar32,
    write_dfc23,
    write_scenes,
    write_terrain,
    write_tile,
)
from tests.golden import real_data

SETTINGS = BuildSettings(tile=16, crop_size=(40, 24))


@pytest.fixture
def roots(tmp_path: Path) -> list[tuple[str, Path]]:
    return [
        ("scenes", write_scenes(tmp_path / "coast")),
        ("sen12", write_terrain(tmp_path / "sen12")),
        ("dfc23", write_dfc23(tmp_path / "dfc23")),
    ]


def make(out: Path, plan: BuildPlan, **options: Any) -> Built:
    """Build with manifest and report, quietly."""
    built = build_pairs(out, plan, quiet=True, **options)
    write_manifest(out, built)
    write_build_report(out, built)
    return built


def content(out: Path) -> dict[str, bytes]:
    """Every file of a build but the journal, whose lines may come in another order after an
    interruption."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "journal.jsonl"
    }


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The manifest."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(out / "manifest.parquet").to_pylist()
    return rows


def window(pixels: Pixels, row: dict[str, Any]) -> Pixels:
    """The crop of (bands, height, width) that a row of the manifest describes."""
    if row["top"] is None:
        return pixels
    return pixels[
        :, row["top"] : row["top"] + row["height"], row["left"] : row["left"] + row["width"]
    ]


def test_read_back_equals_the_sources(tmp_path: Path, roots: list[tuple[str, Path]]) -> None:
    out = tmp_path / "out"
    built = make(out, plan_build(roots, SETTINGS))
    rows = rows_of(out)
    # 8 DFC23 tiles less 2 in both tracks, 6 SEN1-2 patches less 1 double, each in 2 x 2; 3 scenes
    # of 2 x 4 crops
    assert len(rows) == len(built.kept) == 4 * 6 + 4 * 5 + 3 * 8
    for row in rows:
        for written, source in ((row["rgb"], row["optical_path"]), (row["sar"], row["sar_path"])):
            stored, original = read_bands(out / written), window(read_bands(Path(source)), row)
            assert stored.dtype == original.dtype
            assert np.array_equal(stored, original[: len(stored)])
            assert len(stored) == (3 if written == row["rgb"] else 1)
    data = read_optisar(out)
    assert [pair.id for pair in data.pairs] == [str(row["id"]) for row in rows]
    assert data.bad_files == ()
    assert {(pair.source, pair.scene, pair.terrain, pair.split) for pair in data.pairs} >= {
        ("dfc23", "Barcelona", "", "train"),
        ("dfc23", "", "", "test"),
        ("sen12", "fall_115", "agri", ""),
        ("scenes", "coast/harbour", "", ""),
    }
    pixels, radar = read_pair(data.pairs[-1])
    assert (pixels.shape, radar.shape, str(radar.dtype)) == ((40, 24, 3), (40, 24), "float32")


def test_names_and_types(tmp_path: Path, roots: list[tuple[str, Path]]) -> None:
    out = tmp_path / "out"
    make(out, plan_build(roots, BuildSettings(crop_size=(96, 96))))
    names = {Path(name).name for name in content(out) if name.startswith("OptiSar_Pair/")}
    # ids 5, 6 and 13 are the doubles
    assert names == (
        {f"DFC_{k}_{half}.tif" for k in (1, 2, 3, 4, 7, 8) for half in ("RGB", "SAR")}
        | {f"SEN_{k}_{half}.png" for k in (9, 10, 11, 12, 14) for half in ("RGB", "SAR")}
        | {
            "SCN_15_RGB.png",
            "SCN_15_SAR.png",
            "SCN_16_RGB.png",
            "SCN_16_SAR.png",
            "SCN_17_RGB.png",
            "SCN_17_SAR.tif",
        }
    )
    report = json.loads((out / "report.json").read_text())
    assert report["counts"]["dfc23"]["city"] == {"(not known)": 3, "Barcelona": 1, "New_York": 2}
    assert report["left_out_counts"] == {
        "dfc23": {"same pixels as another pair": 2},
        "sen12": {"same pixels as another pair": 1},
    }
    assert [(row["id"], row["reason"]) for row in report["left_out"]] == [
        (5, "same pixels as pair 1"),
        (6, "same pixels as pair 2"),
        (13, "same pixels as pair 10"),
    ]


@pytest.mark.parametrize(
    "settings", [SETTINGS, BuildSettings(crops="random", crop_size=(32, 32), per_scene=5, seed=4)]
)
def test_the_same_whatever_the_workers(
    tmp_path: Path, roots: list[tuple[str, Path]], settings: BuildSettings
) -> None:
    for workers in (1, 3):
        make(tmp_path / str(workers), plan_build(roots, settings), workers=workers)
    assert content(tmp_path / "1") == content(tmp_path / "3")


def test_goes_on_after_an_interruption(
    tmp_path: Path, roots: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_build(roots, SETTINGS)
    make(tmp_path / "whole", plan)
    out = tmp_path / "out"

    def stopping(out: Path, number: int, *rest: Any) -> JobOutcome:
        if number == 9:
            raise KeyboardInterrupt
        return do_job(out, number, *rest)

    monkeypatch.setattr(build, "do_job", stopping)
    with pytest.raises(
        KeyboardInterrupt, match="stopped after 36 of 80 pairs; the same command goes on"
    ):
        make(out, plan, workers=1)
    monkeypatch.setattr(build, "do_job", do_job)
    journal = out / "journal.jsonl"
    assert len(journal.read_text().splitlines()) == 9
    journal.write_bytes(journal.read_bytes()[:-7])  # a kill while the last line was written
    (out / "OptiSar_Pair/dfc23_000/.DFC_3_SAR.tif.part").write_bytes(b"half")
    (out / "OptiSar_Pair/dfc23_000/DFC_5_RGB.tif").unlink()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.tif")}
    make(out, plan)
    assert content(out) == content(tmp_path / "whole")
    after = {path: path.stat().st_mtime_ns for path in before if path.exists()}
    assert after.items() <= before.items()
    assert len(after) > 30


def test_finished_is_finished(
    tmp_path: Path, roots: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_build(roots, SETTINGS)
    make(tmp_path / "out", plan)
    before = content(tmp_path / "out")

    def never(*words: Any) -> JobOutcome:
        raise AssertionError("done twice")

    monkeypatch.setattr(build, "do_job", never)
    make(tmp_path / "out", plan)
    assert content(tmp_path / "out") == before


def test_another_plan_is_refused(tmp_path: Path, roots: list[tuple[str, Path]]) -> None:
    out = tmp_path / "out"
    make(out, plan_build(roots, SETTINGS))
    for settings, what in (
        (replace(SETTINGS, tile=None), "tile was 16, is None"),
        (replace(SETTINGS, crop_size=(40, 40)), r"crop_size was \[40, 24\], is \[40, 40\]"),
    ):
        with pytest.raises(CrosswakeError, match=f"begun with another plan .*{what}"):
            make(out, plan_build(roots, settings))
    with pytest.raises(CrosswakeError, match="sources was "):
        make(out, plan_build(roots[:2], SETTINGS))
    make(out, plan_build(roots, replace(SETTINGS, max_offset=3.0)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    for taken in (tmp_path / "full", tmp_path / "full/mine.txt"):
        with pytest.raises(CrosswakeError, match="not made by this command"):
            make(taken, plan_build(roots, SETTINGS))


def test_bad_files_are_listed_and_mended(tmp_path: Path) -> None:
    root = tmp_path / "dfc23"
    for seed, stem in enumerate(("P_0001", "P_0002", "P_0003", "P_0004", "P_0005", "P_0006")):
        write_tile(root / "track1/val", stem, seed)
    rgb, radar = root / "track1/val/rgb", root / "track1/val/sar"
    whole = (radar / "P_0001.tif").read_bytes()
    (radar / "P_0001.tif").write_bytes(whole[: len(whole) // 2])
    write_image(radar / "P_0002.tif", sar32(1, 32, 30))
    (rgb / "P_0003.tif").unlink()
    write_image(rgb / "P_0004.tif", optical(4).astype(np.uint16))
    write_image(radar / "P_0005.tif", optical(5))
    plan = plan_build([("dfc23", root)], BuildSettings())
    built = make(tmp_path / "out", plan)
    assert [item.id for item, _ in built.kept] == [5]
    said = {
        bad.path.relative_to(root / "track1/val").as_posix(): bad.reason for bad in built.bad_files
    }
    assert said.pop("sar/P_0001.tif").startswith("truncated or damaged")
    assert said == {
        "sar/P_0002.tif": "the SAR image is 32 x 30, "
        "the optical one 32 x 32 pixels; they must be equal",
        "sar/P_0003.tif": "its optical image is missing",
        "rgb/P_0004.tif": "optical image of type uint16; the layout holds 8 bit, convert it first",
        "sar/P_0005.tif": "SAR image with 3 different bands, 1 expected; is it optical?",
    }
    with pytest.raises(CrosswakeError, match=r"P_0003.tif: its optical image is missing .--strict"):
        make(tmp_path / "strict", plan, strict=True)
    with pytest.raises(CrosswakeError, match=r"P_0001.tif: truncated or damaged.*--strict"):
        make(tmp_path / "strict", replace(plan, bad_files=()), strict=True)
    (radar / "P_0001.tif").write_bytes(whole)
    assert [item.id for item, _ in make(tmp_path / "out", plan).kept] == [1, 5]


def test_padding_is_left_out_with_a_reason(tmp_path: Path) -> None:
    black, empty, lake, holes = optical(1), sar32(2), sar8(3), sar32(4)
    black[:, :, :20] = 0
    empty[:, 14:] = 0
    lake[:, :31] = 0
    holes[0, 3, 4] = np.nan
    folder = tmp_path / "s"
    for stem, rgb, radar in (
        ("black", black, sar8(1)),
        ("empty", optical(2), empty),
        ("lake", optical(3), lake),
        ("holes", optical(4), holes),
        ("flat", optical(5), np.full_like(lake, 7)),
    ):
        write_image(folder / "opt" / f"{stem}.tif", rgb)
        write_image(folder / "sar" / f"{stem}.tif", radar)
    built = make(
        tmp_path / "out", plan_build([("scenes", folder)], BuildSettings(crop_size=(32, 32)))
    )
    assert [job.pair.optical.stem for _, job in built.kept] == ["lake"]
    assert {job.pair.optical.stem: item.reason for item, job in built.left_out} == {
        "black": "optical is mostly black",
        "empty": "SAR is mostly empty (0)",
        "holes": "SAR has values that are not finite",
        "flat": "SAR is of one value throughout",
    }


def test_misregistered_pairs_are_listed_or_left_out(tmp_path: Path) -> None:
    scene = optical(1, 240, 240) // 8
    scene[:, 60:110, 50:150] += 120
    scene[:, 130:170, 20:90] += 200
    for stem, shift in (("good", 0), ("off", 9)):
        rgb, radar = scene[:, 20:220, 20:220], scene[:1, 20:220, 20 - shift : 220 - shift]
        write_image(tmp_path / "s/opt" / f"{stem}.tif", rgb)
        write_image(tmp_path / "s/sar" / f"{stem}.tif", radar.astype(np.float32))
    listed = BuildSettings(crop_size=(160, 90), stride=(200, 200), max_offset=4.0)
    built = make(tmp_path / "out", plan_build([("scenes", tmp_path / "s")], listed))
    assert [(row["offset_rows"], row["offset_columns"]) for row in rows_of(tmp_path / "out")] == [
        (0, 0),
        (0, 9),
    ]
    assert built.misregistered == (2,)
    assert built.same_optical == ((2, 1),)
    dropped = replace(listed, drop_misregistered=True)
    built = make(tmp_path / "dropped", plan_build([("scenes", tmp_path / "s")], dropped))
    assert [(item.id, item.reason) for item, _ in built.left_out] == [
        (2, "off by more than --max_offset")
    ]
    assert not list((tmp_path / "dropped").rglob("SCN_2_*"))


def test_real_scenes_and_patches_together(tmp_path: Path) -> None:
    roots = [("sen12", real_data("sen12_terrain")), ("scenes", real_data("s1s2_scenes"))]
    settings = BuildSettings(crops="random", crop_size=(128, 64), per_scene=2)
    built = make(tmp_path / "out", plan_build(roots, settings))
    assert (len(built.kept), built.left_out, built.bad_files) == (80 + 72, (), ())
    data = read_optisar(tmp_path / "out")
    assert len(data.of_split("val")) == 16
    split = data.split_by_scene(0.25, seed=0)
    assert len({pair.scene for pair in split.held}) == 1 + 9
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["counts"]["sen12"]["terrain"] == {
        "agri": 20,
        "barrenland": 20,
        "grassland": 20,
        "urban": 20,
    }
