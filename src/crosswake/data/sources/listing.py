"""Anything that names images, as a stream of chips, so that archives may be larger than memory.

Only the names of one folder are held at a time; of pairs, whose partners must be found, all names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import cut_short
from crosswake.data.chips import Chip, Modality
from crosswake.data.pair_chips import images_of
from crosswake.data.pairs import NoPairsError
from crosswake.data.reid import BadFile
from crosswake.data.sources.columns import ROLES, open_table
from crosswake.data.sources.dialect import encoding_of, first_bytes, refuse_other_kinds
from crosswake.data.sources.folders import (
    IMAGE_SUFFIXES,
    identifier,
    infer_modality,
    is_file,
    is_folder,
    name_fault,
    walk,
)
from crosswake.data.sources.hoss import (
    GALLERY,
    HOSS_NAME,
    QUERY,
    TRAIN,
    chip_by_name,
    find_layout,
    folders_with_layout,
    iterate_folder,
)
from crosswake.data.sources.open import find_reader, refuse_several
from crosswake.data.sources.opensarship import is_opensarship, read_opensarship
from crosswake.data.sources.optisar import (
    BUILD_PLAN,
    BUILD_REPORT,
    JOURNAL,
    MANIFEST,
    OPTISAR_FOLDER,
)
from crosswake.data.sources.scenes import SCENES_TABLE
from crosswake.data.sources.table import chip_of_row, resolve, split_of_row

ModalityChoice = Literal["auto", "optical", "sar"]
LISTS = (".txt", ".lst", ".list")
SPLIT_FOLDERS = {
    "train": TRAIN,
    "query": QUERY,
    "gallery": GALLERY,
    "o2s_query": f"subset/O2S/{QUERY}",
    "o2s_gallery": f"subset/O2S/{GALLERY}",
    "s2o_query": f"subset/S2O/{QUERY}",
    "s2o_gallery": f"subset/S2O/{GALLERY}",
}
OWN_FILES = (SCENES_TABLE, MANIFEST, BUILD_PLAN, JOURNAL, BUILD_REPORT)
"""Files beside the images of a folder of pairs that are no images and no mistakes either."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One chip of a listing.

    Attributes:
        chip: the chip, under an absolute path.
        id: its path from the listing's folder, with ``/`` on every system; the absolute path if it
            lies elsewhere.
        split: train, query, gallery or both, with ``o2s_`` or ``s2o_`` before it for a fixed
            subset; of pairs train, val or test; empty if not known.
    """

    chip: Chip
    id: str
    split: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A source of chips that can be read again and again, in the same order.

    Attributes:
        name: what the chips are called in reports.
        entries: starts to read from the first; files that cannot be chips come in between.
    """

    name: str
    entries: Callable[[], Iterator[Entry | BadFile]]


def open_listing(source: Path, modality: ModalityChoice = "auto") -> Listing:
    """A HOSS-layout folder, any other folder of images, OpenSARShip, a table, or a text file with a
    path on each line.

    In a folder of optical-SAR pairs each image is a chip; the layout gives its modality and place.

    Args:
        source: the folder, table or list. Of folders all levels are read; hidden files are not.
        modality: of images whose name does not say it; ``auto`` takes it from a word such as RGB or
            SAR in the file's name, else in the nearest folder's. Refused with a HOSS-layout folder,
            pairs or a table, which say it themselves.

    Raises:
        CrosswakeError: there is no such source, or ``modality`` is given although the source says
            it; with pairs, once the entries are read.
    """
    source = source.absolute()
    if is_file(source) and source.suffix.lower() in LISTS:
        return Listing(name=source.stem, entries=lambda: listed_files(source, modality))
    if not is_file(source) and not is_folder(source):
        raise CrosswakeError(
            f"{cut_short(source, 200)}: no such folder, CSV table or list of files"
        )
    ships = is_folder(source) and folders_with_layout(source)
    if not ships and is_opensarship(source):
        refuse_modality(modality, f"{source} holds SAR chips of OpenSARShip")
        return Listing(name=source.stem, entries=lambda: opensarship_entries(source))
    if is_file(source):
        refuse_modality(modality, f"the table {source} tells it")
        return Listing(name=source.stem, entries=lambda: table_entries(source))
    if ships:
        refuse_several(source, ships[0])
        refuse_modality(modality, f"file names in {source} tell it")
        root = find_layout(source)
        return Listing(name=root.name, entries=lambda: hoss_entries(root))
    return Listing(name=source.name, entries=lambda: folder_entries(source, modality))


