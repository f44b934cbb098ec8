"""Opens whatever ``--data`` names: finds out which layout it has and reads its table."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.said import say_once
from crosswake.core.text import cut_short
from crosswake.data.pair_chips import pair_chips
from crosswake.data.pairs import PairData, PairLayout
from crosswake.data.reid import ReidData
from crosswake.data.sources.dfc23 import DFC23
from crosswake.data.sources.folders import is_file, is_folder, list_folder, walk
from crosswake.data.sources.hoss import folders_with_layout, read_hoss
from crosswake.data.sources.opensarship import first_product, is_opensarship, read_opensarship
from crosswake.data.sources.optisar import OPTISAR
from crosswake.data.sources.scenes import SCENES
from crosswake.data.sources.sen12 import SEN12
from crosswake.data.sources.table import read_table

PAIR_LAYOUTS: dict[str, PairLayout] = {
    layout.name: layout for layout in (OPTISAR, SCENES, DFC23, SEN12)
}
"""Every layout of pairs by name. In one folder the first that recognises it wins; a new layout
needs nothing but a row here."""
DEPTH = max(layout.depth for layout in PAIR_LAYOUTS.values())
TABLES = (".csv", ".tsv")


def layouts_of_pairs(root: Path) -> dict[PairLayout, Path]:
    """The layouts of the pairs in ``root``, each with the first folder that has it."""
    found: dict[PairLayout, Path] = {}
    if not is_folder(root):
        return found
    for folder, folders, _ in walk(root, []):
        level = len(folder.relative_to(root).parts)
        for layout in PAIR_LAYOUTS.values():
            if level <= layout.depth and layout.recognise(folder, folders):
                found.setdefault(layout, folder)
                folders.clear()  # what is inside a data set is no other one
                break
        if level >= DEPTH:
            folders.clear()
    return found


def find_layout_of_pairs(root: Path) -> PairLayout | None:
    """The layout of the pairs in ``root`` or in its folders.

    Raises:
        CrosswakeError: there are several.
    """
    found = layouts_of_pairs(root)
    if len(found) > 1:
        raise ask_which(root, {layout.title: folder for layout, folder in found.items()})
    return next(iter(found), None)


def find_reader(root: Path) -> Callable[[Path], PairData] | None:
    """The reader for the pairs in ``root``; None if they are in none of the layouts."""
    layout = find_layout_of_pairs(root)
    return layout.read if layout else None


def open_data(source: Path) -> ReidData | PairData:
    """Ships or pairs, whatever ``source`` holds.

    Raises:
        CrosswakeError: it does not exist, holds no data set, or holds several.
    """
    ships = folders_with_layout(source) if is_folder(source) else []
    if ships:
        refuse_several(source, ships[0])
        return open_reid(source)
    layout = find_layout_of_pairs(source)
    return layout.read(source) if layout else open_reid(source)


def refuse_several(root: Path, ships: Path) -> None:
    """Raise if ``root`` holds other data sets beside the ships of the HOSS layout in ``ships``; the
    pairs that are published with them are only pointed out."""
    places = [] if ships == root else [root / name for name in list_folder(root, [])[0]]
    found = {
        layout: folder
        for place in (root, *places)
        for layout, folder in layouts_of_pairs(place).items()
    }
    if found.pop(OPTISAR, None):
        say_once(f"{root.name} holds ships, which are taken, and pairs to pretrain on")
    named = {layout.title: folder for layout, folder in found.items()}
    if places and (product := first_product(root)):
        named["OpenSARShip"] = product
    if named:
        raise ask_which(root, {"HOSS": ships} | named)


def open_reid(source: Path) -> ReidData:
    """A table or an archive of OpenSARShip if ``source`` is a file, else a folder of the HOSS
    layout or of OpenSARShip.

    Raises:
        CrosswakeError: the source does not exist, or is none of these.
    """
    ships = is_folder(source) and folders_with_layout(source)
    if not ships and is_opensarship(source):
        return read_opensarship(source)
    if is_file(source):
        return read_table(source)
    if is_folder(source) and not ships:
        if find_layout_of_pairs(source):
            reason = (
                "holds optical-SAR pairs and no identities; crosswake pretrain learns from them"
            )
            raise CrosswakeError(f"{source}: {reason}")
        if inside := data_sets_below(source):
            raise ask_which(source, inside)
    return read_hoss(source)


def to_measure(data: ReidData) -> ReidData:
    """The data; of a set that nobody has split, all chips are queries and the gallery."""
    if data.query or data.gallery or not is_opensarship(data.root):
        return data
    say_once(f"{data.name} has no split: every chip is a query and in the gallery (leave-one-out)")
    return replace(data, train=(), unnamed=(), query=data.train, gallery=data.train + data.unnamed)


def data_sets_below(root: Path) -> dict[str, Path]:
    """Tables, and folders of pairs, right below a folder that is no data set itself."""
    folders, names = list_folder(root, [])
    found = {name: root / name for name in names if name.lower().endswith(TABLES)}
    for name in folders:
        found |= {f"{one.title} in {name}": root / name for one in layouts_of_pairs(root / name)}
    return found


def ask_which(root: Path, found: dict[str, Path]) -> CrosswakeError:
    """The one line about a folder of several data sets."""
    places = {kind: path.relative_to(root).as_posix() for kind, path in found.items()}
    names = [name if kind == name else f"{kind}: {name}" for kind, name in places.items()]
    listed = cut_short(", ".join(names), 300)
    return CrosswakeError(f"{root}: is no data set, but holds some ({listed}); name one of them")


def open_chips(source: Path | str) -> ReidData:
    """What :func:`open_data` opens; the images of pairs are all in the gallery.

    Raises:
        CrosswakeError: the source does not exist, or is none of these.
    """
    data = open_data(Path(source))
    if isinstance(data, ReidData):
        return data
    optical, radar = pair_chips(data.pairs)
    return ReidData(
        name=data.name,
        root=data.root,
        gallery=optical + radar,
        bad_files=data.bad_files,
        subject="place",
    )
