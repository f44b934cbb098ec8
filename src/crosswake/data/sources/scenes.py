"""A folder of large registered scenes: ``opt/`` and ``sar/`` with files of the same names.

``scenes.json``, if there is one, is a list of objects with ``file`` and, if declared, ``split``.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.data.pair_chips import standard_windows
from crosswake.data.pairs import NoPairsError, Pair, PairData, PairLayout, cut_pair
from crosswake.data.pixels import pair_size
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import images_by_stem, is_folder, without_partner

OPTICAL, SAR, SCENES_TABLE = "opt", "sar", "scenes.json"
SCENE_SPLITS = ("", "train", "val", "test")


def read_scenes(root: Path) -> PairData:
    """Read the table of scenes; pixels are not touched.

    Raises:
        CrosswakeError: no ``opt`` and ``sar`` folders, no scene in them, or a ``scenes.json`` that
            cannot be used.
    """
    if not is_folder(root / OPTICAL) or not is_folder(root / SAR):
        raise NoPairsError(
            f"{root}: holds no {OPTICAL}/ and {SAR}/ with scenes of the same names; correct the "
            "path"
        )
    bad: list[BadFile] = []
    optical, radar = images_by_stem(root / OPTICAL, bad), images_by_stem(root / SAR, bad)
    splits = read_splits(root / SCENES_TABLE)
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
    bad += without_partner(optical, radar)
    bad += [
        BadFile(path=root / OPTICAL / stem, reason=f"listed in {SCENES_TABLE}, but not there")
        for stem in sorted(splits.keys() - optical.keys() - radar.keys())
    ]
    if not pairs:
        raise NoPairsError(f"{root}: no scene is in both {OPTICAL}/ and {SAR}/ under one name")
    return PairData(name=name, root=root, pairs=pairs, bad_files=tuple(bad))


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
        for window in cut_pair(scene, standard_windows(*pair_size(scene)))
    )
    return PairData(
        name=f"{data.name} val windows", root=root, pairs=windows, bad_files=data.bad_files
    )


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
            f'{path}: not a JSON list of {{"file": ..., "split": ...}} ({error!r}); correct it'
        ) from error
    for scene, split in splits.items():
        if split not in SCENE_SPLITS:
            raise CrosswakeError(
                f"{path}: scene {scene} has the split '{split}'; it must be train, val or test, or "
                "absent"
            )
    return splits


def is_scenes(_folder: Path, folders: Sequence[str]) -> bool:
    """Whether a folder has the two folders of scenes."""
    return OPTICAL in folders and SAR in folders


SCENES = PairLayout(
    name="scenes",
    title="Scenes",
    tag="SCN",
    recognise=is_scenes,
    depth=0,
    read=read_scenes,
    source="the user's own scenes",
    licence="that of the scenes",
    citation="that of the scenes (Sentinel: contains modified Copernicus Sentinel data)",
)
