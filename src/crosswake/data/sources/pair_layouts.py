"""Finds out which layout of pairs a folder has."""

from collections.abc import Callable
from pathlib import Path

from crosswake.data.pairs import PairData
from crosswake.data.sources.dfc23 import read_dfc23
from crosswake.data.sources.folders import walk
from crosswake.data.sources.optisar import is_optisar, read_optisar
from crosswake.data.sources.scenes import OPTICAL, SAR, read_scenes
from crosswake.data.sources.sen12 import FOLDER as SEN12_FOLDER
from crosswake.data.sources.sen12 import read_sen12

DEPTH = 3
"""Folders below the root among which the layout is looked for."""


def find_reader(root: Path) -> Callable[[Path], PairData] | None:
    """The reader for the pairs in ``root``; None if they are in none of the layouts."""
    if not root.is_dir():
        return None
    if is_optisar(root):
        return read_optisar
    if (root / OPTICAL).is_dir() and (root / SAR).is_dir():
        return read_scenes
    for folder, folders, _ in walk(root):
        if {"rgb", "sar"} <= set(folders):
            return read_dfc23
        if any(SEN12_FOLDER.match(name) for name in folders):
            return read_sen12
        if len(folder.relative_to(root).parts) >= DEPTH - 1:
            folders.clear()
    return None
