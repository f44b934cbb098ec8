"""Promise: names that cannot be used, links that lead back and folders that cannot be read are
listed, and everything else is read."""

import os
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import list_folder, walk
from crosswake.data.sources.listing import Entry, open_listing
from crosswake.data.sources.open import open_data, open_reid
from tests.data.making import write_hoss, write_image
from tests.data.pair_making import sar8, write_scenes, write_sen12, write_terrain

pytestmark = pytest.mark.skipif(os.name == "nt", reason="names and links of POSIX")


def listed(source: Path) -> tuple[list[str], dict[str, str]]:
    """The ids of the chips in a listing, and the reasons of bad files by their names."""
    found = list(open_listing(source, "sar").entries())
    ids = [entry.id for entry in found if isinstance(entry, Entry)]
    return ids, {bad.path.name: bad.reason for bad in found if isinstance(bad, BadFile)}


def not_utf8(folder: Path, ending: str) -> None:
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/bad\xe9" + ending.encode())).touch()
    except OSError:
        pytest.skip("the file system has no names that are not UTF-8")


def test_links_that_lead_back_are_entered_once(tmp_path: Path) -> None:
    root = tmp_path / "L"
    write_image(root / "deep" / "ship.png", sar8(0), "PNG")
    for name in "abc":
        (root / name).symlink_to(".")
    (root / "deep" / "up").symlink_to("../..")
    (root / "self.tif").symlink_to("self.tif")
    ids, bad = listed(root)
    assert ids == ["self.tif", "deep/ship.png"]
    assert set(bad) == {"a", "b", "c", "L"}
    assert bad["a"] == f"the same folder as {root}, by a link"


def test_a_folder_by_two_links_is_read_once(tmp_path: Path) -> None:
    write_image(tmp_path / "disk" / "ship.png", sar8(0), "PNG")
    (tmp_path / "L").mkdir()
    for name in ("a", "b"):
        (tmp_path / "L" / name).symlink_to("../disk")
    ids, bad = listed(tmp_path / "L")
    assert (ids, list(bad)) == (["a/ship.png"], ["b"])


def test_linked_data_sets_are_one(tmp_path: Path) -> None:
    write_hoss(tmp_path / "ships")
    (tmp_path / "again").symlink_to("ships")
    (tmp_path / "here").symlink_to(".")
    assert len(open_reid(tmp_path).train) == 6


def test_a_name_that_is_no_utf8_is_listed_and_can_be_printed(tmp_path: Path) -> None:
    root = write_hoss(tmp_path / "ships")
    not_utf8(root / "query", ".txt")
    not_utf8(root / "query", "_SAR.tif")
    data = open_reid(root)
    assert len(data.query) == 2
    assert {bad.reason for bad in data.bad_files} == {"its name is not in UTF-8; rename it"}
    for bad in data.bad_files:
        assert str(bad.path).encode("ascii", "strict").startswith(str(root).encode())
    loose = tmp_path / "loose"
    write_image(loose / "ship.png", sar8(0), "PNG")
    not_utf8(loose, ".png")
    os.mkdir(os.fsencode(loose) + b"/f\xff")  # noqa: PTH102
    ids, reasons = listed(loose)
    assert (ids, len(reasons)) == (["ship.png"], 2)


@pytest.mark.parametrize("write", [write_sen12, write_scenes])
def test_pairs_pass_over_names_and_links(tmp_path: Path, write: object) -> None:
    root = write(tmp_path / "P")  # type: ignore[operator]
    whole = open_data(root)
    for place in (root, *(path for path in sorted(root.rglob("*")) if path.is_dir())):
        not_utf8(place, ".png")
        (place / "loop").symlink_to(root)
    found = open_data(root)
    assert found.pairs == whole.pairs  # type: ignore[union-attr]
    assert found.bad_files


def test_a_folder_that_cannot_be_read_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as a user who may read everything, so the system's answer is imitated."""
    write_image(tmp_path / "L" / "a" / "ship.png", sar8(0), "PNG")
    write_image(tmp_path / "L" / "b" / "ship.png", sar8(0), "PNG")
    real = os.scandir

    def scandir(path: Path) -> object:
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    ids, bad = listed(tmp_path / "L")
    assert (ids, bad) == (["b/ship.png"], {"a": "cannot be read (Permission denied)"})


def test_a_name_that_is_too_long_for_a_folder_is_no_folder(tmp_path: Path) -> None:
    for name in ("x" * 300, "x/" * 3000, "nul\0"):
        for read in (open_data, open_reid, lambda path: list(walk(path, []))):
            with pytest.raises(CrosswakeError) as caught:
                read(tmp_path / name)
            assert len(str(caught.value)) < 1000
    assert list_folder(tmp_path, []) == ([], [])


def test_a_parent_of_several_data_sets_asks_which(tmp_path: Path) -> None:
    write_hoss(tmp_path / "both" / "ships")
    write_sen12(tmp_path / "both" / "sen12")
    with pytest.raises(CrosswakeError, match=r"holds some \(HOSS: ships, SEN1-2: sen12.*name one"):
        open_data(tmp_path / "both")
    with pytest.raises(CrosswakeError, match=r"holds some .*name one"):
        open_listing(tmp_path / "both")
    assert len(open_reid(tmp_path / "both").train) == 6  # a command that wants ships finds them
    write_hoss(tmp_path / "deep" / "ships")
    write_terrain(tmp_path / "deep" / "terrain")
    with pytest.raises(CrosswakeError, match=r"SEN1-2: terrain/v_2.*name one"):
        open_data(tmp_path / "deep")
    write_scenes(tmp_path / "up" / "coast")
    (tmp_path / "up" / "ships.csv").touch()
    with pytest.raises(CrosswakeError, match=r"ships\.csv, Scenes in coast: coast.*name one"):
        open_data(tmp_path / "up")
