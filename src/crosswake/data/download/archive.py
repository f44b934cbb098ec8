"""Unpacks zip and tar archives without trusting who packed them."""

import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import is_plain_name, new_folder
from crosswake.core.progress import Progress, byte_text
from crosswake.data.download.transfer import MAKE_ROOM, disk_errors, require_room

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
COPY_BYTES = 1 << 20
BLOCK_BYTES = 4096
"""What a file takes on a disk at least."""
ENCRYPTED = 0x1
MOST_BYTES, MOST_FILES = 500 * 10**9, 1_000_000
"""How large an archive may become, so that a small file can fill neither disk nor memory."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file in an archive: where it goes, its declared size, and what opens its content."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def is_archive(name: str) -> bool:
    """Whether a file of that name can be unpacked."""
    return name.lower().endswith(ENDINGS)


def folder_name(name: str) -> str:
    """The name of an archive without its ending."""
    ending = max((end for end in ENDINGS if name.lower().endswith(end)), key=len)
    return name[: -len(ending)]


def unpack(archive: Path, folder: Path, quiet: bool = False) -> None:
    """Unpack an archive as ``folder``, which must not exist; it appears only when everything is
    there.

    All names, kinds and sizes are judged before anything is written. An archive that holds one
    folder and nothing else becomes that folder, under the new name.

    Raises:
        CrosswakeError: ``folder`` exists, the archive is damaged or too large for the limits or
            the disk, or holds a name that would leave the folder, a link, or a device.
    """
    if folder.exists():
        raise CrosswakeError(f"{folder}: exists already; move it away, or choose another folder")
    with opened_archive(archive) as members, new_folder(folder, remedy=MAKE_ROOM) as temporary:
        total = sum(member.size for member in members)
        if total > MOST_BYTES:
            raise CrosswakeError(
                f"{archive}: unpacks to more than {byte_text(MOST_BYTES)}; unpack it by hand"
            )
        require_room(temporary, total + BLOCK_BYTES * len(members))
        with Progress(total, f"unpacking {archive.name}", "bytes", quiet) as progress:
            for member in members:
                with damages(archive):
                    write_member(archive, member, temporary, progress)
        only = list(temporary.iterdir())
        if len(only) == 1 and only[0].is_dir():
            # Its files move up; it may hold one of its own name, so it gets out of the way first.
            wrapping = only[0].rename(temporary / ".wrapping")
            for path in wrapping.iterdir():
                path.rename(temporary / path.name)
            wrapping.rmdir()


@contextmanager
def opened_archive(archive: Path) -> Iterator[list[Member]]:
    """The files of an archive, judged by its headers; they can be read within the block."""
    with ExitStack() as stack:
        with damages(archive):
            if archive.name.lower().endswith(".zip"):
                found = zip_members(archive, stack.enter_context(zipfile.ZipFile(archive)))
            else:
                found = tar_members(archive, stack.enter_context(tarfile.open(archive, "r:*")))
            members = [member for member in found if not is_litter(member.path)]
        if not members:
            raise CrosswakeError(f"{archive}: holds no files")
        yield members


@contextmanager
def damages(archive: Path) -> Iterator[None]:
    """Whatever a damaged archive makes its reader raise, as one line: there are no bounds to it."""
    try:
        yield
    except CrosswakeError:
        raise
    except NotImplementedError as error:
        raise CrosswakeError(
            f"{archive}: packed in a way that is not supported ({error}); unpack it by hand"
        ) from error
    except Exception as error:
        detail = (str(error).splitlines() or [""])[0].rstrip(":") or type(error).__name__
        raise CrosswakeError(
            f"{archive}: cannot be unpacked ({detail}); delete it and fetch it again"
        ) from error


def zip_members(archive: Path, source: zipfile.ZipFile) -> Iterator[Member]:
    """The files of a zip archive."""
    for count, info in enumerate(source.infolist(), start=1):
        check_count(archive, count)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            refuse_kind(archive, info.filename)
        if info.flag_bits & ENCRYPTED:
            raise CrosswakeError(f"{archive}: is protected by a password; unpack it by hand")
        path = safe_path(archive, info.orig_filename)
        if not info.is_dir():
            yield Member(path=path, size=info.file_size, open=partial(source.open, info))


def tar_members(archive: Path, source: tarfile.TarFile) -> Iterator[Member]:
    """The files of a tar archive, compressed or not."""
    for count, info in enumerate(source, start=1):
        check_count(archive, count)
        if info.issparse() or not (info.isreg() or info.isdir()):
            refuse_kind(archive, info.name)
        path = safe_path(archive, info.name)
        if info.isreg():
            yield Member(path=path, size=info.size, open=partial(tar_content, source, info))


def tar_content(source: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """The content of a regular file in a tar archive."""
    found = source.extractfile(info)
    assert found is not None
    return found


def refuse_kind(archive: Path, name: str) -> None:
    """Raise for a member that is no plain file: links lead elsewhere, and a sparse file of a few
    bytes may unpack to terabytes."""
    raise CrosswakeError(f"{archive}: holds a link, device or sparse file, {name!a}; not unpacked")


def safe_path(archive: Path, name: str) -> PurePosixPath:
    """A member's name as a relative path that stays below the folder."""
    parts = name.replace("\\", "/").split("/")
    inside = [part for part in parts if part not in ("", ".")]
    if name[:1] in ("/", "\\") or not inside or not all(map(is_plain_name, inside)):
        raise CrosswakeError(f"{archive}: holds the unsafe name {name[:200]!a}; not unpacked")
    return PurePosixPath(*inside)


def is_litter(path: PurePosixPath) -> bool:
    """Whether a file is one that macOS adds to archives."""
    return path.parts[0] == "__MACOSX" or path.name == ".DS_Store"


def check_count(archive: Path, count: int) -> None:
    """Raise if there are too many members."""
    if count > MOST_FILES:
        raise CrosswakeError(
            f"{archive}: holds more than {MOST_FILES:,} files; unpack it by hand if you trust it"
        )


def write_member(archive: Path, member: Member, folder: Path, progress: Progress) -> None:
    """Write one file, which must have the size that was declared, for room was made for that."""
    target, size = folder / member.path, 0
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        sink = target.open("xb")
    with sink, member.open() as source:
        while chunk := source.read(COPY_BYTES):
            size += len(chunk)
            if size > member.size:
                break
            with disk_errors(target):
                sink.write(chunk)
            progress.advance(len(chunk))
    if size != member.size:
        raise CrosswakeError(
            f"{archive}: {str(member.path)!a} has not the {member.size} bytes declared; "
            "delete the archive and fetch it again"
        )
