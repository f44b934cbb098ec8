"""Promise: an archive of others unpacks whole, inside its folder, within bounds, or not at all."""

import io
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.download import archive as archives
from crosswake.data.download.archive import folder_name, is_archive, unpack


def write_zip(path: Path, files: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def write_tar(path: Path, members: list[tarfile.TarInfo], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for info in members:
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def tar_file(
    name: str, size: int = 3, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def names_below(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("top", ["", "HOSS/", "Another name/"])
def test_zip_becomes_the_folder(tmp_path: Path, top: str) -> None:
    files = {
        f"{top}query/a.tif": b"a",
        f"{top}gallery/b.tif": b"b",
        "__MACOSX/._a": b"litter",
        ".DS_Store": b"",
    }
    unpack(write_zip(tmp_path / "HOSS.zip", files), tmp_path / "HOSS", quiet=True)
    assert names_below(tmp_path / "HOSS") == ["gallery/b.tif", "query/a.tif"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["HOSS", "HOSS.zip"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_becomes_the_folder(tmp_path: Path, mode: str) -> None:
    folder = tar_file("HOSS", 0, tarfile.DIRTYPE)
    members = [folder, tar_file("./HOSS/query/a.tif"), tar_file("HOSS/b.tif")]
    archive = write_tar(tmp_path / "HOSS.tar", members, mode)
    unpack(archive, tmp_path / "new" / "HOSS", quiet=True)
    assert names_below(tmp_path / "new" / "HOSS") == ["b.tif", "query/a.tif"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "C:\\evil",
        "..\\evil",
        "\\\\host\\evil",
        "a/b:stream",
        "..",
        "a/\x1b[31mred",
        "a/\u202egnp.exe",
        "trailing. ",
        "n" * 201,
    ],
)
def test_names_that_leave_the_folder(tmp_path: Path, name: str) -> None:
    archives = [write_zip(tmp_path / "z.zip", {"good": b"1", name: b"2"})]
    archives.append(write_tar(tmp_path / "t.tar", [tar_file("good"), tar_file(name)]))
    for archive in archives:
        with pytest.raises(CrosswakeError, match="holds the unsafe name"):
            unpack(archive, tmp_path / "deep" / "out", quiet=True)
    assert names_below(tmp_path) == ["t.tar", "z.zip"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_tar_with_links_or_devices(tmp_path: Path, kind: bytes) -> None:
    archive = write_tar(
        tmp_path / "t.tar", [tar_file("good"), tar_file("a", 0, kind, "/etc/passwd")]
    )
    with pytest.raises(CrosswakeError, match="holds a link, device or sparse file, 'a'"):
        unpack(archive, tmp_path / "out", quiet=True)
    assert names_below(tmp_path) == ["t.tar"]


def test_zip_with_symlink(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "z.zip", {"a": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    with pytest.raises(CrosswakeError, match="holds a link, device or sparse file, 'a'"):
        unpack(archive, tmp_path / "out", quiet=True)


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_zip(tmp_path / "bomb.zip", {"a": b"0" * 60_000, "b": b"0" * 60_000})
    monkeypatch.setattr(archives, "MOST_BYTES", 100_000)
    with pytest.raises(CrosswakeError, match=r"more than 100\.0 kB"):
        unpack(archive, tmp_path / "out", quiet=True)
    monkeypatch.setattr(archives, "MOST_FILES", 1)
    for many in (archive, write_tar(tmp_path / "t.tar", [tar_file("a"), tar_file("b")])):
        with pytest.raises(CrosswakeError, match="more than 1 files"):
            unpack(many, tmp_path / "out", quiet=True)
    monkeypatch.setattr(archives, "MOST_BYTES", 120_000)
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    unpack(archive, tmp_path / "out", quiet=True)
    assert names_below(tmp_path / "out") == ["a", "b"]


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_room_for_all_is_made_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    archive = tmp_path / f"two{ending}"
    if ending == ".zip":
        write_zip(archive, {"a": b"0" * 60_000, "b": b"0" * 60_000})
    else:
        mode = "w:gz" if ending.endswith("gz") else "w"
        write_tar(archive, [tar_file("a", 60_000), tar_file("b", 60_000)], mode)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_000))
    monkeypatch.setattr(archives, "write_member", lambda *_: pytest.fail("written"))
    with pytest.raises(CrosswakeError, match=r"128\.2 kB needed, 100\.0 kB free"):
        unpack(archive, tmp_path / "out", quiet=True)
    assert names_below(tmp_path) == [archive.name]


def test_a_sparse_file_and_names_that_are_no_text(tmp_path: Path) -> None:
    """A sparse file of a few bytes may stand for terabytes, and its map may be nonsense."""
    sparse = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(10**12)}
    broken = {"GNU.sparse.map": "a,b"}
    for number, headers in enumerate((sparse, broken)):
        info = tar_file("a", 1)
        info.pax_headers = headers
        archive = write_tar(tmp_path / f"{number}.tar", [info])
        with pytest.raises(CrosswakeError, match=r"sparse file, 'a'|cannot be unpacked") as caught:
            unpack(archive, tmp_path / "out", quiet=True)
        assert str(caught.value).isprintable()
    named = write_zip(tmp_path / "z.zip", {"\u00e4": b"1"})
    named.write_bytes(named.read_bytes().replace("\u00e4".encode(), b"\xff\xff"))
    with pytest.raises(CrosswakeError, match="cannot be unpacked"):
        unpack(named, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_size_that_is_declared_falsely(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "bomb.zip", {"a": b"0" * 60_000})
    raw = archive.read_bytes().replace((60_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(raw)
    with pytest.raises(CrosswakeError):
        unpack(archive, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "not one", "empty"])
@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_damaged_archive(tmp_path: Path, damage: str, ending: str) -> None:
    archive = tmp_path / f"HOSS{ending}"
    content = bytes(range(256)) * 400
    if ending == ".zip":
        write_zip(archive, {"a": content, "b": content})
    else:
        write_tar(archive, [tar_file("a", 90_000), tar_file("b", 90_000)], "w:gz")
    raw = archive.read_bytes()
    third = len(raw) // 3
    flipped = raw[:third] + bytes([raw[third] ^ 0xFF]) + raw[third + 1 :]
    damaged = {
        "truncated": raw[: len(raw) // 2],
        "flipped": flipped,
        "not one": b"<html>",
        "empty": b"",
    }
    archive.write_bytes(damaged[damage])
    with pytest.raises(CrosswakeError) as caught:
        unpack(archive, tmp_path / "out", quiet=True)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name]


def test_unknown_packing(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "HOSS.zip", {"a": b"0" * 1000})
    deflated, deflate64 = b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x00\x00\x09\x00"
    archive.write_bytes(archive.read_bytes().replace(deflated, deflate64))
    with pytest.raises(CrosswakeError, match=r"not supported .*; unpack it by hand"):
        unpack(archive, tmp_path / "out", quiet=True)


def test_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "HOSS").mkdir()
    with pytest.raises(CrosswakeError, match="exists already"):
        unpack(write_zip(tmp_path / "HOSS.zip", {"a": b""}), tmp_path / "HOSS", quiet=True)


def test_archive_without_files(tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="holds no files"):
        unpack(write_zip(tmp_path / "HOSS.zip", {}), tmp_path / "HOSS", quiet=True)


@pytest.mark.parametrize(
    ("name", "folder"),
    [("HOSS.zip", "HOSS"), ("a.b.TAR.GZ", "a.b"), ("pairs.tgz", "pairs"), ("x.tar", "x")],
)
def test_folder_names(name: str, folder: str) -> None:
    assert is_archive(name)
    assert folder_name(name) == folder
    assert not is_archive(f"{name}.txt")
