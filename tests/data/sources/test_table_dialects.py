"""Promise: a table means the same however a program writes it, and what is no table is called what
it is."""

import csv
import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.core.said import start_saying
from crosswake.data.chips import Modality
from crosswake.data.reid import ReidData
from crosswake.data.sources.table import read_table

HEADER = ["path", "identity", "modality", "split", "width_m"]
ROWS = [
    ["chips/a, b.tif", "Åse", "optical", "query", "20.5"],
    ["chips\\c.tif", "0009", "SAR", "gallery", ""],
    ["d;e.tif", 'the "Maid"', "sar", "train", "7"],
    ["f.tif", "0010", "rgb", "", "1.25"],
]
PLAIN = "path,identity,modality\n"


def read(folder: Path, content: str | bytes) -> ReidData:
    table = folder / "ships.csv"
    table.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(table)


def facts(data: ReidData) -> list[tuple[object, ...]]:
    parts = [("train", data.train), ("query", data.query), ("gallery", data.gallery)]
    return [
        (part, chip.path.relative_to(data.root.parent), chip.identity, chip.modality, chip.width_m)
        for part, chips in parts
        for chip in chips
    ]


@settings(max_examples=60, deadline=None)
@given(
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    case=st.sampled_from([str.lower, str.upper, str.title]),
    space=st.sampled_from(["", " "]),
    told=st.booleans(),
    empty=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)),
    comma=st.booleans(),
)
def test_every_dialect_gives_the_same_data(
    delimiter: str, encoding: str, quoting: Any, newline: str, case: Any, **how: Any
) -> None:
    rows, columns, above = how["empty"]
    told, comma, space = how["told"], how["comma"] and delimiter != ",", how["space"]
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter, quoting=quoting, lineterminator=newline)
    for _ in range(0 if told else above):
        writer.writerow([""] * 3)
    body = [[*row[:4], row[4].replace(".", ",")] if comma else row for row in ROWS]
    head = [f"{space}{case(name)}{space}" for name in HEADER]
    for row in (head, *body, *[[""] * len(HEADER)] * rows):
        writer.writerow([*row, *[""] * columns])
    text = (f"sep={delimiter}{newline}" if told else "") + sink.getvalue()
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        plain = io.StringIO()
        csv.writer(plain).writerows([HEADER, *ROWS])
        wanted = facts(read(Path(one), plain.getvalue()))
        assert len(wanted) == 4
        assert facts(read(Path(two), text.encode(encoding))) == wanted


def workbook(
    path: Path, *, start: str = "", sheets: str = "<sheet name='Fleet' r:id='r1'/>"
) -> Path:
    """A workbook as Excel and openpyxl write it: shared and inline texts, numbers, empty cells."""
    main = "xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    texts = ["Path", "identity", " Modality", "width_m", "a.tif", "optical", "b.tif", "sar"]
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    rows = (
        "<row r='1'/><row r='2'><c r='A2' t='s'><v>0</v></c><c r='B2' t='s'><v>1</v></c>"
        "<c r='D2' t='s'><v>2</v></c><c r='E2' t='s'><v>3</v></c></row>"
        "<row r='3'><c r='A3' t='s'><v>4</v></c><c r='B3'><v>413338000</v></c>"
        "<c r='D3' t='s'><v>5</v></c><c r='E3'><v>20.5</v></c></row>"
        "<row r='5'><c r='A5' t='s'><v>6</v></c><c r='B5' t='inlineStr'><is><t>Å</t></is></c>"
        "<c r='D5' t='s'><v>7</v></c></row><row r='6'><c r='A6'/></row>"
    )
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "xl/workbook.xml",
            f"<workbook {main} xmlns:r='{office}'><sheets>{sheets}</sheets></workbook>",
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            "<R><Relationship Id='r1' Target='worksheets/sheet1.xml'/></R>",
        )
        book.writestr("xl/sharedStrings.xml", f"<sst {main}>{shared}</sst>")
        book.writestr(
            "xl/worksheets/sheet1.xml",
            f"{start}<worksheet {main}><sheetData>{rows}</sheetData></worksheet>",
        )
    return path


