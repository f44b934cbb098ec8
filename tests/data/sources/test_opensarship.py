"""Promise: OpenSARShip is read as it is published, archived or not, as amplitudes in VV."""

import shutil
import zipfile
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.data.pixels import read_chip
from crosswake.data.reid import chips_fingerprint, own_rows
from crosswake.data.sources.listing import Entry, open_listing
from crosswake.data.sources.open import open_data, open_reid, to_measure
from crosswake.data.sources.opensarship import read_opensarship
from tests.data.making import write_image
from tests.golden import real_data

GRD = "S1A_IW_GRDH_1SDV_20150823T221233_20150823T221258_007396_00A2CA_54D0"
SLC = "S1A_IW_SLC__1SDV_20160606T221231_20160606T221258_011596_011B8A_3FF3"
VH, VV = np.full((20, 30), 4, np.float32), np.full((20, 30), 9, np.float32)


def ship(x: int, mmsi: str, **other: str) -> str:
    """One entry; its chip has 30 columns and 20 rows."""
    known = {
        "Time_UTC": "2016/5/18.8:41:40",
        "UpperLeft_x": str(x + 14),
        "LowerRight_x": str(x - 15),
        "UpperLeft_y": "60",
        "LowerRight_y": "41",
        "Center_x": str(x),
        "Center_y": "50",
        "Center_longitude": "1.191583e+02",
        "Center_latitude": "-3.910183e+01",
        "Incidence": "30.0",
        "MMSI": mmsi,
        "Name": "NO \x02NAME",
        "Length": "0",
        "Width": "30",
        "Length_overall": "190.5",
        "Breadth_extreme": "NaN",
        "Elaborated_type": "Bulk Carrier",
    } | other
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in known.items())
    return f"<ship>\n<SARShipInformation>{fields}</SARShipInformation></ship>"


def write_product(folder: Path, ships: str, *columns: int, part: str = "Patch_Cal") -> Path:
    bands = np.stack([VH, VV]) if part == "Patch_Cal" else np.stack([VH, VH, VV * 3, VV * 4])
    for x in columns:
        write_image(folder / part / f"Other Type_x{x}_y50.tif", bands)
    (folder / "Ship.xml").write_text(f'<?xml version="1.0"?>\n<ShipList>{ships}</ShipList>')
    return folder


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(folder.rglob("*.*")):
            target.write(path, path.relative_to(folder.parent).as_posix())
    return archive


def test_what_ship_xml_says_of_a_chip(tmp_path: Path) -> None:
    ships = ship(100, "413338000") + ship(200, "0", Elaborated_type="NA", Time_UTC="?")
    data = read_opensarship(write_product(tmp_path / GRD, ships, 100, 200))
    (one,), (other,) = data.train, data.unnamed
    assert (one.identity, one.time, one.scene) == ("413338000", "2016-05-18T08:41:40Z", GRD)
    assert one.lon == pytest.approx(119.1583)
    assert one.lat == pytest.approx(-39.10183)
    assert (one.ship_type, one.ship_length_m, one.ship_width_m) == ("Bulk Carrier", 190.5, 30)
    assert (one.width_m, one.height_m) == (300, 200)
    assert (other.identity, other.time, other.ship_type) == ("", "", "")
    assert data.bad_files == ()
    pixels, chip = read_chip(one)
    assert np.array_equal(pixels, np.sqrt(VV))
    assert (chip.width_m, chip.height_m) == (300, 200)


def test_of_slc_the_amplitude_of_both_parts_on_the_ground(tmp_path: Path) -> None:
    (chip,) = open_reid(write_product(tmp_path / SLC, ship(100, "7"), 100, part="Patch")).train
    pixels, _ = read_chip(chip)
    assert np.array_equal(pixels, VV * 5)
    assert chip.width_m == pytest.approx(30 * 2 * 2.329562)
    assert chip.height_m == pytest.approx(20 * 13.93)


