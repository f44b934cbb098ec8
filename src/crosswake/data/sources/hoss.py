"""HOSS ReID, and anything laid out like it.

Layout (arXiv 2506.22027, Zenodo 15860212)::

    ROOT/bounding_box_train  ROOT/query  ROOT/bounding_box_test
    ROOT/subset/{O2S,S2O}/{query,bounding_box_test}          (optional)
    <identity>_s<scene>c<sighting>_<RGB|SAR>.tif        (identity -1: nobody knows the ship)
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import cut_short
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import UNKNOWN, BadFile, Chips, ProtocolName, ReidData
from crosswake.data.sources.folders import IMAGE_SUFFIXES, is_folder, list_folder

HOSS_SOURCE = "https://doi.org/10.5281/zenodo.15860212"
HOSS_LICENCE = "see the Zenodo record"
HOSS_CITATION = (
    "Wang et al., Cross-modal Ship Re-Identification via Optical and SAR Imagery, ICCV 2025, "
    "arXiv 2506.22027"
)

TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
SUBSET_PROTOCOLS: dict[str, ProtocolName] = {"O2S": "o2s", "S2O": "s2o"}
HOSS_NAME = re.compile(
    r"^(?P<identity>-1|\d+)_s(?P<scene>\d+)c(?P<sighting>\d+)_(?P<modality>RGB|SAR)$"
)
MODALITY_OF_TAG = {"RGB": Modality.OPTICAL, "SAR": Modality.SAR}


def read_hoss(root: Path) -> ReidData:
    """Read the table of a HOSS-layout folder; pixels are not touched.

    Args:
        root: the folder, or one that holds it up to two levels down, as an unpacked archive does.

    Raises:
        CrosswakeError: the folder does not exist, or holds none or several folders of that layout.
    """
    root = find_layout(root)
    bad: list[BadFile] = []
    subsets: dict[ProtocolName, tuple[Chips, Chips]] = {}
    for folder, name in SUBSET_PROTOCOLS.items():
        base = root / "subset" / folder
        parts = [part for part in (QUERY, GALLERY) if is_folder(base / part)]
        if len(parts) == 1:
            bad.append(BadFile(path=base, reason=f"passed over because it holds only {parts[0]}/"))
        if len(parts) == 2:
            subsets[name] = (read_folder(base / QUERY, bad), read_folder(base / GALLERY, bad))
    train = read_folder(root / TRAIN, bad)
    data = ReidData(
        name=root.resolve().name,
        root=root,
        train=tuple(chip for chip in train if chip.identity != UNKNOWN),
        unnamed=tuple(chip for chip in train if chip.identity == UNKNOWN),
        query=read_folder(root / QUERY, bad),
        gallery=read_folder(root / GALLERY, bad),
        subsets=subsets,
        bad_files=tuple(bad),
    )
    only_subsets = subsets and not data.query and not data.gallery
    return replace(data, protocols=tuple(subsets)) if only_subsets else data


def find_layout(root: Path) -> Path:
    """The folder of the HOSS layout that ``root`` is or holds."""
    if not is_folder(root):
        raise CrosswakeError(
            f"{cut_short(root, 200)}: no such folder; name a HOSS-layout folder or a CSV table"
        )
    found = folders_with_layout(root)
    if not found:
        raise CrosswakeError(
            f"{root}: holds none of {TRAIN}/, {QUERY}/, {GALLERY}/; is the folder one level up?"
        )
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found[:3])
        raise CrosswakeError(f"{root}: holds several data sets ({names}); name one of them")
    return found[0]


def folders_with_layout(root: Path) -> list[Path]:
    """The folders of the HOSS layout nearest to ``root``: itself, or one or two levels below.
    Links to a folder are that folder."""
    if has_parts(root):
        return [root]
    for level in (root.glob("*/"), root.glob("*/*/")):
        if found := sorted(folder for folder in level if has_layout(folder)):
            return list({folder.resolve(): folder for folder in reversed(found)}.values())[::-1]
    return []


def has_layout(folder: Path) -> bool:
    """Whether a folder holds any of the layout's three folders; the subsets inside a data set hold
    two of them and do not count as data sets of their own."""
    return folder.name not in (*SUBSET_PROTOCOLS, "subset") and has_parts(folder)


def has_parts(folder: Path) -> bool:
    """Whether a folder holds any of the layout's three folders, or the subsets."""
    parts = (TRAIN, QUERY, GALLERY, *(f"subset/{name}" for name in SUBSET_PROTOCOLS))
    return any(is_folder(folder / part) for part in parts)


def read_folder(folder: Path, bad: list[BadFile]) -> Chips:
    """The chips of one folder, sorted by name; files with other names are appended to ``bad``."""
    chips: list[Chip] = []
    for found in iterate_folder(folder):
        if isinstance(found, Chip):
            chips.append(found)
        else:
            bad.append(found)
    return tuple(chips)


def iterate_folder(folder: Path) -> Iterator[Chip | BadFile]:
    """The chips of one folder, and its files with other names, sorted by name; nothing where there
    is no such folder."""
    bad: list[BadFile] = []
    for name in list_folder(folder, bad)[1] if is_folder(folder) else []:
        path = folder / name
        match = HOSS_NAME.match(path.stem)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            yield BadFile(path=path, reason=f"not an image: ends in '{path.suffix}'")
        elif match is None:
            yield BadFile(path=path, reason="name is not <identity>_s<scene>c<sighting>_<RGB|SAR>")
        else:
            yield chip_by_name(path, match)
    yield from bad


def chip_by_name(path: Path, match: re.Match[str]) -> Chip:
    """The chip of a file whose name :data:`HOSS_NAME` matches."""
    identity = UNKNOWN if match["identity"] == "-1" else match["identity"]
    return Chip(path=path, identity=identity, modality=MODALITY_OF_TAG[match["modality"]])
