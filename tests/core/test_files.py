"""Promise: a file or folder appears whole or not at all, and a failure is one line that says what
to do."""

import os
import platform
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import is_plain_name, new_folder, part_of, remove_dead_parts, replacing


def test_the_old_content_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/note.txt"
    with replacing(path) as part:
        part.write_text("first")
    with replacing(path) as part:
        part.write_text("sec")
        assert path.read_text() == "first"
        assert part.parent == path.parent
        part.write_text("second")
    assert path.read_text() == "second"
    assert [file.name for file in path.parent.iterdir()] == ["note.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("no"), OSError(28, "disk full")])
def test_a_failed_block_leaves_the_old_file_alone(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "note.txt"
    path.write_text("old")
    with pytest.raises((KeyboardInterrupt, ValueError, CrosswakeError)), replacing(path) as part:
        part.write_text("half")
        raise error
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]
    assert path.read_text() == "old"


def test_a_failure_names_the_file_and_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file/note.txt"
    said = r"note.txt: cannot be written \(.*--sheet$"
    with pytest.raises(CrosswakeError, match=said) as caught, replacing(path, "--sheet"):
        pass
    assert "\n" not in str(caught.value)
    said, empty = r"; is the disk full\?$", tmp_path / "empty.txt"
    with pytest.raises(CrosswakeError, match=said), replacing(empty, remedy="is the disk full?"):
        pass  # writes nothing
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_content_is_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "note.txt"
    synced = []

    def fsync(number: int) -> None:
        assert not path.exists()
        synced.append(os.fstat(number).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(path) as part:
        part.write_text("four")
    assert synced == [4]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep/fleet"
    with new_folder(out) as temporary:
        (temporary / "a").touch()
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["a"]
    with pytest.raises(RuntimeError), new_folder(tmp_path / "other") as temporary:
        (temporary / "a").touch()
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    (tmp_path / "file").touch()
    inside = tmp_path / "file/fleet"
    with pytest.raises(CrosswakeError, match="fleet: cannot be written"), new_folder(inside):
        pass


@given(st.text(max_size=8) | st.sampled_from(["..", "a/b", "a\\b", "c:a", "a\x1b[m", "\ud800"]))
def test_a_plain_name_is_a_file_of_its_folder(name: str) -> None:
    if is_plain_name(name):
        assert Path("/data") / name == Path(f"/data/{name}")
        assert PureWindowsPath("D:/data") / name == PureWindowsPath(f"D:/data/{name}")
        assert os.path.basename(os.path.normpath(f"/data/{name}")) == name  # noqa: PTH119
        assert name.isprintable()


@pytest.mark.parametrize("name", ["a", ".hidden", "read me.md", "\u00e4.tif", "a.b.tar.gz"])
def test_usual_names_are_plain(name: str) -> None:
    assert is_plain_name(name)


def test_only_parts_of_dead_processes_are_removed(tmp_path: Path) -> None:
    alive = part_of(tmp_path / "store.bin")
    dead = alive.with_name(alive.name.replace(f"-{os.getpid()}.", "-999999999."))
    other = alive.with_name(f".store.bin.elsewhere-{os.getpid()}.part")
    absurd = alive.with_name(alive.name.replace(f"-{os.getpid()}.", f"-{'9' * 30}."))
    for path in (alive, dead, other, absurd):
        path.touch()
    remove_dead_parts(tmp_path, "store.*")
    assert set(tmp_path.iterdir()) == {alive, other, absurd}


def test_folders_of_dead_processes_are_removed(tmp_path: Path) -> None:
    out = tmp_path / "fle[e]t**"
    dead = out.with_name(f".{out.name}.{platform.node()}-999999999.part")
    mine = tmp_path / ".fle[e]t**.notes.part"
    for folder in (dead, mine):
        folder.mkdir()
        (folder / "a").touch()
    with new_folder(out) as temporary:
        (temporary / "a").touch()
    assert set(tmp_path.iterdir()) == {out, mine}
