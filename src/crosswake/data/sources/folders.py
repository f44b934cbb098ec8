"""What the readers share: the files of folders, and which of them are meant to be data."""

import os
from collections.abc import Iterator
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.data.reid import BadFile

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
LITTER = ("thumbs.db", "desktop.ini")
"""What file managers leave behind; like hidden files, it is not data and not worth a warning."""


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """``root`` and each folder below, with the sorted names of its folders and its files.

    Hidden ones and litter are left out. Folders that the caller removes from the list of names are
    not entered.

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
    """Whether a file is there on purpose: not hidden (as ``._tile.tif`` of macOS), no litter."""
    return not name.startswith(".") and name.lower() not in LITTER


def list_names(folder: Path) -> list[str]:
    """Sorted names of the files in one folder that are meant to be there.

    Raises:
        CrosswakeError: the folder cannot be read.
    """
    try:
        # Names are sorted and not paths, which take several times the memory. A link that leads
        # nowhere counts as a file, so that it is reported when it cannot be read.
        return sorted(
            entry.name
            for entry in os.scandir(folder)
            if is_meant(entry.name) and not entry.is_dir()
        )
    except OSError as error:
        raise CrosswakeError(
            f"{folder}: cannot be read ({error.strerror}); correct the path"
        ) from error


def images_by_stem(
    folder: Path, bad: list[BadFile], suffixes: tuple[str, ...] = IMAGE_SUFFIXES
) -> dict[str, Path]:
    """The images of a folder by their names without the ending; other files go to ``bad``."""
    kind = "an image" if suffixes == IMAGE_SUFFIXES else "a GeoTIFF"
    found: dict[str, Path] = {}
    for name in list_names(folder):
        path = folder / name
        if path.suffix.lower() not in suffixes:
            bad.append(BadFile(path=path, reason=f"not {kind}: ends in '{path.suffix}'"))
        elif path.stem in found:
            reason = f"stands there twice, as {found[path.stem].name} as well"
            bad.append(BadFile(path=path, reason=reason))
        else:
            found[path.stem] = path
    return found


def without_partner(optical: dict[str, Path], radar: dict[str, Path]) -> Iterator[BadFile]:
    """The images whose name is in one of the two folders only, optical ones first."""
    for stem in sorted(optical.keys() - radar.keys()):
        yield BadFile(path=optical[stem], reason="its SAR image is missing")
    for stem in sorted(radar.keys() - optical.keys()):
        yield BadFile(path=radar[stem], reason="its optical image is missing")
