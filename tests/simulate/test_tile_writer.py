"""Promise: simulated tiles have the contest's layout, the same bytes each time, and no halves."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.pixels import read_bands
from crosswake.data.rasters import open_raster
from crosswake.data.sources.dfc23 import read_dfc23
from crosswake.data.tiles import ROOF_TYPES
from crosswake.simulate import tile_writer
from crosswake.simulate.tile_places import TilePlan, plan_tiles
from crosswake.simulate.tile_writer import simulate_tiles
from tests.simulate.test_writer import digests

TILES, SIZE = 12, 64


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiles") / "town"
    simulate_tiles(root, tiles=TILES, tile_size=SIZE, workers=1, quiet=True)
    return root


def references(root: Path, track: int, split: str) -> dict[str, Any]:
    name = {1: "roof_fine", 2: "buildings_only"}[track]
    found: dict[str, Any] = json.loads((root / f"track{track}/{name}_{split}.json").read_text())
    return found


def test_the_layout_is_the_contests(tiles: Path) -> None:
    data = read_dfc23(tiles)
    assert data.bad_files == ()
    assert len(data.pairs) == 2 * TILES
    assert {pair.split for pair in data.pairs} == {"train", "val", "test"}
    cities = {
        split: {p.city for p in data.pairs if p.split == split} for split in ("train", "test")
    }
    assert cities["train"]
    assert not cities["train"] & cities["test"]
    for folder in ("track2/train", "track2/val", "track2_test_data"):
        assert (tiles / folder / "dsm").is_dir()
    assert not (tiles / "track1/train/dsm").exists()


def test_files_have_the_types_and_the_place_of_the_contest(tiles: Path) -> None:
    row = next(csv.DictReader((tiles / "tiles.csv").open()))
    folder = tiles / "track2/train"
    for kind, bands, dtype in (("rgb", 3, "uint8"), ("sar", 1, "float32"), ("dsm", 1, "float32")):
        with open_raster(folder / kind / f"{row['stem']}.tif") as source:
            assert (source.count, source.dtypes[0]) == (bands, dtype)
            assert source.res == (0.5, 0.5)
            assert source.crs.to_epsg() // 100 in (326, 327)
            assert (source.height, source.width) == (SIZE, SIZE)
    assert np.isfinite(read_bands(folder / "sar" / f"{row['stem']}.tif")).all()


def test_both_tracks_refer_to_the_same_buildings_with_heights_under_them(tiles: Path) -> None:
    roofs = set()
    for split, folder in (("train", "track2/train"), ("test", "track2_test_data")):
        fine, plain = references(tiles, 1, split), references(tiles, 2, split)
        assert fine["images"] == plain["images"]
        assert [c["name"] for c in fine["categories"]] == list(ROOF_TYPES)
        assert {a["category_id"] for a in plain["annotations"]} == {1}
        for one, other in zip(fine["annotations"], plain["annotations"], strict=True):
            assert one | {"category_id": 1} == other
        roofs |= {a["category_id"] for a in fine["annotations"]}
        names = {image["id"]: image["file_name"] for image in fine["images"]}
        for item in plain["annotations"]:
            height = read_bands(tiles / folder / "dsm" / names[item["image_id"]])[0]
            x, y, width, tall = item["bbox"]
            assert (height[y : y + tall, x : x + width] > 2).sum() >= item["area"]
    assert len(roofs) > 6


def test_image_ids_count_from_zero_and_are_the_references(tiles: Path) -> None:
    for track in (1, 2):
        for split in ("val", "test"):
            ids = json.loads((tiles / f"track{track}/image_id/image_id_{split}.json").read_text())
            assert sorted(ids.values()) == list(range(len(ids)))
            images = references(tiles, track, split)["images"]
            assert ids == {image["file_name"]: image["id"] for image in images}


def test_both_forms_of_outlines_occur(tiles: Path) -> None:
    items = references(tiles, 2, "train")["annotations"]
    forms = {type(item["segmentation"]) for item in items}
    assert forms == {list, dict}


@pytest.mark.slow  # two processes import all that they need
def test_bytes_do_not_depend_on_the_processes(tiles: Path, tmp_path: Path) -> None:
    simulate_tiles(tmp_path / "again", tiles=TILES, tile_size=SIZE, workers=2, quiet=True)
    assert digests(tmp_path / "again") == digests(tiles)


def test_a_broken_run_goes_on_where_it_stopped(
    tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = tile_writer.write_tile
    made: list[str] = []
    limit = 4

    def counted(job: tile_writer.TileJob, plan: TilePlan) -> str:
        if len(made) == limit:
            raise KeyboardInterrupt
        made.append(plan.stem)
        return write(job, plan)

    monkeypatch.setattr(tile_writer, "write_tile", counted)
    with pytest.raises(KeyboardInterrupt):
        simulate_tiles(tmp_path / "town", tiles=TILES, tile_size=SIZE, workers=1, quiet=True)
    assert not json.loads((tmp_path / "town/simulated.json").read_text())["complete"]
    limit = TILES + 1
    simulate_tiles(tmp_path / "town", tiles=TILES, tile_size=SIZE, workers=1, quiet=True)
    assert len(made) == len(set(made)) == TILES
    assert digests(tmp_path / "town") == digests(tiles)


def test_what_others_made_is_left_alone(tiles: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(CrosswakeError, match="exists and is not empty"):
        simulate_tiles(tmp_path, tiles=TILES, tile_size=SIZE, workers=1, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(CrosswakeError, match="seed 0, not 1"):
        simulate_tiles(tiles, tiles=TILES, tile_size=SIZE, seed=1, workers=1, quiet=True)


def test_a_finished_folder_is_left_as_it_is(tiles: Path, tmp_path: Path) -> None:
    copy = tmp_path / "town"
    copy.mkdir()
    shutil.copy(tiles / "simulated.json", copy)
    simulate_tiles(copy, tiles=TILES, tile_size=SIZE, workers=1, quiet=True)
    assert [path.name for path in copy.iterdir()] == ["simulated.json"]


@pytest.mark.parametrize("tiles_", [12, 50, 240])
def test_every_split_is_due_every_roof_type(tiles_: int) -> None:
    plans = plan_tiles(tiles_, 0, 512)
    assert len({plan.stem for plan in plans}) == len(plans) == tiles_
    for split in ("train", "val", "test"):
        due = {roof for plan in plans if plan.split == split for roof in plan.due}
        assert due == set(ROOF_TYPES)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tiles": 11}, "--tiles"),
        ({"tile_size": 100}, "--tile_size"),
        ({"seed": -1}, "--seed"),
        ({"workers": -1}, "--workers"),
    ],
)
def test_settings_out_of_range_are_one_line(
    tmp_path: Path, wrong: dict[str, int], named: str
) -> None:
    with pytest.raises(CrosswakeError, match=f"^{named} is") as caught:
        simulate_tiles(tmp_path / "town", quiet=True, **wrong)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "town").exists()
