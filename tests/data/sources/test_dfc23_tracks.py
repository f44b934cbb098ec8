"""Promise: a track of DFC23 is read as the contest lays it out, and whatever is odd is named."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.dfc23_tracks import read_tiles, tracks_of
from crosswake.data.tiles import reference_tiles, split_by_city
from tests.data.tile_making import edit_json, make_tiles, write_json

ROOFS, BUILDINGS = "track1/roof_fine_train.json", "track2/buildings_only_train.json"
BERLIN = "SV_Berlin_10.5_20.25"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Both tracks."""
    return make_tiles(tmp_path / "dfc23")


def reasons(root: Path, track: int) -> list[str]:
    """Why something was passed over."""
    return [bad.reason for bad in read_tiles(root, track).bad_files]


@pytest.mark.parametrize("track", [1, 2])
def test_tiles_of_a_track(root: Path, track: int) -> None:
    data = read_tiles(root, track)
    assert tracks_of(root) == (1, 2)
    assert data.name == f"dfc23_track{track}"
    assert [tile.split for tile in data.tiles] == ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    assert data.cities == ("Berlin", "Rio")
    assert data.bad_files == ()
    first, last = data.tiles[0], data.tiles[-1]
    assert (first.stem, first.image_id, first.city, first.shape) == (BERLIN, 0, "Berlin", (64, 64))
    assert (first.height is not None) == (track == 2)
    assert first.buildings is not None
    assert [type(one.outline) for one in first.buildings] == [list, dict, dict]
    assert (last.stem, last.image_id, last.buildings) == ("P_0421", 1, None)
    assert reference_tiles(data, "train") == data.tiles[:4]
    with pytest.raises(CrosswakeError, match="no file has the references of the split 'test'"):
        reference_tiles(data, "test")


@pytest.mark.parametrize(
    ("folder", "track", "count"), [("track1", 1, 8), ("track2_test_data", 2, 2)]
)
def test_a_single_folder_says_its_track(root: Path, folder: str, track: int, count: int) -> None:
    data = read_tiles(root / folder)
    assert (data.track, len(data.tiles)) == (track, count)


def test_a_renamed_track_is_known_by_its_references(root: Path) -> None:
    (root / "track2").rename(root.parent / "heights")
    assert read_tiles(root.parent / "heights").track == 2


def test_which_track_has_to_be_said(root: Path) -> None:
    with pytest.raises(CrosswakeError, match="holds both tracks; choose one with --track 1"):
        read_tiles(root)
    with pytest.raises(CrosswakeError, match="holds no tiles of track 2, but of 1"):
        read_tiles(root / "track1", 2)
    with pytest.raises(CrosswakeError, match="holds no DFC23 tiles"):
        read_tiles(root / "track1/image_id")


def test_a_simulated_root_says_so(root: Path) -> None:
    write_json(root / "simulated.json", {"made_from": {"command": "buildings simulate"}})
    data = read_tiles(root / "track1")
    assert (data.simulated, data.name, data.notes) == (True, "simulated_track1", ())
    write_json(root / "simulated.json", {"made_from": {"command": "simulate"}})
    assert not read_tiles(root / "track1").simulated


def test_references_of_every_split(tmp_path: Path) -> None:
    splits = ("train", "val", "test")
    data = read_tiles(make_tiles(tmp_path, tracks=(2,), references=splits))
    assert all(tile.buildings and tile.height for tile in data.tiles)
    for split in splits:
        assert [tile.image_id for tile in data.of_split(split)] == list(
            range(4 if split == "train" else 2)
        )


def test_a_corrected_file_of_references_wins(root: Path) -> None:
    shutil.copy(root / ROOFS, root / "track1/roof_fine_train_corrected.json")
    edit_json(root / "track1/roof_fine_train_corrected.json", lambda c: c["annotations"].clear())
    data = read_tiles(root, 1)
    assert all(tile.buildings == () for tile in reference_tiles(data, "train"))
    assert [bad.reason for bad in data.bad_files] == [
        "passed over, since roof_fine_train_corrected.json has the references of train"
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"P_0420.tif": 7, "P_0421.tif": 5},
        {"7": "P_0420.tif", "5": "P_0421.tif"},
        [{"file_name": "P_0420.tif", "id": 7}, {"file_name": "P_0421.tif", "id": 5}],
        {"images": [{"file_name": "P_0420.tif", "id": 7}, {"file_name": "P_0421.tif", "id": 5}]},
    ],
)
def test_every_form_of_image_ids(root: Path, content: Any) -> None:
    write_json(root / "track1/image_id/image_id_test.json", content)
    assert [tile.image_id for tile in read_tiles(root, 1).of_split("test")] == [7, 5]


def test_without_image_ids_tiles_are_numbered_by_name(root: Path) -> None:
    shutil.rmtree(root / "track2/image_id")
    data = read_tiles(root, 2)
    assert [tile.image_id for tile in data.of_split("test")] == [0, 1]
    note = "track 2, test: no image-id file; tiles are numbered from 0 by their name"
    assert note in data.notes


def test_litter_is_no_tile(root: Path) -> None:
    (root / f"track1/train/rgb/._{BERLIN}.tif").write_bytes(b"\0\5\x16\7")
    (root / "track1/._roof_fine_train.json").write_bytes(b"\0\5\x16\7")
    data = read_tiles(root, 1)
    assert (len(data.tiles), data.bad_files) == (8, ())


