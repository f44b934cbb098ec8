"""Files appear whole or not at all, in folders that are made first."""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosswake.core.errors import CrosswakeError


@contextmanager
def replacing(path: Path, option: str = "--output", remedy: str = "") -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends well, and is removed
    when not.

    Args:
        path: the file to write; folders above it are made.
        option: the option that the file's place comes from, for the complaint.
        remedy: what to do about a failure, where no option would help.
    """
    temporary = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise CrosswakeError(
            f"{path}: cannot be written ({reason}); {remedy or f'choose another {option}'}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make ``path`` before any work is done, so that a bad name costs nothing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CrosswakeError(
            f"{path}: cannot be made a folder ({error.strerror}); choose another --output"
        ) from error


def part_of(path: Path) -> Path:
    """The temporary name beside ``path`` that this process writes under: it tells the machine and
    the process."""
    return path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.part")


def remove_dead_parts(folder: Path, name: str) -> None:
    """Remove the temporary files of ``name``, a pattern, whose process was killed; others are still
    being written."""
    for part in folder.glob(f".{name}.{platform.node()}-*.part"):
        process = part.name.removesuffix(".part").rpartition("-")[2]
        if process.isdecimal() and not is_running(int(process)):
            part.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Whether a process of this machine is alive; always on Windows, where asking would end it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True
