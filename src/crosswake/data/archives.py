"""Files inside zip archives, which are read where they are: ``ARCHIVE.zip/folder/chip.tif``."""

import functools
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from crosswake.core.errors import CrosswakeError

ZIP = ".zip"
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, ValueError, OverflowError, RuntimeError, NotImplementedError),
)
"""What the library raises for archives that are damaged, encrypted or of an unknown kind."""


def archive_of(path: Path) -> Path | None:
    """The zip archive that a path leads into; None for a path outside of any."""
    above = (parent for parent in path.parents if parent.suffix.lower() == ZIP)
    return next((parent for parent in above if parent.is_file()), None)


def on_disk(path: Path) -> Path:
    """The file of the disk that holds a path's content: itself, or its archive."""
    return archive_of(path) or path


def gdal_path(path: Path) -> str:
    """A path as GDAL reads it."""
    archive = archive_of(path)
    if archive is None:
        return str(path)
    return f"/vsizip/{{{archive}}}/{path.relative_to(archive).as_posix()}"


@contextmanager
def open_member(path: Path) -> Iterator[IO[bytes]]:
    """A file for reading, wherever it is.

    Raises:
        OSError: it is not there, or its archive cannot be read.
    """
    archive = archive_of(path)
    if archive is None:
        with path.open("rb") as file:
            yield file
        return
    try:
        with opened_member(archive, path.relative_to(archive).as_posix()) as file:
            yield file
    except ZIP_ERRORS as error:  # also while it is read
        raise OSError(f"{archive.name} is damaged or encrypted: {error}") from error


def opened_member(archive: Path, name: str) -> IO[bytes]:
    """A member of an archive, open.

    Raises:
        FileNotFoundError: there is none of this name.
    """
    state = archive.stat()
    index = archive_index(archive, state.st_mtime_ns, state.st_size, os.getpid())
    try:
        return index.open(name)
    except KeyError as error:
        raise FileNotFoundError(f"no {name} in {archive}") from error


@functools.lru_cache(16)
def archive_index(archive: Path, _changed: int, _size: int, _process: int) -> zipfile.ZipFile:
    """An archive whose list of files is read once, and not for each of its thousands of chips.

    Threads may share it, but not processes, which would share its place in the file.
    """
    return zipfile.ZipFile(archive)


def member_names(archive: Path) -> list[str]:
    """The sorted names of the files in an archive.

    Raises:
        CrosswakeError: it is no zip archive, or damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return sorted(item.filename for item in opened.infolist() if not item.is_dir())
    except (OSError, *ZIP_ERRORS) as error:
        raise CrosswakeError(
            f"{archive}: a zip archive that cannot be read ({error}); fetch it again"
        ) from error