def hoss_entries(root: Path) -> Iterator[Entry | BadFile]:
    """The chips of every split that a HOSS-layout folder has."""
    for split, folder in SPLIT_FOLDERS.items():
        for found in iterate_folder(root / folder):
            if isinstance(found, Chip):
                yield Entry(chip=found, id=identifier(found.path, root), split=split)
            else:
                yield found


def opensarship_entries(root: Path) -> Iterator[Entry | BadFile]:
    """The chips of all products."""
    data = read_opensarship(root)
    for chip in data.all_chips():
        yield Entry(chip=chip, id=identifier(chip.path, root))
    yield from data.bad_files


def table_entries(table: Path) -> Iterator[Entry | BadFile]:
    """The rows of a table; it need not have identities and splits."""
    for line, row in open_table(table, required=("path", "modality")).rows():
        told = any(row.get(name) for name in ("split", *ROLES))
        split = split_of_row(row, table, line) if told else ""
        chip = chip_of_row(row, table, line)
        yield name_fault(chip.path) or Entry(
            chip=chip, id=identifier(chip.path, table.parent), split=split
        )


def folder_entries(root: Path, modality: ModalityChoice) -> Iterator[Entry | BadFile]:
    """Every image below a folder, sorted by folder and name."""
    known, reasons = pair_entries(root)
    bad: list[BadFile] = []
    if known:
        refuse_modality(modality, f"the layout of the pairs in {root} tells it")
    for folder, _, names in walk(root, bad):
        own = OWN_FILES if known and folder in (root, root / OPTISAR_FOLDER) else ()
        for name in names:
            path = folder / name
            if name in own:
                continue
            found = known.get(path) or loose_file(path, root, modality)
            yield reasons.get(path, found) if isinstance(found, BadFile) else found
    yield from bad


def pair_entries(root: Path) -> tuple[dict[Path, Entry], dict[Path, BadFile]]:
    """The images of the pairs in a folder, and the files that their reader passes over, both by
    path; two empty ones where there are no pairs."""
    read_pairs = find_reader(root)
    if read_pairs is None:
        return {}, {}
    try:
        data = read_pairs(root)
    except NoPairsError:  # folders named rgb and sar, say, with images that are not paired
        return {}, {}
    known = {
        chip.path: Entry(chip=chip, id=identifier(chip.path, root), split=pair.split)
        for pair in data.pairs
        for chip in images_of(pair)
    }
    return known, {bad.path: bad for bad in data.bad_files}


def refuse_modality(modality: ModalityChoice, why: str) -> None:
    """Raise if ``--modality`` is given where the data has it."""
    if modality != "auto":
        raise CrosswakeError(f"--modality {modality}: {why}; leave it out")


def listed_files(source: Path, modality: ModalityChoice) -> Iterator[Entry | BadFile]:
    """The files that a text file names, one a line; empty lines and lines that begin with # are
    skipped."""
    start = first_bytes(source)
    refuse_other_kinds(source, start)
    with source.open(encoding=encoding_of(source, start)) as file:
        for line in file:
            name = line.strip().lstrip("\ufeff")
            if name and not name.startswith("#"):
                yield loose_file(resolve(name, source.parent), source.parent, modality)


def loose_file(path: Path, root: Path, modality: ModalityChoice) -> Entry | BadFile:
    """A file of which only the name is known; a HOSS name holds identity and modality."""
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return BadFile(path=path, reason=f"not an image: ends in '{path.suffix}'")
    if fault := name_fault(path):
        return fault
    match = HOSS_NAME.match(path.stem)
    if match is not None:
        return Entry(chip=chip_by_name(path, match), id=identifier(path, root))
    known = infer_modality(path, root) if modality == "auto" else Modality[modality.upper()]
    if known is None:
        return BadFile(
            path=path, reason="neither name nor folder says RGB, optical or SAR; give --modality"
        )
    return Entry(chip=Chip(path=path, modality=known), id=identifier(path, root))
