"""Promise: the HOSS layout is read the same everywhere, and nothing in it is dropped silently."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.data.sources.hoss import read_hoss
from crosswake.data.sources.open import open_reid
from tests.data.making import write_hoss
from tests.golden import real_data


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_faultless_folder(tmp_path: Path) -> None:
    data = open_reid(write_hoss(tmp_path / "ships"))
    assert (data.name, data.bad_files, dict(data.subsets)) == ("ships", (), {})
    assert [chip.path.name for chip in data.query] == ["0011_s02c3_RGB.tif", "0012_s02c3_SAR.tif"]
    assert [chip.identity for chip in data.train] == [
        "0001",
        "0001",
        "0002",
        "0002",
        "0003",
        "0003",
    ]
    assert [chip.modality for chip in data.gallery] == [Modality.OPTICAL, Modality.SAR] * 2
    assert len(data.all_chips()) == 12


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "no such folder; name a HOSS"),
        ("pictures", "holds none of bounding_box_train/, query/"),
    ],
)
def test_not_a_data_set(tmp_path: Path, name: str, message: str) -> None:
    touch(tmp_path, "HOSS/query/0001_s01c1_RGB.tif", "pictures/0001_s01c1_RGB.tif")
    with pytest.raises(CrosswakeError, match=message):
        read_hoss(tmp_path / name)
    assert len(read_hoss(tmp_path / "HOSS").query) == 1


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("0001_s01c1_RGB.tif", Modality.OPTICAL),
        ("0001_s01c1_RGB.TIF", Modality.OPTICAL),
        ("0001_s01c1_SAR.Png", Modality.SAR),
        ("1_s1c1_SAR.jpeg", Modality.SAR),
        ("0318_s02c14_RGB.tiff", Modality.OPTICAL),
    ],
)
def test_names_that_are_chips(tmp_path: Path, name: str, modality: Modality) -> None:
    data = read_hoss(touch(tmp_path, f"query/{name}"))
    assert [chip.modality for chip in data.query] == [modality]
    assert data.bad_files == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("0001_s01c1_IR.tif", "name is not <identity>_s<scene>c<sighting>_<RGB|SAR>"),
        ("0001_s01c1.tif", "name is not"),
        ("0001_RGB.tif", "name is not"),
        ("ship_s01c1_RGB.tif", "name is not"),
        ("0001_s01c1_rgb.tif", "name is not"),
        ("0001_s01c1_RGB (copy).tif", "name is not"),
        ("0001_s01c1_RGB.tif.png", "name is not"),
        ("0001_s01c1_RGB.txt", "not an image: ends in '.txt'"),
        ("0001_s01c1_RGB.tif.aux.xml", "not an image: ends in '.xml'"),
        ("README", "not an image: ends in ''"),
    ],
)
def test_names_that_are_not_are_listed(tmp_path: Path, name: str, reason: str) -> None:
    data = read_hoss(touch(tmp_path, f"query/{name}", "query/0001_s01c1_RGB.tif"))
    assert len(data.query) == 1
    ((path, said),) = [(bad.path, bad.reason) for bad in data.bad_files]
    assert path == tmp_path / "query" / name
    assert reason in said


@pytest.mark.parametrize("name", ["._0001_s01c1_RGB.tif", ".DS_Store", "Thumbs.db", "desktop.ini"])
def test_litter_of_file_managers_is_no_file_of_the_data(tmp_path: Path, name: str) -> None:
    data = read_hoss(touch(tmp_path, f"query/{name}", "query/0001_s01c1_RGB.tif"))
    assert (len(data.query), data.bad_files) == (1, ())


def test_subset_folders_fix_a_protocol(tmp_path: Path) -> None:
    write_hoss(tmp_path)
    touch(
        tmp_path,
        "subset/O2S/query/0011_s02c3_RGB.tif",
        "subset/O2S/bounding_box_test/0011_s01c2_SAR.tif",
    )
    data = read_hoss(tmp_path)
    assert [chip.path.parent.parent.name for part in data.protocol("o2s") for chip in part] == [
        "O2S",
        "O2S",
    ]
    query, gallery = data.protocol("s2o")
    assert [chip.path.name for chip in query] == ["0012_s02c3_SAR.tif"]
    assert {chip.modality for chip in gallery} == {Modality.OPTICAL}
    assert len(data.all_chips()) == 14


def test_a_subset_without_gallery_is_named(tmp_path: Path) -> None:
    data = read_hoss(touch(write_hoss(tmp_path), "subset/S2O/query/0012_s02c3_SAR.tif"))
    assert dict(data.subsets) == {}
    assert [bad.reason for bad in data.bad_files] == ["passed over because it holds only query/"]


def test_order_is_the_same_in_every_process(tmp_path: Path) -> None:
    names = [
        f"{number:04d}_s01c{number % 7 + 1}_{('RGB', 'SAR')[number % 2]}.tif"
        for number in range(50, 0, -1)
    ]
    touch(tmp_path, *(f"bounding_box_train/{name}" for name in names))
    code = (
        "import sys; from pathlib import Path; from crosswake.data.sources.hoss import read_hoss;"
        "from crosswake.data.reid import identities;"
        "data = read_hoss(Path(sys.argv[1])); print([c.path.name for c in data.train], "
        "identities(data.train))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert [chip.path.name for chip in read_hoss(tmp_path).train] == sorted(names)


def test_real_places() -> None:
    data = read_hoss(real_data("hoss_places"))
    assert (len(data.train), len(data.query), len(data.gallery)) == (1568, 112, 336)
    assert data.bad_files == ()


def test_a_ship_that_nobody_knows_is_named_minus_one(tmp_path: Path) -> None:
    touch(tmp_path, "bounding_box_train/-1_s01c1_RGB.tif", "bounding_box_test/-1_s01c1_SAR.tif")
    data = read_hoss(touch(tmp_path, "bounding_box_train/0001_s01c1_RGB.tif"))
    assert [chip.identity for chip in data.train] == ["0001"]
    assert [chip.identity for chip in data.unnamed + data.gallery] == ["", ""]
    assert data.bad_files == ()
