"""Unpacks zip and tar archives without trusting who packed them."""

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import new_folder
from crosswake.core.progress import Progress, byte_text
from crosswake.data.download.transfer import MAKE_ROOM, disk_errors

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
COPY_BYTES = 1 << 20
ENCRYPTED = 0x1
FORBIDDEN = frozenset('<>:"|?*\0')
"""Characters that not every system can have in a file name; a colon would name a drive or a hidden
stream."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large an archive may become, so that a small file cannot fill a disk.

    Attributes:
        bytes: of all files together.
        files: their number, folders included.
    """

    bytes: int = 500 * 10**9
    files: int = 5_000_000


LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file in an archive: where it goes, its declared size, and its content."""

    path: PurePosixPath
    size: int
    content: IO[bytes]


def is_archive(name: str) -> bool:
    """Whether a file of that name can be unpacked."""
    return name.lower().endswith(ENDINGS)


def folder_name(name: str) -> str:
    """The name of an archive without its ending."""
    ending = max((end for end in ENDINGS if name.lower().endswith(end)), key=len)
    return name[: -len(ending)]


def unpack(archive: Path, folder: Path, limits: Limits = LIMITS, quiet: bool = False) -> int:
    """Unpack an archive as ``folder``, which must not exist; it appears only when everything is
    there.

    An archive that holds one folder and nothing else becomes that folder, under the new name.

    Returns:
        How many files it held.

    Raises:
        CrosswakeError: ``folder`` exists, the archive is damaged, exceeds the limits, or holds a
            name that would leave the folder, a link, or a device.
    """
    if folder.exists():
        raise CrosswakeError(f"{folder}: exists already; move it away, or choose another folder")
    with new_folder(folder, remedy=MAKE_ROOM) as temporary:
        count = write_members(archive, temporary, limits, quiet)
        only = list(temporary.iterdir())
        if len(only) == 1 and only[0].is_dir():
            # Its files move up; it may hold one of its own name, so it gets out of the way first.
            wrapping = only[0].rename(temporary / ".wrapping")
            for path in wrapping.iterdir():
                path.rename(temporary / path.name)
            wrapping.rmdir()
    return count


def write_members(archive: Path, folder: Path, limits: Limits, quiet: bool) -> int:
    """Write every file of an archive below ``folder``; returns how many."""
    written = count = 0
    try:
        with Progress(
            archive.stat().st_size, f"unpacking {archive.name}", "bytes", quiet
        ) as progress:
            for member, consumed in members(archive, limits):
                count += 1
                check_room(archive, folder, written + member.size, member.size, limits)
                written += write_member(archive, member, folder, limits.bytes - written, limits)
                progress.advance(consumed - progress.done)
            progress.advance(progress.total - progress.done)
    except NotImplementedError as error:
        raise CrosswakeError(
            f"{archive}: packed in a way that is not supported ({error}); unpack it by hand"
        ) from error
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        OSError,
    ) as error:
        detail = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise CrosswakeError(
            f"{archive}: cannot be unpacked ({detail}); delete it and fetch it again"
        ) from error
    if count == 0:
        raise CrosswakeError(f"{archive}: holds no files")
    return count


def members(archive: Path, limits: Limits) -> Iterator[tuple[Member, int]]:
    """The files of an archive, each with how far into the archive it ends, roughly, in bytes."""
    if archive.name.lower().endswith(".zip"):
        return zip_members(archive, limits)
    return tar_members(archive, limits)


def zip_members(archive: Path, limits: Limits) -> Iterator[tuple[Member, int]]:
    """The files of a zip archive."""
    with zipfile.ZipFile(archive) as source:
        infos = source.infolist()
        check_count(archive, len(infos), limits)
        consumed = 0
        for info in infos:
            consumed += info.compress_size
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise CrosswakeError(
                    f"{archive}: holds a link or device, '{info.filename}'; not unpacked"
                )
            if info.flag_bits & ENCRYPTED:
                raise CrosswakeError(f"{archive}: is protected by a password; unpack it by hand")
            path = safe_path(archive, info.orig_filename)
            if info.is_dir() or is_litter(path):
                continue
            with source.open(info) as content:
                yield Member(path=path, size=info.file_size, content=content), consumed


def tar_members(archive: Path, limits: Limits) -> Iterator[tuple[Member, int]]:
    """The files of a tar archive, compressed or not."""
    with tarfile.open(archive, "r:*") as source:
        for count, info in enumerate(source, start=1):
            check_count(archive, count, limits)
            if not (info.isreg() or info.isdir()):
                raise CrosswakeError(
                    f"{archive}: holds a link or device, '{info.name}'; not unpacked"
                )
            path = safe_path(archive, info.name)
            content = source.extractfile(info)
            if content is not None and not is_litter(path):
                yield Member(path=path, size=info.size, content=content), 0


def safe_path(archive: Path, name: str) -> PurePosixPath:
    """A member's name as a relative path that stays below the folder."""
    parts = name.replace("\\", "/").split("/")
    inside = [part for part in parts if part not in ("", ".")]
    if (
        name[:1] in ("/", "\\")
        or ".." in parts
        or not inside
        or any(FORBIDDEN & set(part) for part in inside)
    ):
        raise CrosswakeError(f"{archive}: holds the unsafe name {name!r}; not unpacked")
    return PurePosixPath(*inside)


def is_litter(path: PurePosixPath) -> bool:
    """Whether a file is one that macOS adds to archives."""
    return path.parts[0] == "__MACOSX" or path.name == ".DS_Store"


def check_count(archive: Path, count: int, limits: Limits) -> None:
    """Raise if there are too many members."""
    if count > limits.files:
        raise CrosswakeError(
            f"{archive}: holds more than {limits.files} files; unpack it by hand if you trust it"
        )


def check_room(archive: Path, folder: Path, total: int, size: int, limits: Limits) -> None:
    """Raise if the declared size exceeds the limits or what the disk has free."""
    if total > limits.bytes:
        raise CrosswakeError(
            f"{archive}: unpacks to more than {byte_text(limits.bytes)}; unpack it by hand"
        )
    free = shutil.disk_usage(folder).free
    if size > free:
        raise CrosswakeError(
            f"{folder}: {byte_text(size)} needed, {byte_text(free)} free; make room or use --to"
        )


def write_member(archive: Path, member: Member, folder: Path, room: int, limits: Limits) -> int:
    """Write one file; returns its true size, which may not exceed ``room`` whatever was
    declared."""
    target, size = folder / member.path, 0
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        sink = target.open("xb")
    with sink:
        while chunk := member.content.read(COPY_BYTES):
            size += len(chunk)
            if size > room:
                raise CrosswakeError(
                    f"{archive}: unpacks to more than {byte_text(limits.bytes)}; unpack it by hand"
                )
            with disk_errors(target):
                sink.write(chunk)
    return size
