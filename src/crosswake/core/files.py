"""How files are written: whole or not at all, and never outside their folder."""

import contextlib
import glob
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosswake.core.errors import CrosswakeError

FORBIDDEN = frozenset('<>:"/\\|?*')
"""Characters that not every system can have in a file name; a colon would name a drive or a hidden
stream."""
LONGEST_NAME = 200
"""Bytes; file systems take 255, and temporary names add some."""


@contextmanager
def replacing(path: Path, option: str = "--output", remedy: str = "") -> Iterator[Path]:
    """The one way to write a file: yields a temporary path beside ``path``, then renames it.

    Nobody sees half a file: the content is on the disk before the rename, and the temporary file
    is removed when the block fails. Folders above ``path`` are made.

    Args:
        path: the file to write; an older one is replaced.
        option: the option that the file's place comes from, for the complaint.
        remedy: what to do about a failure, where no option would help.

    Raises:
        CrosswakeError: the file cannot be written, or the block wrote none.
    """
    temporary = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        # A rename may reach the disk before the content does; after a power cut, the name would
        # then stand for an empty file.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error, option, remedy) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, option: str = "--output", remedy: str = "") -> Iterator[Path]:
    """As :func:`replacing`, for a folder that does not exist yet or is empty.

    Raises:
        CrosswakeError: the folder cannot be made, or something in the block cannot be written.
    """
    temporary = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_dead_parts(path.parent, glob.escape(path.name))
        temporary.mkdir()
        yield temporary
        if path.exists():  # Windows would not rename onto it
            path.rmdir()
        temporary.rename(path)
    except OSError as error:
        raise cannot_write(path, error, option, remedy) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_folder(path: Path, option: str = "--output") -> None:
    """Make ``path`` before any work is done, so that a bad name costs nothing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CrosswakeError(
            f"{path}: cannot be made a folder ({error.strerror}); choose another {option}"
        ) from error


def cannot_write(
    path: Path, error: OSError, option: str = "--output", remedy: str = ""
) -> CrosswakeError:
    """The one line about a file or folder that cannot be written."""
    reason = error.strerror or str(error).partition("\n")[0] or type(error).__name__
    return CrosswakeError(
        f"{path}: cannot be written ({reason}); {remedy or f'choose another {option}'}"
    )


def is_plain_name(name: str) -> bool:
    """Whether a name read from somewhere is that of one file or folder, on any system.

    Names in archives and records are input like any other: a slash, a drive, or an escape for the
    terminal would let strangers decide what is written where, and what is shown.
    """
    try:
        length = len(name.encode())
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False
    return (
        0 < length <= LONGEST_NAME
        and name.isprintable()
        and not FORBIDDEN & set(name)
        and name[-1] not in ". "
    )


def part_of(path: Path) -> Path:
    """The temporary name beside ``path``; it tells the machine and the process that writes it."""
    return path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.part")


def remove_dead_parts(folder: Path, name: str) -> None:
    """Remove temporary files and folders of ``name``, a pattern, that a killed process has left.

    Those of processes that still run, and of other machines, stay.
    """
    for part in folder.glob(f".{name}.{platform.node()}-*.part"):
        process = part.name.removesuffix(".part").rpartition("-")[2]
        if process.isdecimal() and not is_running(int(process)):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Whether a process of this machine is alive; always true on Windows, where the signal that
    only asks elsewhere would end it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it runs, but for another user; or no number of a process
        return True
    return True
