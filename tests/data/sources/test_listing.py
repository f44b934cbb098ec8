from collections.abc import Callable
from pathlib import Path

import pytest

from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.data.pair_chips import images_of
from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry, ModalityChoice, open_listing
from crosswake.data.sources.open import find_reader
from tests.data.pair_making import write_dfc23, write_scenes, write_sen12, write_terrain
from tests.tiny import chip_pixels, tiny_hoss, write_chip


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def entries(source: Path, modality: ModalityChoice = "auto") -> list[Entry]:
    return [found for found in open_listing(source, modality).entries() if isinstance(found, Entry)]


def bad(source: Path) -> list[BadFile]:
    return [found for found in open_listing(source).entries() if isinstance(found, BadFile)]


def test_a_hoss_folder_gives_every_split_and_subset(tmp_path: Path) -> None:
    root = tiny_hoss(tmp_path / "archive" / "ships", train=2, test=1)
    touch(root / "subset/O2S/query/0003_s01c1_RGB.tif", root / "query" / "notes.doc")
    found = entries(tmp_path / "archive")
    assert [entry.split for entry in found] == ["train"] * 8 + ["query"] + ["gallery"] * 3 + [
        "o2s_query"
    ]
    assert found[0].id == "bounding_box_train/0001_s01c1_SAR.tif"
    assert (found[0].chip.identity, found[0].chip.modality) == ("0001", Modality.SAR)
    assert found[0].chip.path == root / found[0].id
    assert [file.path.name for file in bad(root)] == ["notes.doc"]
    assert open_listing(tmp_path / "archive").name == "ships"


def test_a_table_gives_what_it_says_and_identities_may_be_unknown(tmp_path: Path) -> None:
    table = tmp_path / "chips.csv"
    table.write_text(
        "path,modality,lon,time,split\n"
        "a.tif,sar,-3.5,2026-03-01T12:30:00Z,gallery\n"
        "sub/b.tif,rgb,,,\n"
    )
    first, second = entries(table)
    assert (first.id, first.split, first.chip.lon, first.chip.time) == (
        "a.tif",
        "gallery",
        -3.5,
        "2026-03-01T12:30:00Z",
    )
    assert (second.id, second.split, second.chip.identity, second.chip.lon) == (
        "sub/b.tif",
        "",
        "",
        None,
    )
    table.write_text("path,modality\na.tif,infrared\n")
    with pytest.raises(CrosswakeError, match=r"chips.csv, line 2: modality is 'infrared'"):
        entries(table)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ship_SAR.tif", Modality.SAR),
        ("optical-12.png", Modality.OPTICAL),
        ("sar/17.tif", Modality.SAR),
        ("sar/17_RGB.tif", Modality.OPTICAL),
        ("rgb/deep/er/17.jpg", Modality.OPTICAL),
        ("corsair.tif", None),
        ("rgb_as_sar.tif", None),
        ("0012_s01c2_SAR.tif", Modality.SAR),
    ],
)
def test_modality_is_told_by_whole_words_and_never_guessed(
    tmp_path: Path, name: str, expected: Modality | None
) -> None:
    touch(tmp_path / "images" / name)
    found = entries(tmp_path / "images")
    assert [entry.chip.modality for entry in found] == ([] if expected is None else [expected])
    reasons = [file.reason for file in bad(tmp_path / "images")]
    assert all("give --modality" in reason for reason in reasons)
    assert len(found) + len(reasons) == 1