def test_a_workbook_is_read_as_its_first_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_saying()
    data = read_table(workbook(tmp_path / "fleet.xlsx"))
    assert facts(data) == [
        ("train", Path("a.tif"), "413338000", Modality.OPTICAL, 20.5),
        ("train", Path("b.tif"), "Å", Modality.SAR, None),
    ]
    assert capsys.readouterr().err == ""
    two = "<sheet name='One' r:id='r1'/><sheet name='Two' r:id='r2'/>"
    assert len(read_table(workbook(tmp_path / "two.xlsx", sheets=two)).train) == 2
    assert "of the sheets of two.xlsx the first is read, One" in capsys.readouterr().err


@pytest.mark.parametrize("how", [{"start": "<a>"}, {"sheets": ""}, {"sheets": "<sheet r:id='x'/>"}])
def test_a_workbook_that_cannot_be_read_is_refused(tmp_path: Path, how: dict[str, str]) -> None:
    with pytest.raises(CrosswakeError, match=r"an Excel workbook that cannot be read .*as CSV"):
        read_table(workbook(tmp_path / "fleet.xlsx", **how))


def test_what_excel_writes_without_being_told_utf8_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_saying()
    (chip,) = read(tmp_path, f"{PLAIN}1.tif,Bj\xf8rn \x80,sar\n".encode("latin-1")).train
    assert chip.identity == "Bjørn €"
    assert "ships.csv is not in UTF-8; it is read as Windows-1252" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["", " ", "-1", "-1.0", "NaN", "None", "unknown", "<NA>"])
def test_a_ship_that_nobody_knows_is_no_class(tmp_path: Path, word: str) -> None:
    data = read(
        tmp_path,
        "path,identity,modality,split\n"
        f"1.tif,{word},sar,train\n2.tif,7,sar,train\n3.tif,{word},sar,gallery\n4.tif,7,rgb,query\n",
    )
    assert [chip.path.name for chip in data.train] == ["2.tif"]
    assert [chip.path.name for chip in data.unnamed] == ["1.tif"]
    assert [chip.identity for chip in data.gallery] == [""]
    assert len(data.all_chips()) == 4


@pytest.mark.parametrize(
    ("ids", "fault"),
    [
        (["0009", "9.0"], "line 3: identity '9' is '0009' in line 2, the same number"),
        (["0009", "9"], "line 3: identity '9' is '0009' in line 2, the same number"),
        (["9.00", "09"], "line 3: identity '09' is '9' in line 2"),
        (["0", "00"], "line 3: identity '00' is '0' in line 2"),
        (["4.13338E+08", "a"], "line 2: identity '4.13338E+08' is a rounded number"),
    ],
)
def test_identities_that_a_program_changed_are_refused(
    tmp_path: Path, ids: list[str], fault: str
) -> None:
    one, two = ids
    text = "path,identity,modality,split\n" + f"1.tif,{one},sar,query\n2.tif,{two},rgb,gallery\n"
    with pytest.raises(CrosswakeError) as caught:
        read(tmp_path, text)
    assert fault in str(caught.value)


def test_numbers_of_two_data_sets_need_not_agree_in_spelling(tmp_path: Path) -> None:
    data = read(
        tmp_path,
        "path,identity,modality,split\n1.tif,0009,sar,train\n2.tif,9.0,sar,query\n"
        "3.tif,9,rgb,gallery\n4.tif,12e4,rgb,gallery\n",
    )
    assert [chip.identity for chip in data.all_chips()] == ["0009", "9", "9", "12e4"]


