"""Promise: a table is read as written, or an error names file, line and column."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.data.sources.open import open_reid
from crosswake.data.sources.table import read_table, resolve

HEAD = "path,identity,modality,split,width_m,height_m,time,lon,lat\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "ships.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_every_column(tmp_path: Path) -> None:
    rows = "a/1.tif,Aurora,optical,query,20.5,110,2026-03-01T12:30:00Z,-3.5,51\n"
    rows += " b.tif , Aurora ,SAR,Gallery,,,,,\n"
    data = read_table(write(tmp_path, HEAD + rows))
    (first,), (second,) = data.query, data.gallery
    assert (data.name, data.train) == ("ships", ())
    assert (first.path, first.identity, first.modality) == (
        tmp_path / "a/1.tif",
        "Aurora",
        Modality.OPTICAL,
    )
    assert (first.width_m, first.height_m, first.lon, first.lat) == (20.5, 110, -3.5, 51)
    assert first.time == "2026-03-01T12:30:00Z"
    assert (second.path, second.identity, second.modality) == (
        tmp_path / "b.tif",
        "Aurora",
        Modality.SAR,
    )
    assert (second.width_m, second.height_m, second.lon, second.lat, second.time) == (
        None,
        None,
        None,
        None,
        "",
    )


@pytest.mark.parametrize(
    "text",
    [
        "path,identity,modality\n1.tif,A,rgb\n",
        "\ufeffpath,identity,modality\n1.tif,A,rgb\n",
        "modality,path,identity\r\nrgb,1.tif,A\r\n\r\n",
        'path,identity,modality\n"1.tif","A","RGB"',
        "path,identity,modality,split\n1.tif,A,optical,\n",
    ],
)
def test_rows_without_a_split_are_for_training(tmp_path: Path, text: str) -> None:
    data = open_reid(write(tmp_path, text))
    assert [(chip.path.name, chip.identity, chip.modality.label) for chip in data.train] == [
        ("1.tif", "A", "optical")
    ]
    assert data.query == data.gallery == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column path is missing; the first line must name path, identity, modality"),
        ("\n\n", "column path is missing"),
        ("path:identity:modality\n", "column path is missing"),
        ("path,identity\n1.tif,A\n", "column modality is missing"),
        ("path,identity,modality,widht_m\n", "column 'widht_m' looks like a misspelt 'width_m'"),
        ("path,identity,modality,splitt\n", "column 'splitt' looks like a misspelt 'split'"),
        ("path,identity,modality,path\n", "column 'path' appears twice"),
        (
            "path,identity,modality\n1.tif,A,radar\n",
            "line 2: modality is 'radar'; write optical or sar",
        ),
        ("path,identity,modality\n1.tif,A,\n", "line 2: modality is ''"),
        (
            "path,identity,modality\n1.tif,A,sar\n2.tif,B\n",
            "line 3: has more or fewer fields than the header's 3",
        ),
        ("path,identity,modality\n1.tif,A,sar,x\n", "line 2: has more or fewer fields"),
        ("path,identity,modality\n,A,sar\n", "line 2: path must not be empty"),
        (
            HEAD + "1.tif,A,sar,test,,,,,\n",
            "line 2: split is 'test'; write one of train, query, gallery",
        ),
        (
            HEAD + "1.tif,A,sar,train,wide,,,,\n",
            "line 2: width_m is 'wide'; a number from 1e-06 up",
        ),
        (HEAD + "1.tif,A,sar,train,0,,,,\n", "line 2: width_m is '0'"),
        (HEAD + "1.tif,A,sar,train,,-4,,,\n", "line 2: height_m is '-4'"),
        (HEAD + "1.tif,A,sar,train,,nan,,,\n", "line 2: height_m is 'nan'"),
        (HEAD + "1.tif,A,sar,train,inf,,,,\n", "line 2: width_m is 'inf'"),
        (HEAD + "1.tif,A,sar,train,,,,181,\n", "line 2: lon is '181'; a number from -180 to 180"),
        (HEAD + "1.tif,A,sar,train,,,,,-90.1\n", "line 2: lat is '-90.1'; a number from -90 to 90"),
        (
            HEAD + "1.tif,A,sar,train,,,01/03/2026,,\n",
            "line 2: time is '01/03/2026'; write it like 2026-03-01T12:30:00Z",
        ),
        (b"path,identity,modality\n1.tif,\xe9,\x02\n", "not a CSV table in UTF-8"),
        (b"path,identity,modality\n1.tif,\x81,sar\n", "not a CSV table in UTF-8"),
        (b"\xff\xfep\0a\0t\0h\0,", "not a CSV table in UTF-8"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CrosswakeError) as caught:
        read_table(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match=r"none\.csv: no such table"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chips/a.tif", "/base/chips/a.tif"),
        ("chips\\sub\\a.tif", "/base/chips/sub/a.tif"),
        ("../a.tif", "/base/../a.tif"),
        ("/data/a.tif", "/data/a.tif"),
        ("C:\\data\\a.tif", "C:\\data\\a.tif"),
        ("\\\\host\\share\\a.tif", "\\\\host\\share\\a.tif"),
    ],
)
def test_paths_of_any_system(name: str, expected: str) -> None:
    assert resolve(name, Path("/base")) == Path(expected)


@given(st.floats(1e-6, 1e9), st.floats(-180, 180), st.floats(-90, 90))
def test_numbers_come_back(width: float, lon: float, lat: float) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        data = read_table(
            write(Path(folder), f"{HEAD}1.tif,A,sar,train,{width!r},,,{lon!r},{lat!r}\n")
        )
    (chip,) = data.train
    assert (chip.width_m, chip.lon, chip.lat) == (width, lon, lat)


def test_columns_of_ones_own_pass(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("path,identity,modality,heading_deg,length_m\na.tif,1,sar,30,120\n")
    assert [chip.identity for chip in read_table(table).train] == ["1"]