def test_an_archive_is_read_as_its_folder_is(tmp_path: Path) -> None:
    """And a product that is there twice is read once."""
    folder = write_product(tmp_path / "a" / GRD, ship(100, "7") + ship(200, "8"), 100, 200)
    archive = zipped(folder, tmp_path / f"{GRD}.zip")
    inside, outside = read_opensarship(archive), read_opensarship(folder)
    assert inside.name == outside.name == GRD
    for one, other in zip(inside.train, outside.train, strict=True):
        assert (one.identity, one.width_m, one.scene) == (
            other.identity,
            other.width_m,
            other.scene,
        )
        assert np.array_equal(read_chip(one)[0], read_chip(other)[0])
    both = open_data(tmp_path)
    assert [chip.path.parent.parent for chip in both.train] == [folder] * 2  # type: ignore[union-attr]
    assert [bad.reason for bad in both.bad_files] == [f"the same product as {folder}"]
    before = chips_fingerprint(inside.train)
    zipped(write_product(folder, ship(100, "7") + ship(200, "8"), 300), archive)
    assert chips_fingerprint(inside.train) != before


def test_chips_and_ships_without_each_other_are_listed(tmp_path: Path) -> None:
    root = write_product(tmp_path / GRD, ship(100, "7") + ship(300, "8"), 100, 200)
    (root / "Patch_Cal" / "notes.txt").touch()
    assert [(bad.path.name, bad.reason) for bad in read_opensarship(root).bad_files] == [
        ("Other Type_x200_y50.tif", "no ship of Ship.xml is at the place in its name"),
        ("notes.txt", "no ship of Ship.xml is at the place in its name"),
        ("Ship.xml", "its ship at x 300, y 50 has no chip"),
    ]


def test_a_damaged_archive_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    folder = write_product(tmp_path / "a" / GRD, ship(100, "7"), 100)
    archive = zipped(folder, tmp_path / "whole.zip")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:300])
    shutil.rmtree(tmp_path / "a")
    data = read_opensarship(tmp_path)
    assert [bad.path.name for bad in data.bad_files] == ["cut.zip"]
    assert len(data.train) == 1
    with pytest.raises(CrosswakeError, match=r"cut\.zip: a zip archive that cannot be read"):
        open_data(cut)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 255), st.integers(0, 3000))
def test_a_damaged_archive_is_refused_or_read(place: int, flip: int, end: int) -> None:
    with TemporaryDirectory() as name:
        folder = write_product(Path(name) / "a" / GRD, ship(100, "7"), 100)
        archive = zipped(folder, Path(name) / "one.zip")
        content = bytearray(archive.read_bytes())
        content[place % len(content)] ^= flip
        archive.write_bytes(content[: len(content) - end % 50] if end % 2 else content)
        try:
            data = open_reid(archive)
            for chip in data.all_chips():
                read_chip(chip)
        except CrosswakeError as error:
            assert len(str(error)) < 1000


def test_without_a_split_it_is_measured_leave_one_out(tmp_path: Path) -> None:
    ships = ship(100, "7") + ship(200, "7") + ship(300, "0")
    data = to_measure(open_reid(write_product(tmp_path / GRD, ships, 100, 200, 300)))
    assert (len(data.query), len(data.gallery), data.protocols) == (2, 3, ("all",))
    assert own_rows(data.query, data.gallery).tolist() == [0, 1]


def test_the_published_archives() -> None:
    root = real_data("opensarship")
    data = open_reid(root)
    assert isinstance(data.train, tuple)
    assert Counter(chip.scene[7:10] for chip in data.train) == {"GRD": 161, "SLC": 9}
    assert (len({chip.identity for chip in data.train}), data.bad_files) == (167, ())
    found = [entry for entry in open_listing(root).entries() if isinstance(entry, Entry)]
    assert len(found) == 170
    one = next(chip for chip in data.train if chip.identity == "413338000")
    assert (one.time, one.ship_length_m) == ("2015-08-23T22:12:45Z", 190)
    pixels, _ = read_chip(one)
    assert pixels.shape == (85, 85)
    assert one.width_m == 850