def test_a_plain_folder_is_read_at_all_levels_in_order(tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    touch(
        root / "b.tif",
        root / "a.png",
        root / "deep" / "c.jpg",
        root / ".hidden.tif",
        root / "read.me",
    )
    found = entries(root, "sar")
    assert [entry.id for entry in found] == ["a.png", "b.tif", "deep/c.jpg"]
    assert {entry.chip.modality for entry in found} == {Modality.SAR}


@pytest.mark.parametrize("write", [write_sen12, write_terrain, write_dfc23, write_scenes])
def test_the_layout_of_pairs_gives_modality_and_place(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    root = write(tmp_path / "coast")
    reader = find_reader(root)
    assert reader is not None
    known = {
        chip.path: (pair.id, chip.modality, pair.split)
        for pair in reader(root).pairs
        for chip in images_of(pair)
    }
    found = entries(root)
    assert {
        one.chip.path: (one.chip.identity, one.chip.modality, one.split) for one in found
    } == known
    assert [one.id for one in found] == sorted(
        (path.relative_to(root).as_posix() for path in known), key=by_folder
    )
    assert bad(root) == []


def by_folder(name: str) -> list[str]:
    return name.split("/")


def test_images_beside_the_pairs_are_read_as_in_any_folder(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "coast")
    touch(root / "sar" / "lonely.png", root / "sar" / "notes.doc", root / "deep" / "x.png")
    assert [one.id for one in entries(root) if not one.chip.identity] == ["sar/lonely.png"]
    assert [file.path.name for file in bad(root)] == ["x.png", "notes.doc"]
    with pytest.raises(
        CrosswakeError,
        match=r"--modality sar: the layout of the pairs in .*coast tells it; leave it",
    ):
        entries(root, "sar")
    touch(tmp_path / "apart" / "opt" / "a.png", tmp_path / "apart" / "sar" / "b.png")
    assert [one.chip.modality for one in entries(tmp_path / "apart")] == [
        Modality.OPTICAL,
        Modality.SAR,
    ]


def test_what_pairs_keep_beside_their_images_is_no_bad_file(tmp_path: Path) -> None:
    """And an image without a partner whose name does not tell the sensor is listed with the
    reason."""
    root = write_scenes(tmp_path / "coast")
    (root / "scenes.json").write_text("[]")
    built = tmp_path / "built"
    assert (
        main(
            [
                "data",
                "pairs",
                str(built),
                "--scenes",
                str(root),
                "--crop_size",
                "32",
                "32",
                "--quiet",
            ]
        )
        == 0
    )
    assert (bad(root), bad(built)) == ([], [])
    touch(root / "deep" / "scenes.json")
    assert [file.reason for file in bad(root)] == ["not an image: ends in '.json'"]
    lone = (
        write_sen12(tmp_path / "SEN12")
        / "ROIs1868_summer"
        / "s1_4"
        / "ROIs1868_summer_s1_4_p99.png"
    )
    touch(lone)
    partner = "ROIs1868_summer_s2_4_p99.png"
    assert bad(tmp_path / "SEN12") == [
        BadFile(path=lone, reason=f"its optical image, {partner}, is missing")
    ]


def test_a_list_of_files_is_relative_to_itself(tmp_path: Path) -> None:
    far = tmp_path / "far" / "x_SAR.tif"
    write_chip(far, chip_pixels(1, Modality.SAR, 0))
    listing = tmp_path / "lists" / "night.txt"
    touch(listing)
    listing.write_text(f"# a night's work\n\n../chips/a_RGB.tif\n{far}\n")
    first, second = entries(listing)
    assert first.chip.path == tmp_path / "lists" / ".." / "chips" / "a_RGB.tif"
    assert (second.id, second.chip.path) == (far.as_posix(), far)


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="no such folder, CSV table or list"):
        open_listing(tmp_path / "none")


def test_the_named_folder_may_tell_the_modality(tmp_path: Path) -> None:
    touch(tmp_path / "RGB" / "ship.bmp", tmp_path / "RGB" / "deep" / "x_sar.jp2")
    assert [(one.id, one.chip.modality.label) for one in entries(tmp_path / "RGB")] == [
        ("ship.bmp", "optical"),
        ("deep/x_sar.jp2", "sar"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_list_in_any_encoding_of_windows(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "night.txt").write_bytes("Bjørn_SAR.tif\r\nnul\0_SAR.tif\r\n".encode(encoding))
    if encoding == "cp1252":  # no text in it holds NUL
        (tmp_path / "night.txt").write_bytes("Bjørn_SAR.tif\r\n".encode(encoding))
    assert [one.id for one in entries(tmp_path / "night.txt")] == ["Bjørn_SAR.tif"]
    assert len(bad(tmp_path / "night.txt")) == (encoding != "cp1252")


def test_a_table_of_leave_one_out_is_embedded_once(tmp_path: Path) -> None:
    table = tmp_path / "chips.csv"
    table.write_text("path;modality;split;identity\na.tif;sar;both;9.0\nb.tif;sar;;-1\n")
    assert [(one.id, one.split, one.chip.identity) for one in entries(table)] == [
        ("a.tif", "both", "9"),
        ("b.tif", "", ""),
    ]