def test_missing_files_leave_a_tile_with_gaps(root: Path) -> None:
    (root / f"track2/train/sar/{BERLIN}.tif").unlink()
    (root / f"track2/train/dsm/{BERLIN}.tif").unlink()
    tile = read_tiles(root, 2).tiles[0]
    assert (tile.stem, tile.sar, tile.height) == (BERLIN, None, None)
    assert tile.rgb and tile.rgb.is_file()


ENTRY = {
    "id": 99,
    "image_id": 0,
    "category_id": 1,
    "segmentation": [],
    "bbox": [0, 0, 1, 1],
    "area": 1,
}


def without(name: str) -> dict[str, Any]:
    """An annotation that lacks something."""
    return {key: value for key, value in ENTRY.items() if key != name}


ODD_ANNOTATIONS: list[tuple[Any, str]] = [
    (7, "annotation that is no object"),
    (without("id"), "annotation without a whole number as id (annotation None)"),
    (ENTRY | {"image_id": "0"}, "annotation without a whole number as image_id (annotation 99)"),
    (without("segmentation"), "annotation without segmentation (annotation 99)"),
    (ENTRY | {"bbox": [1, 2, 3]}, "annotation without a bbox of 4 numbers (annotation 99)"),
    (ENTRY | {"bbox": [1, 2, 3, None]}, "annotation without a bbox of 4 numbers (annotation 99)"),
    (without("area"), "annotation without area (annotation 99)"),
    (ENTRY | {"id": 1}, "several annotations of one id (annotation 1)"),
    (
        ENTRY | {"image_id": 77},
        "annotation of an image that the file does not list (annotation 99, image 77)",
    ),
    (
        ENTRY | {"category_id": 13},
        "annotation of a category that track 1 does not have (annotation 99, 13)",
    ),
    (
        ENTRY | {"category_id": 0},
        "annotation of a category that track 1 does not have (annotation 99, 0)",
    ),
]


@pytest.mark.parametrize(("entry", "reason"), ODD_ANNOTATIONS)
def test_odd_annotations_are_named(root: Path, entry: Any, reason: str) -> None:
    edit_json(root / ROOFS, lambda content: content["annotations"].append(entry))
    assert reasons(root, 1) == [reason]


ODD_IMAGES: list[tuple[Any, str]] = [
    ({"file_name": f"{BERLIN}.tif", "id": 50}, f"image listed twice ({BERLIN}.tif)"),
    ({"file_name": "new.tif", "id": 0}, f"several images of one id (0: {BERLIN}.tif and new.tif)"),
    ({"id": 50}, "image entry without a file name and a whole number (None, 50)"),
    ({"file_name": "new.tif", "id": 50}, "lists an image that is not there (new, id 50)"),
]


@pytest.mark.parametrize(("entry", "reason"), ODD_IMAGES)
def test_odd_image_entries_are_named(root: Path, entry: Any, reason: str) -> None:
    edit_json(root / BUILDINGS, lambda content: content["images"].append(entry))
    assert reasons(root, 2) == [reason]


def test_tiles_that_no_file_lists_are_named(root: Path) -> None:
    for kind in ("rgb", "sar"):
        folder = root / "track1/test" / kind
        shutil.copy(folder / "P_0420.tif", folder / "P_0500.tif")
    data = read_tiles(root, 1)
    bad = [(one.path.name, one.reason) for one in data.bad_files]
    assert bad == [("P_0500.tif", "not listed in image_id_test.json")]
    assert data.of_split("test")[-1].image_id is None


def test_other_categories_are_named(root: Path) -> None:
    edit_json(root / ROOFS, lambda content: content["categories"][3].update(name="tin_roof"))
    said = "categories that are not those of track 1 (4 is tin_roof, not row_roof); check the file"
    assert reasons(root, 1) == [said]


@pytest.mark.parametrize("text", ["", "{", "null", '{"images": [', "[" * 100_000, "\0"])
def test_a_damaged_file_leaves_tiles_without_references(root: Path, text: str) -> None:
    (root / ROOFS).write_text(text)
    data = read_tiles(root, 1)
    assert [bad.path.name for bad in data.bad_files] == ["roof_fine_train.json"]
    assert data.bad_files[0].reason.startswith("no JSON (")
    assert data.tiles[0].buildings is None


@pytest.mark.parametrize("text", ["7", "[]", "{}", '{"annotations": 3}', '"images"'])
def test_a_file_of_something_else_leaves_tiles_without_references(root: Path, text: str) -> None:
    (root / ROOFS).write_text(text)
    data = read_tiles(root, 1)
    assert [one.reason for one in data.bad_files] == ["neither references nor image ids"]
    assert data.tiles[0].buildings is None


@pytest.mark.parametrize("seed", range(4))
def test_validation_shares_no_city_with_training(tmp_path: Path, seed: int) -> None:
    cities = ("Rome", "Oslo", "Lima", "Cairo", "Delhi")
    data = read_tiles(make_tiles(tmp_path, tracks=(1,), cities=cities, tiles=1))
    learning, validation = split_by_city(data, 0.2, seed)
    assert {tile.city for tile in learning}.isdisjoint(tile.city for tile in validation)
    assert (len(learning), len(validation)) == (4, 1)
    assert split_by_city(data, 0.2, seed) == (learning, validation)


def test_one_city_cannot_be_split(tmp_path: Path) -> None:
    data = read_tiles(make_tiles(tmp_path, tracks=(1,), cities=("Rome",)))
    with pytest.raises(CrosswakeError, match="takes tiles of at least two"):
        split_by_city(data, 0.2, 0)