def test_leave_one_out(tmp_path: Path) -> None:
    """By the split ``both``, or by a file in both parts."""
    head = "path,identity,modality,split\n"
    both = read(tmp_path, head + "1.tif,a,sar,both\n2.tif,a,rgb,Both\n")
    twice = read(
        tmp_path,
        head
        + "".join(
            f"{n}.tif,a,{m},{s}\n"
            for s in ("query", "gallery")
            for n, m in (("1", "sar"), ("2", "rgb"))
        ),
    )
    assert both.query == both.gallery == twice.query == twice.gallery
    assert all(one is two for one, two in zip(twice.query, twice.gallery, strict=True))
    assert len(both.all_chips()) == 2
    with pytest.raises(CrosswakeError, match=r"line 3: 1.tif has another identity in line 2"):
        read(tmp_path, head + "1.tif,a,sar,query\n1.tif,b,sar,gallery\n")


def test_columns_of_oml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_saying()
    data = read(
        tmp_path,
        "label,path,split,is_query,is_gallery\n"
        "1,a_rgb.png,train,,\n1,b_sar.png,train,False,False\n2,c_sar.png,validation,True,False\n"
        "2,d_rgb.png,validation,False,True\n3,e_sar.png,validation,True,True\n",
    )
    named = [[chip.path.stem for chip in part] for part in (data.train, data.query, data.gallery)]
    assert named == [["a_rgb", "b_sar"], ["c_sar", "e_sar"], ["d_rgb", "e_sar"]]
    assert "column 'label' of ships.csv is taken as identity" in capsys.readouterr().err


def test_columns_of_wildlife_datasets(tmp_path: Path) -> None:
    table = "image_id,identity,path,date,modality\n"
    table += "0,Aurora,a.png,2026-03-01,sar\n1,unknown,b.png,spring 2026,rgb\n"
    data = read(tmp_path, table)
    (chip,), (stranger,) = data.train, data.unnamed
    assert (chip.identity, chip.time, stranger.time) == ("Aurora", "2026-03-01", "")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("path,label,split\na.png,1,train\n", "line 2: column modality is missing, and the path"),
        ("path,label,modality,split\na.png,1,sar,test\n", "line 2: split is 'test'; write one of"),
        (
            "path,label,modality,split,is_query\na.png,1,sar,test,maybe\n",
            "line 2: is_query is 'maybe'; write True or False",
        ),
        (
            'path,identity,modality,bbox\na.png,1,sar,"[0, 0, 5, 5]"\n',
            "line 2: bbox makes the chip a window of its image",
        ),
        ("image_id,identity,modality\n0,1,sar\n", "it names image_id, identity, modality"),
        ("Path,path,identity,modality\n", "column 'path' appears twice"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(CrosswakeError) as caught:
        read(tmp_path, text)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "a PNG image"),
        (b"II*\0" + b"\0" * 20, "a TIFF image"),
        (b"BM" + b"\x9a\0\0\0" * 5, "a BMP image"),
        (b"PK\x03\x04" + b"\0" * 20, "a zip archive"),
        (b"\x1f\x8b\x08" + b"\0" * 20, "a gzip archive"),
        (b"a" * 257 + b"ustar\0", "a tar archive"),
        (b"PAR1" + b"\0" * 20, "a Parquet file"),
        (b'{"images": []}', "a JSON file"),
        (b"<html>", "an XML or HTML file"),
    ],
)
def test_what_is_no_table_is_called_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    with pytest.raises(CrosswakeError, match=rf"ships\.csv: is {kind}, not a table of chips"):
        read(tmp_path, content)


def test_names_that_cannot_be_files_are_listed(tmp_path: Path) -> None:
    data = read(tmp_path, f"{PLAIN}a.tif,1,sar\nb\0c.tif,1,sar\n{'x' * 300}.tif,1,sar\n")
    assert [chip.path.name for chip in data.train] == ["a.tif"]
    assert [bad.reason for bad in data.bad_files] == [
        "its name holds a NUL character; correct it",
        "its name is too long for a file",
    ]
    assert data.bad_files[0].path.name == r"b\x00c.tif"


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: PLAIN.encode() + text.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        try:
            data = read(Path(folder), content)
        except CrosswakeError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 1000
        else:
            assert all(chip.path for chip in data.all_chips())
