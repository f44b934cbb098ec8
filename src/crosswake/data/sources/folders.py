"""What the readers share: the files of folders, and which of them are meant to be data."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import cut_short, plain_text
from crosswake.data.chips import Modality
from crosswake.data.reid import BadFile

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".jp2")
MODALITY_WORDS = {
    "rgb": Modality.OPTICAL,
    "optical": Modality.OPTICAL,
    "opt": Modality.OPTICAL,
    "sar": Modality.SAR,
}
LONGEST_FILE_NAME, LONGEST_PATH = 255, 4095
"""Bytes that file systems allow."""
LITTER = ("thumbs.db", "desktop.ini")
"""What file managers leave behind; like hidden files, it is not data and not worth a warning."""


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; false, not an error, where the name is too long or what is
    above it may not be entered."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: Path) -> bool:
    """As :func:`is_folder`, for regular files."""
    return os.path.isfile(path)  # noqa: PTH113


def walk(root: Path, bad: list[BadFile]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """``root`` and each folder below, with the sorted names of its folders and its files.

    Hidden ones and litter are left out. Folders that the caller removes from the list of names are
    not entered. A folder that links lead to several times, as those to a folder above themselves
    do, is entered once; it, folders that cannot be read and names that cannot be used go to
    ``bad``.

    Raises:
        CrosswakeError: there is no such folder, or it is a file.
    """
    if not is_folder(root):
        why = "a file; name a folder" if is_file(root) else "no such folder; correct the path"
        raise CrosswakeError(f"{cut_short(root, 200)}: {why}")
    seen: dict[tuple[int, int], Path] = {}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        place = folder.stat()
        first = seen.setdefault((place.st_dev, place.st_ino), folder)
        if first is not folder:
            bad.append(BadFile(path=folder, reason=f"the same folder as {first}, by a link"))
            continue
        folders, names = list_folder(folder, bad)
        yield folder, folders, names
        waiting += [folder / name for name in reversed(folders)]


def is_meant(name: str) -> bool:
    """Whether a file is there on purpose: not hidden (as ``._tile.tif`` of macOS), no litter."""
    return not name.startswith(".") and name.lower() not in LITTER


def list_folder(folder: Path, bad: list[BadFile]) -> tuple[list[str], list[str]]:
    """Sorted names of the folders, and of the files, in one folder that are meant to be there; what
    cannot be used goes to ``bad``."""
    folders: list[str] = []
    names: list[str] = []
    try:
        # Names are sorted and not paths, which take several times the memory. A link that leads
        # nowhere counts as a file, so that it is reported when it cannot be read.
        with os.scandir(folder) as entries:
            for entry in entries:
                fault = None if entry.name.isascii() else name_fault(folder / entry.name)
                if not is_meant(entry.name):
                    continue
                if fault:
                    bad.append(fault)
                else:
                    (folders if leads_to_folder(entry) else names).append(entry.name)
    except OSError as error:
        bad.append(BadFile(path=folder, reason=f"cannot be read ({error.strerror})"))
    return sorted(folders), sorted(names)


def leads_to_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder or a link to one; a link that leads to itself is none."""
    return is_folder(Path(entry)) if entry.is_symlink() else entry.is_dir()


def name_fault(path: Path) -> BadFile | None:
    """The path as a bad file, where no file of that name can be opened or told by it."""
    name = str(path)
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        reason = "its name is not in UTF-8; rename it"
    else:
        longest = max(map(len, re.split(rb"[/\\]", encoded)))
        if longest > LONGEST_FILE_NAME or len(encoded) > LONGEST_PATH:
            return BadFile(
                path=Path(cut_short(name, LONGEST_FILE_NAME)),
                reason="its name is too long for a file",
            )
        if "\0" not in name:
            return None
        reason = "its name holds a NUL character; correct it"
    return BadFile(path=Path(plain_text(name)), reason=reason)


def infer_modality(path: Path, root: Path) -> Modality | None:
    """The modality by a word in the file's name, else in the nearest folder's, ``root`` included.

    None where no name has such a word, or where one name has words for both.
    """
    parts = [root.name, *identifier(path.parent / path.stem, root).split("/")]
    for part in reversed(parts):
        words = MODALITY_WORDS.keys() & re.split(r"[^a-z]+", part.lower())
        found = {MODALITY_WORDS[word] for word in words}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def identifier(path: Path, root: Path) -> str:
    """A path from ``root`` with forward slashes, or the whole path if it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def images_by_stem(
    folder: Path, bad: list[BadFile], suffixes: tuple[str, ...] = IMAGE_SUFFIXES
) -> dict[str, Path]:
    """The images of a folder by their names without the ending; other files go to ``bad``."""
    kind = "an image" if suffixes == IMAGE_SUFFIXES else "a GeoTIFF"
    found: dict[str, Path] = {}
    for name in list_folder(folder, bad)[1]:
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
