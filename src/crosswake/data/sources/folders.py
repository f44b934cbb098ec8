"""What the readers share: listing folders."""

import os
from collections.abc import Iterator
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.hoss import LITTER


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """``root`` and each folder below, with the sorted names of its folders and files; hidden ones
    and litter left out.

    Raises:
        CrosswakeError: there is no such folder, or one cannot be read.
    """
    if not root.is_dir():
        raise CrosswakeError(f"{root}: no such folder; correct the path")

    def fail(error: OSError) -> None:
        raise CrosswakeError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for folder, folders, names in os.walk(root, onerror=fail, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(folder), folders, sorted(name for name in names if is_meant(name))


def is_meant(name: str) -> bool:
    """Whether somebody put a file there on purpose: not hidden (``._tile.tif`` of macOS), nor a
    file manager's."""
    return not name.startswith(".") and name.lower() not in LITTER


def list_names(folder: Path) -> list[str]:
    """Sorted names of the files in one folder that are meant to be there.

    Raises:
        CrosswakeError: the folder cannot be read.
    """
    try:
        return sorted(
            entry.name for entry in os.scandir(folder) if is_meant(entry.name) and entry.is_file()
        )
    except OSError as error:
        raise CrosswakeError(
            f"{folder}: cannot be read ({error.strerror}); correct the path"
        ) from error
