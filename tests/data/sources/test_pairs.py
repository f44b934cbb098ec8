"""Promise: every layout becomes the same table, and what is passed over is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import UnreadableChipError
from crosswake.data.pair_chips import measured_windows
from crosswake.data.pairs import Pair, PairData, cut_pair
from crosswake.data.pixels import read_pair
from crosswake.data.reid import BadFile
from crosswake.data.sources.dfc23 import read_dfc23
from crosswake.data.sources.open import find_reader, open_reid
from crosswake.data.sources.optisar import read_optisar
from crosswake.data.sources.scenes import read_scenes, validation_windows
from crosswake.data.sources.sen12 import read_sen12
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
from tests.golden import real_data


def test_sen12_original(tmp_path: Path) -> None:
    data = read_sen12(write_sen12(tmp_path))
    assert len(data.pairs) == 8
    assert {(pair.scene, pair.season, pair.terrain) for pair in data.pairs} == {
        ("summer_4", "summer", ""),
        ("summer_17", "summer", ""),
        ("fall_4", "fall", ""),
        ("fall_17", "fall", ""),
    }
    one = next(pair for pair in data.pairs if pair.id == "summer_4_p44")
    assert one.sar == tmp_path / "ROIs1868_summer/s1_4/ROIs1868_summer_s1_4_p44.png"
    assert one.optical == tmp_path / "ROIs1868_summer/s2_4/ROIs1868_summer_s2_4_p44.png"
    assert data.bad_files == ()
    assert data.notes[0] == "SEN1-2 fall: 4 pairs, published 86,370"
    assert len(read_sen12(tmp_path / "ROIs1868_summer").pairs) == 4


@pytest.mark.parametrize("inner", ["", "v_2"])
def test_sen12_by_terrain(tmp_path: Path, inner: str) -> None:
    data = read_sen12(write_terrain(tmp_path) / inner)
    assert [(pair.terrain, pair.scene) for pair in data.pairs] == [
        ("agri", "spring_59"),
        ("agri", "fall_115"),
        ("agri", "fall_47"),
        ("urban", "spring_14"),
        ("urban", "fall_115"),
        ("urban", "fall_13"),
    ]
    twice = [pair for pair in data.pairs if pair.id == "fall_115_p61"]
    assert len(twice) == 2
    radar = [read_pair(pair)[1] for pair in twice]
    assert radar[0].shape == (32, 32)
    assert np.array_equal(radar[0], radar[1])


def test_sen12_names_what_it_passes_over(tmp_path: Path) -> None:
    folder = write_sen12(tmp_path) / "ROIs1868_summer"
    (folder / "s2_4/ROIs1868_summer_s2_4_p30.png").unlink()
    (folder / "s1_17/ROIs1868_summer_s1_17_p44.png").unlink()
    (folder / "s1_17/ROIs1868_summer_s1_4_p99.png").touch()
    (folder / "s1_17/readme.txt").touch()
    (folder / "s1_17/._ROIs1868_summer_s1_17_p30.png").touch()
    (folder / "s2_9").mkdir()
    (folder / "s2_9/ROIs1868_summer_s2_9_p1.png").touch()
    bad = {
        file.path.relative_to(folder).as_posix(): file.reason
        for file in read_sen12(tmp_path).bad_files
    }
    assert bad == {
        "s1_17/ROIs1868_summer_s1_4_p99.png": "does not belong in s1_17/ by its name",
        "s1_17/readme.txt": "name is not ROIs<seed>_<season>_<s1|s2>_<scene>_p<patch>.png or .tif",
        "s1_4/ROIs1868_summer_s1_4_p30.png": "its optical image, "
        "ROIs1868_summer_s2_4_p30.png, is missing",
        "s2_17/ROIs1868_summer_s2_17_p44.png": "its SAR image, "
        "ROIs1868_summer_s1_17_p44.png, is missing",
        "s2_9/ROIs1868_summer_s2_9_p1.png": "its SAR image, "
        "ROIs1868_summer_s1_9_p1.png, is missing",
    }


def test_dfc23(tmp_path: Path) -> None:
    data = read_dfc23(write_dfc23(tmp_path))
    assert [
        (pair.optical.relative_to(tmp_path).as_posix(), pair.split, pair.city)
        for pair in data.pairs
    ] == [
        ("track1/train/rgb/GF2_Barcelona_41.3802_2.1573.tif", "train", "Barcelona"),
        ("track1/train/rgb/SV_New_York_40.71_-74.01.tif", "train", "New_York"),
        ("track1/train/rgb/SV_New_York_40.72_-74.02.tif", "train", "New_York"),
        ("track1/val/rgb/P_0001.tif", "val", ""),
        ("track2/train/rgb/GF2_Barcelona_41.3802_2.1573.tif", "train", "Barcelona"),
        ("track2/train/rgb/SV_New_York_40.71_-74.01.tif", "train", "New_York"),
        ("track2/val/rgb/P_0001.tif", "val", ""),
        ("track2_test_data/rgb/P_0001.tif", "test", ""),
    ]
    assert len({pair.id for pair in data.pairs}) == 6
    assert data.bad_files == ()
    assert data.notes[-1] == "DFC23 track2 val: 1 pair, published 579"
    pixels, radar = read_pair(data.pairs[0])
    assert (str(pixels.dtype), pixels.shape) == ("uint8", (32, 32, 3))
    assert (str(radar.dtype), radar.shape) == ("float32", (32, 32))
    assert {pair.split for pair in read_dfc23(tmp_path / "track2_test_data").pairs} == {"test"}


def test_dfc23_names_what_it_passes_over(tmp_path: Path) -> None:
    write_dfc23(tmp_path)
    (tmp_path / "track1/val/sar/P_0001.tif").unlink()
    (tmp_path / "track1/train/rgb/notes.txt").touch()
    (tmp_path / "track3/rgb").mkdir(parents=True)
    assert [(file.path.name, file.reason) for file in read_dfc23(tmp_path).bad_files] == [
        ("notes.txt", "not a GeoTIFF: ends in '.txt'"),
        ("P_0001.tif", "its SAR image is missing"),
        ("rgb", "passed over because there is no sar/ beside it"),
    ]


def test_scenes(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "coast")
    assert [(pair.scene, pair.split) for pair in read_scenes(root).pairs] == [
        ("coast/001", ""),
        ("coast/002", ""),
        ("coast/harbour", ""),
    ]
    rows = [
        {"file": "001.png", "split": "train"},
        {"file": "002.png", "split": "val"},
        {"file": "9.png"},
    ]
    (root / "scenes.json").write_text(json.dumps(rows))
    (root / "sar/alone.png").touch()
    data = read_scenes(root)
    assert [pair.split for pair in data.pairs] == ["train", "val", ""]
    assert [(file.path.name, file.reason) for file in data.bad_files] == [
        ("alone.png", "its optical image is missing"),
        ("9", "listed in scenes.json, but not there"),
    ]
    assert [pair.id for pair in data.of_split("val")] == ["coast/002"]
    with pytest.raises(
        CrosswakeError, match=r"no pairs of the split 'test'; declared are: train, val"
    ):
        data.of_split("test")


def test_windows_of_the_real_scenes() -> None:
    data = validation_windows(real_data("s1s2_scenes"))
    assert len(data.pairs) == 192 == len({pair.id for pair in data.pairs})
    assert len({pair.scene for pair in data.pairs}) == 8
    boxes = [pair.box for pair in data.pairs if pair.scene.endswith("/156")]
    assert boxes == [
        Box(y, x, 128, 64) for y in (0, 256, 512, 768) for x in (0, 160, 320, 480, 640, 800)
    ]
    scene = next(pair for pair in read_scenes(data.root).pairs if pair.scene.endswith("/156"))
    whole, part = read_pair(scene), read_pair(data.pairs[8])
    assert all(np.array_equal(a[256:384, 320:384], b) for a, b in zip(whole, part, strict=True))


def test_windows_read_what_they_cover(tmp_path: Path) -> None:
    scene = read_scenes(write_scenes(tmp_path)).pairs[2]
    box = Box(10, 20, 30, 40)
    pixels, radar = read_pair(cut_pair(scene, [box])[0])
    assert np.array_equal(pixels, optical(503, 96, 96)[:, 10:40, 20:60].transpose(1, 2, 0))
    assert np.array_equal(radar, sar32(503, 96, 96)[0, 10:40, 20:60])
    with pytest.raises(
        UnreadableChipError, match=r"window of 30 x 40 at \(80, 0\) reaches beyond 96 x 96"
    ):
        read_pair(cut_pair(scene, [Box(80, 0, 30, 40)])[0])


def test_a_scene_that_cannot_be_cut_is_an_error_where_nobody_collects_them(tmp_path: Path) -> None:
    root = write_scenes(tmp_path)
    (root / "sar" / "001.png").write_bytes(b"")
    pairs, bad = read_scenes(root).pairs, list[BadFile]()
    with pytest.raises(UnreadableChipError, match=r"001\.png: the file is empty"):
        measured_windows(pairs)
    assert measured_windows(pairs, bad) == pairs[1:]
    assert [one.path.name for one in bad] == ["001.png"]


def test_optisar_pairs_all_with_all_of_an_id(tmp_path: Path) -> None:
    base = tmp_path / "OptiSar_Pair"
    for name in (
        "a/DFC_7_RGB.tif",
        "b/GF_007_RGB.png",
        "a/DFC_7_SAR.tif",
        "a/SEN_12_RGB.png",
        "a/SEN_12_SAR.PNG",
    ):
        write_image(base / name, sar8(1) if "SAR" in name else optical(1), "GTiff")
    write_image(base / "b/GF_9_RGB.tif", optical(2))
    (base / "b/DFC_9.tif").touch()
    for root in (tmp_path, base):
        data = read_optisar(root)
        assert [
            (pair.id, pair.optical.name, pair.sar.name, pair.source) for pair in data.pairs
        ] == [
            ("7", "DFC_7_RGB.tif", "DFC_7_SAR.tif", "optisar"),
            ("7", "GF_007_RGB.png", "DFC_7_SAR.tif", "optisar"),
            ("12", "SEN_12_RGB.png", "SEN_12_SAR.PNG", "optisar"),
        ]
        assert [(file.path.name, file.reason) for file in data.bad_files] == [
            ("DFC_9.tif", "name is not <tag>_<pair id>_<RGB|SAR>.<tif|png>"),
            ("GF_9_RGB.tif", "no SAR image of the id 9"),
        ]


def test_layouts_are_told_apart(tmp_path: Path) -> None:
    assert find_reader(write_sen12(tmp_path / "a")) is read_sen12
    assert find_reader(write_terrain(tmp_path / "b")) is read_sen12
    assert find_reader(write_dfc23(tmp_path / "c")) is read_dfc23
    assert find_reader(write_scenes(tmp_path / "d")) is read_scenes
    write_image(tmp_path / "e/OptiSar_Pair/x/A_1_RGB.png", optical(0), "PNG")
    assert find_reader(tmp_path / "e") is read_optisar
    assert find_reader(tmp_path / "nowhere") is None
    (tmp_path / "f/query").mkdir(parents=True)
    assert find_reader(tmp_path / "f") is None


@pytest.mark.parametrize("read", [read_sen12, read_dfc23, read_scenes, read_optisar])
def test_wrong_folder_is_one_line(tmp_path: Path, read: object) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CrosswakeError) as caught:
            read(root)  # type: ignore[operator]
        assert str(caught.value).startswith(f"{root}: ")
        assert "\n" not in str(caught.value)


def test_damaged_tables_are_one_line(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "s")
    for text in ("{", "[1]", '{"a": 1}', '[{"split": "val"}]'):
        (root / "scenes.json").write_text(text)
        with pytest.raises(CrosswakeError, match=r"scenes.json: not a JSON list"):
            read_scenes(root)
    write_image(tmp_path / "o/OptiSar_Pair/x/A_1_RGB.png", optical(0), "PNG")
    (tmp_path / "o/manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(CrosswakeError, match=r"manifest.parquet: not a manifest of pairs"):
        read_optisar(tmp_path / "o")


def test_pairs_are_no_ships_to_train_on(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes")
    with pytest.raises(CrosswakeError, match=r"holds optical-SAR pairs .* crosswake pretrain"):
        open_reid(tmp_path / "scenes")


def table_of(scenes: dict[tuple[str, str], int]) -> PairData:
    pairs = tuple(
        Pair(
            optical=Path(f"{source}{scene}{k}o"),
            sar=Path("s"),
            id=str(k),
            source=source,
            scene=scene,
        )
        for (source, scene), count in scenes.items()
        for k in range(count)
    )
    return PairData(name="t", root=Path("t"), pairs=pairs)


def test_split_by_scene() -> None:
    data = table_of(
        {**{("sen12", f"s{k}"): k + 1 for k in range(10)}, ("dfc23", "Rio"): 3, ("dfc23", ""): 2}
    )
    split = data.split_by_scene(0.2, seed=3)
    held, train = (
        {(pair.source, pair.scene) for pair in part} for part in (split.held, split.train)
    )
    assert len(held) == 2 and not held & train
    assert ("dfc23", "Rio") in train
    assert {pair.scene for pair in split.unplaced} == {""}
    assert len(split.train) + len(split.held) + len(split.unplaced) == len(data.pairs)
    assert split == data.split_by_scene(0.2, seed=3)
    assert any(split != data.split_by_scene(0.2, seed) for seed in range(4, 9))
    with pytest.raises(CrosswakeError, match="no source with two scenes"):
        table_of({("dfc23", "Rio"): 3}).split_by_scene(0.2, 0)
    with pytest.raises(ValueError, match="fraction"):
        data.split_by_scene(1.5, 0)


def test_the_same_files_cannot_be_paired_twice() -> None:
    pair = Pair(optical=Path("o"), sar=Path("s"), id="1", source="sen12")
    with pytest.raises(ValueError, match="paired twice"):
        PairData(name="t", root=Path("t"), pairs=(pair, pair))


def test_a_misspelt_split_of_a_scene_is_refused(tmp_path: Path) -> None:
    """It would be measured on, or left out, without a word."""
    root = write_scenes(tmp_path)
    (root / "scenes.json").write_text('[{"file": "001.png", "split": "validation"}]')
    with pytest.raises(
        CrosswakeError, match=r"scene 001 has the split 'validation'; it must be train, val or test"
    ):
        read_scenes(root)
