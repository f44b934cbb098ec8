"""Opens whatever ``--data`` names: finds out which layout it has and reads its table."""

from collections.abc import Callable
from pathlib import Path

from crosswake.data.pair_chips import pair_chips
from crosswake.data.pairs import PairData, PairLayout
from crosswake.data.reid import ReidData
from crosswake.data.sources.dfc23 import DFC23
from crosswake.data.sources.folders import walk
from crosswake.data.sources.hoss import read_hoss
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


def find_layout_of_pairs(root: Path) -> PairLayout | None:
    """The layout of the pairs in ``root`` or in the first of its folders that has one."""
    if not root.is_dir():
        return None
    for folder, folders, _ in walk(root):
        level = len(folder.relative_to(root).parts)
        for layout in PAIR_LAYOUTS.values():
            if level <= layout.depth and layout.recognise(folder, folders):
                return layout
        if level >= DEPTH:
            folders.clear()
    return None


def find_reader(root: Path) -> Callable[[Path], PairData] | None:
    """The reader for the pairs in ``root``; None if they are in none of the layouts."""
    layout = find_layout_of_pairs(root)
    return layout.read if layout else None


def open_reid(source: Path) -> ReidData:
    """A CSV table if ``source`` is a file, else a HOSS-layout folder.

    Raises:
        CrosswakeError: the source does not exist, or is neither.
    """
    return read_table(source) if source.is_file() else read_hoss(source)


def open_chips(source: Path | str) -> ReidData:
    """What :func:`open_reid` opens, or a folder of pairs, whose images are all in the gallery.

    Raises:
        CrosswakeError: the source does not exist, or is none of these.
    """
    source = Path(source)
    read_pairs = find_reader(source)
    if read_pairs is None:
        return open_reid(source)
    data = read_pairs(source)
    optical, radar = pair_chips(data.pairs)
    return ReidData(
        name=data.name,
        root=data.root,
        gallery=optical + radar,
        bad_files=data.bad_files,
        subject="place",
    )
