"""A folder of large registered scenes: ``opt/`` and ``sar/`` with files of the same names.

``scenes.json``, if there is one, is a list of objects with ``file`` and, if declared, ``split``.
"""

import json
from pathlib import Path
from typing import Any

from crosswake.datasets.hoss import SUFFIXES
from crosswake.datasets.pairs.files import list_names
from crosswake.datasets.pairs.table import Pair, PairData, cut
from crosswake.datasets.reid import BadFile
from crosswake.errors import CrosswakeError
from crosswake.windows import Box

SOURCE = "the user's own scenes"
LICENCE = "that of the scenes"
CITATION = "that of the scenes (Sentinel: contains modified Copernicus Sentinel data)"

OPTICAL, SAR, TABLE = "opt", "sar", "scenes.json"
WINDOW = (128, 64)
"""Rows and columns of a validation window."""
WINDOW_ROWS, WINDOW_COLUMNS = (0, 256, 512, 768), (0, 160, 320, 480, 640, 800)
"""Upper left corners of the validation windows of a scene of 1024 x 1024."""


def read_scenes(root: Path) -> PairData:
    """Read the table of scenes; pixels are not touched.

    Raises:
        CrosswakeError: no ``opt`` and ``sar`` folders, no scene in them, or a ``scenes.json`` that cannot be used.
    """
    if not (root / OPTICAL).is_dir() or not (root / SAR).is_dir():
        raise CrosswakeError(f"{root}: holds no {OPTICAL}/ and {SAR}/ with scenes of the same names; correct the path")
    bad: list[BadFile] = []
    optical, radar = (by_stem(root / half, bad) for half in (OPTICAL, SAR))
    splits = read_splits(root / TABLE)
    name = root.resolve().name
    pairs = tuple(
        Pair(
            optical=optical[stem],
            sar=radar[stem],
            id=f"{name}/{stem}",
            source="scenes",
            scene=f"{name}/{stem}",
            split=splits.get(stem, ""),
        )
        for stem in sorted(optical.keys() & radar.keys())
    )
    bad += [BadFile(path=optical[stem], reason="its SAR half is missing") for stem in sorted(optical.keys() - radar)]
    bad += [BadFile(path=radar[stem], reason="its optical half is missing") for stem in sorted(radar.keys() - optical)]
    absent = sorted(splits.keys() - optical.keys() - radar.keys())
    bad += [BadFile(path=root / OPTICAL / stem, reason=f"listed in {TABLE}, but not there") for stem in absent]
    if not pairs:
        raise CrosswakeError(f"{root}: no scene stands in both {OPTICAL}/ and {SAR}/ under one name")
    return PairData(name=name, root=root, pairs=pairs, bad_files=tuple(bad))


def validation_windows(root: Path) -> PairData:
    """The 192 windows that pair retrieval is measured on: 24 of each of the 8 val scenes, as windows of the scenes.

    Raises:
        CrosswakeError: as :func:`read_scenes`, or no scene is declared ``val``.
    """
    data = read_scenes(root)
    boxes = [Box(top, left, *WINDOW) for top in WINDOW_ROWS for left in WINDOW_COLUMNS]
    windows = tuple(window for scene in data.of_split("val") for window in cut(scene, boxes))
    return PairData(name=f"{data.name} val windows", root=root, pairs=windows, bad_files=data.bad_files)


def by_stem(folder: Path, bad: list[BadFile]) -> dict[str, Path]:
    """The images of a folder by their names without the ending."""
    found: dict[str, Path] = {}
    for name in list_names(folder):
        path = folder / name
        if path.suffix.lower() not in SUFFIXES:
            bad.append(BadFile(path=path, reason=f"not an image: ends in '{path.suffix}'"))
        elif path.stem in found:
            bad.append(BadFile(path=path, reason=f"stands there twice, as {found[path.stem].name} as well"))
        else:
            found[path.stem] = path
    return found


def read_splits(path: Path) -> dict[str, str]:
    """The split of each scene listed, by name without ending; empty without the file.

    Raises:
        CrosswakeError: not JSON of the form described above.
    """
    if not path.is_file():
        return {}
    try:
        rows: Any = json.loads(path.read_text(encoding="utf-8"))
        return {Path(str(row["file"])).stem: str(row.get("split") or "") for row in rows}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CrosswakeError(
            f'{path}: not a JSON list of {{"file": ..., "split": ...}} ({error!r}); mend it'
        ) from error
