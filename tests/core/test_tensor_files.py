"""Promise: a tensor file is whole or the old one, equal content gives equal bytes, and reading runs
no code."""

import builtins
import zipfile
from pathlib import Path

import pytest
import torch

from crosswake.core.errors import CrosswakeError
from crosswake.core.tensor_files import CHECKPOINT_FORMAT, read_tensors, write_tensors


def test_what_is_written_is_read(tmp_path: Path) -> None:
    content = {"a": torch.arange(3), "b": [1, "two", None]}
    for name in ("one.pt", "two.pt"):
        write_tensors(content, tmp_path / name)
    found = read_tensors(tmp_path / "one.pt")
    assert found["format"] == CHECKPOINT_FORMAT
    assert torch.equal(found["a"], content["a"])  # type: ignore[arg-type]
    assert found["b"] == content["b"]
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "two.pt").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2, "nothing temporary is left"


@pytest.mark.parametrize("error", [RuntimeError("disk"), OSError(28, "No space left on device")])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = tmp_path / "last.pt"
    write_tensors({"epoch": 1}, path)

    def full(content: object, file: object) -> None:
        raise error

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CrosswakeError, match=r"last\.pt: cannot be written .*--resume"):
        write_tensors({"epoch": 2}, path)
    monkeypatch.undo()
    assert read_tensors(path)["epoch"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_with_code_is_not_read(tmp_path: Path) -> None:
    torch.save({"model": builtins.print}, tmp_path / "a.pt")
    with pytest.raises(CrosswakeError, match="not safe to read"):
        read_tensors(tmp_path / "a.pt")
    torch.save([1, 2], tmp_path / "b.pt")
    with pytest.raises(CrosswakeError, match="holds a list"):
        read_tensors(tmp_path / "b.pt")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_flipped_bit_is_found_by_its_checksum(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.pt"
    write_tensors({"model": {"weight": torch.randn(400)}}, path)
    changed = bytearray(path.read_bytes())
    start = changed.index(b"data/0") + 64
    changed[start + int(share * 1600)] ^= 4
    path.write_bytes(bytes(changed))
    with pytest.raises(CrosswakeError, match=r"a\.pt: 'archive/data/0' in it is damaged"):
        read_tensors(path)


def test_a_file_without_checksums_is_read(tmp_path: Path) -> None:
    path, value = tmp_path / "a.pt", torch.randn(3)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": value}, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read_tensors(path)["a"], value)


def test_a_compressed_archive_is_not_unpacked(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as old,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    assert (tmp_path / "b.pt").stat().st_size < 10**5
    with pytest.raises(CrosswakeError, match=r"b\.pt: '.*' is compressed"):
        read_tensors(tmp_path / "b.pt")
