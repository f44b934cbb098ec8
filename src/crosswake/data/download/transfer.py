"""Fetches one file over HTTP: resumed where it was cut, checked before it gets its name."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import cannot_write
from crosswake.core.progress import Progress, byte_text
from crosswake.data.download.web import (
    PARTIAL_CONTENT,
    PATIENCE,
    CutConnectionError,
    Patience,
    chunks_of,
    open_url,
    patiently,
)

MAKE_ROOM = "make room or choose another folder"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file to fetch.

    Attributes:
        name: to store it under; a plain file name.
        url: where it is.
        size: in bytes.
        checksum: ``<algorithm>:<hex digits>``, such as ``md5:...``.
    """

    name: str
    url: str
    size: int
    checksum: str


def fetch(
    file: RemoteFile, folder: Path, quiet: bool = False, patience: Patience = PATIENCE
) -> Path:
    """Fetch a file into ``folder``.

    It grows under a hidden name that holds its checksum, so a later call can go on where this one
    stopped, and what lies under that name is nobody else's.

    Returns:
        The path of the whole file, its size and checksum verified; at once if it is there already.

    Raises:
        CrosswakeError: no connection, the server refuses, the disk is full, the file is not what
            was announced, or another lies under its name.
    """
    target = folder / file.name
    if os.path.lexists(target):
        if is_whole(target, file):
            return target
        raise CrosswakeError(
            f"{target}: exists, and is not the file that was announced; move it away or use --to"
        )
    part = folder / f".{file.name}.{file.checksum.partition(':')[2][:8]}.part"
    with disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
    resumed = os.path.lexists(part)
    if resumed and (part.is_symlink() or not part.is_file()):
        raise CrosswakeError(f"{part}: is a link or no file, and would be written to; remove it")
    complete_part(file, part, quiet, patience)
    if resumed and not is_whole(part, file):  # damaged since: start once anew
        part.unlink()
        complete_part(file, part, quiet, patience)
    if not is_whole(part, file):
        found = checksum_of(part, file.checksum)
        part.unlink()
        raise CrosswakeError(
            f"{target}: checksum is {found}, expected {file.checksum}; run again to fetch it anew"
        )
    with disk_errors(target):
        with part.open("rb+") as whole:
            os.fsync(whole.fileno())  # else, after a power cut, the name may stand for nothing
        part.replace(target)
    return target


def complete_part(file: RemoteFile, part: Path, quiet: bool, patience: Patience) -> None:
    """Fetch until ``part`` has the announced size, trying again after each failure of the
    network."""
    have = bytes_in(part)
    require_room(part.parent, file.size - have)
    if have < file.size or not part.exists():
        with Progress(file.size, file.name, "bytes", quiet, already=have) as progress:
            patiently(
                lambda: fetch_rest(file, part, progress),
                file.url,
                patience,
                lambda: bytes_in(part),
            )


def fetch_rest(file: RemoteFile, part: Path, progress: Progress) -> None:
    """One request for what is missing, or for everything where the server cannot start in the
    middle."""
    have = bytes_in(part)
    with open_url(file.url, {"Range": f"bytes={have}-"} if have else {}) as response:
        partial = response.status == PARTIAL_CONTENT
        resumes = partial and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not resumes:
            if partial:
                part.unlink(missing_ok=True)
                raise CutConnectionError("the server sent another part than was requested")
            progress.advance(-have)
            have = 0
        with disk_errors(part), part.open("ab" if resumes else "wb") as sink:
            for chunk in chunks_of(response):
                have += len(chunk)
                if have > file.size:
                    raise CrosswakeError(
                        f"{file.url}: longer than the {file.size} bytes announced; try again later"
                    )
                sink.write(chunk)
                progress.advance(len(chunk))
    if have < file.size:
        raise CutConnectionError(f"the connection was cut at {have} of {file.size} bytes")


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the file system (a full disk, no permission) into one line."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error, remedy=MAKE_ROOM) from error


def require_room(folder: Path, needed: int) -> None:
    """Raise unless the disk of a folder has so many bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CrosswakeError(
            f"{folder}: {byte_text(needed)} needed, {byte_text(free)} free; make room or use --to"
        )


def bytes_in(path: Path) -> int:
    """Bytes in a file, 0 if it is not there."""
    return path.stat().st_size if path.exists() else 0


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether a file has the size and checksum of the one announced."""
    return (
        path.is_file()
        and path.stat().st_size == file.size
        and checksum_of(path, file.checksum) == file.checksum.lower()
    )


def checksum_of(path: Path, like: str) -> str:
    """A file's checksum, by the algorithm that ``like`` (``md5:...``) names."""
    algorithm = like.partition(":")[0].lower()
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
