"""A folder of large registered scenes: ``opt/`` and ``sar/`` with files of the same names.

``scenes.json``, if there is one, is a list of objects with ``file`` and, if declared, ``split``.
"""

import json
from pathlib import Path
from typing import Any

from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.data.pair_pixels import size_of
from crosswake.data.pair_windows import grid_boxes
from crosswake.data.pairs import NoPairsError, Pair, PairData, cut
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import list_names
from crosswake.data.sources.hoss import SUFFIXES

SOURCE = "the user's own scenes"
LICENCE = "that of the scenes"
CITATION = "that of the scenes (Sentinel: contains modified Copernicus Sentinel data)"

OPTICAL, SAR, TABLE = "opt", "sar", "scenes.json"
SPLITS = ("", "train", "val", "test")
WINDOW = (128, 64)
"""Rows and columns of a window that retrieval is measured on."""
WINDOW_STRIDE = (256, 160)
"""Rows and columns from one window to the next."""


def read_scenes(root: Path) -> PairData:
    """Read the table of scenes; pixels are not touched.

    Raises:
        CrosswakeError: no ``opt`` and ``sar`` folders, no scene in them, or a ``scenes.json`` that
            cannot be used.
    """
    if not (root / OPTICAL).is_dir() or not (root / SAR).is_dir():
        raise NoPairsError(
            f"{root}: holds no {OPTICAL}/ and {SAR}/ with scenes of the same names; correct the "
            "path"
        )
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
    bad += [
        BadFile(path=optical[stem], reason="its SAR half is missing")
        for stem in sorted(optical.keys() - radar)
    ]
    bad += [
        BadFile(path=radar[stem], reason="its optical half is missing")
        for stem in sorted(radar.keys() - optical)
    ]
    absent = sorted(splits.keys() - optical.keys() - radar.keys())
    bad += [
        BadFile(path=root / OPTICAL / stem, reason=f"listed in {TABLE}, but not there")
        for stem in absent
    ]
    if not pairs:
        raise NoPairsError(f"{root}: no scene stands in both {OPTICAL}/ and {SAR}/ under one name")
    return PairData(name=name, root=root, pairs=pairs, bad_files=tuple(bad))


def standard_windows(height: int, width: int) -> list[Box]:
    """The windows that retrieval is measured on in a scene; 4 x 6 of a scene of 1024 x 1024.

    No window starts in the last stride of columns that a whole window and its gap do not fit in.
    """
    return grid_boxes((height, width - WINDOW_STRIDE[1] + WINDOW[1]), WINDOW, WINDOW_STRIDE)


def validation_windows(root: Path) -> PairData:
    """The windows of the scenes declared ``val``: 192 of 8 scenes of 1024 x 1024.

    Raises:
        CrosswakeError: as :func:`read_scenes`, or no scene is declared ``val``, or one cannot be
            read.
    """
    data = read_scenes(root)
    windows = tuple(
        window
        for scene in data.of_split("val")
        for window in cut(scene, standard_windows(*size_of(scene)))
    )
    return PairData(
        name=f"{data.name} val windows", root=root, pairs=windows, bad_files=data.bad_files
    )


def by_stem(folder: Path, bad: list[BadFile]) -> dict[str, Path]:
    """The images of a folder by their names without the ending."""
    found: dict[str, Path] = {}
    for name in list_names(folder):
        path = folder / name
        if path.suffix.lower() not in SUFFIXES:
            bad.append(BadFile(path=path, reason=f"not an image: ends in '{path.suffix}'"))
        elif path.stem in found:
            bad.append(
                BadFile(path=path, reason=f"stands there twice, as {found[path.stem].name} as well")
            )
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
        splits = {Path(str(row["file"])).stem: str(row.get("split") or "") for row in rows}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CrosswakeError(
            f'{path}: not a JSON list of {{"file": ..., "split": ...}} ({error!r}); mend it'
        ) from error
    for scene, split in splits.items():
        if split not in SPLITS:
            raise CrosswakeError(
                f"{path}: scene {scene} has the split '{split}'; it must be train, val or test, or "
                "absent"
            )
    return splits
