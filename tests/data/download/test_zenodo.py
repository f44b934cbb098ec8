"""Promise: a record by name becomes folders to use, once."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.download.catalogue import ZenodoRecord
from crosswake.data.download.web import Patience
from crosswake.data.download.zenodo import DownloadPlan, fetch_record, plan_record
from tests.data.download.serving import Behaviour

SHIPS = ZenodoRecord(
    name="ships", what="a test", record="42", size="small", licence="none", citation="nobody"
)
HURRIED = Patience(tries=2, pause_seconds=0.0)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


FILES = {
    "HOSS.zip": zipped(
        {"HOSS/query/a.tif": b"a" * 5000, "HOSS/bounding_box_test/b.tif": b"b" * 5000}
    ),
    "Pairs.zip": zipped({"0001/opt.png": b"o", "0001/sar.png": b"s"}),
    "read me.md": b"hello",
}


def get(server: Behaviour, folder: Path, only: str = "*") -> DownloadPlan:
    plan = plan_record(SHIPS, folder, only, base=server.base, patience=HURRIED)
    fetch_record(plan, quiet=True, patience=HURRIED)
    return plan


def test_everything_is_fetched_and_unpacked(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", FILES)
    plan = get(server, tmp_path / "ships")
    assert plan.record.licence == "cc-by-4.0"
    assert [path.name for path in plan.paths] == ["HOSS", "Pairs", "read me.md"]
    assert (tmp_path / "ships/HOSS/query/a.tif").read_bytes() == b"a" * 5000
    assert (tmp_path / "ships/Pairs/opt.png").read_bytes() == b"o"
    left = sorted(path.name for path in (tmp_path / "ships").iterdir())
    assert left == [".ships.json", "HOSS", "Pairs", "read me.md"]


def test_second_call_asks_nothing(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", FILES)
    get(server, tmp_path)
    asked = len(server.requests)
    assert get(server, tmp_path).missing == ()
    assert len(server.requests) == asked


def test_only_some_files(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", FILES)
    assert [path.name for path in get(server, tmp_path, "HOSS*").paths] == ["HOSS"]
    assert not (tmp_path / "Pairs").exists()
    later = plan_record(SHIPS, tmp_path, base=server.base, patience=HURRIED)
    assert [file.name for file in later.missing] == ["Pairs.zip", "read me.md"]
    with pytest.raises(
        CrosswakeError,
        match=r"--only \*.rar: no file .* there are: HOSS.zip, Pairs.zip, read me.md",
    ):
        get(server, tmp_path, "*.rar")


def test_interrupted_run_goes_on(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", FILES)
    del server.files["/api/records/42/files/Pairs.zip/content"]
    with pytest.raises(CrosswakeError, match="404"):
        get(server, tmp_path)
    server.publish("42", FILES)
    assert [file.name for file in get(server, tmp_path).missing] == ["Pairs.zip", "read me.md"]


def test_lost_files_are_noticed_and_nothing_is_overwritten(
    server: Behaviour, tmp_path: Path
) -> None:
    server.publish("42", FILES)
    get(server, tmp_path)
    (tmp_path / "HOSS/query/a.tif").unlink()
    with pytest.raises(CrosswakeError, match="HOSS: exists, but not as fetched"):
        get(server, tmp_path)
    (tmp_path / "HOSS").rename(tmp_path / "mine")
    assert [file.name for file in get(server, tmp_path).missing] == ["HOSS.zip"]


def test_folder_of_the_user_is_noticed_before_fetching(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", FILES)
    (tmp_path / "Pairs").mkdir()
    with pytest.raises(CrosswakeError, match="move it away or use --to"):
        get(server, tmp_path)
    assert len(server.requests) == 1


def test_a_truncated_file_is_noticed(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", FILES)
    get(server, tmp_path)
    (tmp_path / "HOSS/query/a.tif").write_bytes(b"a" * 4999)
    with pytest.raises(CrosswakeError, match="HOSS: exists, but not as fetched"):
        get(server, tmp_path)
    (tmp_path / "HOSS/query/a.tif").write_bytes(b"a" * 5000)
    (tmp_path / "HOSS/notes of mine.txt").write_text("kept")
    assert get(server, tmp_path).missing == ()


@pytest.mark.parametrize("content", ["", "[]", '{"record": 3}', "[" * 100_000, '{"mine": 1}'])
def test_a_file_of_others_is_no_receipt(server: Behaviour, tmp_path: Path, content: str) -> None:
    server.publish("42", {"data.csv": b"x"})
    (tmp_path / ".ships.json").write_text(content)
    with pytest.raises(CrosswakeError, match="is no note of what this command fetched; move it"):
        get(server, tmp_path)
    assert (tmp_path / ".ships.json").read_text() == content
    assert server.requests == []


def test_a_receipt_does_not_say_what_is_fetched(server: Behaviour, tmp_path: Path) -> None:
    """The folder may come from somebody else, with addresses and checksums of their own."""
    server.publish("42", FILES)
    get(server, tmp_path)
    receipt = tmp_path / ".ships.json"
    receipt.write_text(receipt.read_text().replace("/api/records/", "/evil/"))
    (tmp_path / "read me.md").unlink()
    server.requests.clear()
    get(server, tmp_path)
    assert [path for path, _ in server.gets] == [
        "/api/records/42",
        "/api/records/42/files/read me.md/content",
    ]


@pytest.mark.parametrize(
    "name",
    ["../evil.zip", "/evil.zip", "a\\evil.zip", "C:evil.zip", ".hidden", "a\x1b[31m.csv", "\ud800"],
)
def test_record_with_unsafe_file_name(server: Behaviour, tmp_path: Path, name: str) -> None:
    server.publish("42", {"x": b"x"}, key=name)
    with pytest.raises(CrosswakeError, match="no plain name; not fetched"):
        get(server, tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": -1},
        {"size": 1e308},
        {"size": float("inf")},
        {"size": "9" * 5000},
        {"size": True},
        {"size": None},
        {"size": 10**30},
        {"checksum": "md5:"},
        {"checksum": "md5:xyz"},
        {"checksum": "crc7:00"},
        {"checksum": "shake_128:" + "0" * 32},
        {"checksum": 3},
        {"key": 5},
        {"key": "n" * 5000},
    ],
    ids=str,
)
def test_sizes_checksums_and_names_are_judged(
    server: Behaviour, tmp_path: Path, changes: dict[str, object]
) -> None:
    server.publish("42", {"x": b"x"}, **changes)
    with pytest.raises(CrosswakeError, match=r"not fetched|by hand") as caught:
        get(server, tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert list(tmp_path.iterdir()) == []


def test_two_files_of_one_name_are_refused(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", {"HOSS.zip": b"", "hoss.tar.gz": b""})
    with pytest.raises(CrosswakeError, match="2 files of the record would all become hoss"):
        get(server, tmp_path)


@pytest.mark.parametrize(
    "licence", [{"id": "\x1b[31mfree"}, {"id": 3}, {}, None, {"id": "x" * 999}]
)
def test_a_licence_is_plain_text(server: Behaviour, tmp_path: Path, licence: object) -> None:
    server.publish("42", {"x": b"x"})
    answer = json.loads(server.files["/api/records/42"]) | {"metadata": {"license": licence}}
    server.files["/api/records/42"] = json.dumps(answer).encode()
    assert get(server, tmp_path).record.licence == ""


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"files": [{"key": "a"}]}', b'{"files": 3}', b"{}", b"[" * 100_000],
)
def test_answer_that_is_no_record(server: Behaviour, tmp_path: Path, answer: bytes) -> None:
    server.files["/api/records/42"] = answer
    with pytest.raises(CrosswakeError, match="the answer is no Zenodo record; fetch it by hand"):
        get(server, tmp_path)


def test_record_that_does_not_exist_or_is_empty(server: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="404"):
        get(server, tmp_path)
    server.publish("42", {})
    with pytest.raises(CrosswakeError, match="shows no files"):
        get(server, tmp_path)


def test_wrong_checksum_leaves_nothing_under_the_name(server: Behaviour, tmp_path: Path) -> None:
    server.publish("42", FILES, checksum="md5:" + "f" * 32)
    with pytest.raises(CrosswakeError, match="expected md5:ffff"):
        get(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../escaped.txt", "/tmp/escaped.txt", "a\\b.txt", "..", ".zip", ""]
)
def test_a_receipt_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    file = {"key": name, "size": 1, "checksum": "md5:" + "0" * 32, "links": {"self": "http://x"}}
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / f".{SHIPS.name}.json").write_text(json.dumps({"files": [file], "done": []}))
    with pytest.raises(CrosswakeError, match=r"json: the record names a file .*; delete .ships"):
        plan_record(SHIPS, folder, base="http://localhost:9")
    assert not (tmp_path / "escaped.txt").exists()
