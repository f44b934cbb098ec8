"""OptiSar_Pair, the layout that pretraining reads.

    OptiSar_Pair/<any folder>/<tag>_<pair id>_<RGB|SAR>.<tif|png>

Every optical image of an id pairs with every SAR image of that id. ``manifest.parquet``, in the
folder or beside it, may say what each id is.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.data.pairs import NoPairsError, Pair, PairData, PairLayout
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import is_folder, list_folder, walk
from crosswake.data.sources.hoss import HOSS_CITATION, HOSS_SOURCE

OPTISAR_FOLDER, MANIFEST = "OptiSar_Pair", "manifest.parquet"
BUILD_PLAN, JOURNAL, BUILD_REPORT = "plan.json", "journal.jsonl", "report.json"
"""What :mod:`crosswake.data.build` writes beside the images, besides the manifest."""
OPTISAR_NAME = re.compile(
    r"^(?P<tag>[^_]+)_(?P<id>\d+)_(?P<modality>RGB|SAR)\.(tif|tiff|png)$", re.IGNORECASE
)
DESCRIBED = ("source", "scene", "terrain", "season", "city", "split")
"""Columns of the manifest that become a pair's attributes."""


def base_of(root: Path) -> Path:
    """The folder that holds the folders of images."""
    return root / OPTISAR_FOLDER if is_folder(root / OPTISAR_FOLDER) else root


def read_optisar(root: Path) -> PairData:
    """Read the table of pairs; pixels are not touched.

    Raises:
        CrosswakeError: no such folder, no pair in it, or a manifest that cannot be read.
    """
    base = base_of(root)
    images: dict[int, dict[str, list[Path]]] = defaultdict(lambda: {"RGB": [], "SAR": []})
    bad: list[BadFile] = []
    for folder, _, names in walk(base, bad):
        for name in names:
            match = OPTISAR_NAME.match(name)
            if match:
                images[int(match["id"])][match["modality"].upper()].append(folder / name)
            elif folder != base:
                bad.append(
                    BadFile(
                        path=folder / name, reason="name is not <tag>_<pair id>_<RGB|SAR>.<tif|png>"
                    )
                )
    described = read_manifest(root, base)
    pairs: list[Pair] = []
    for number, paths in sorted(images.items()):
        for present, absent in (("RGB", "SAR"), ("SAR", "RGB")):
            if not paths[absent]:
                reason = f"no {absent} image of the id {number}"
                bad += [BadFile(path=path, reason=reason) for path in paths[present]]
        known = described.get(number, {"source": "optisar"})
        pairs += [
            Pair(optical=optical, sar=radar, id=str(number), **known)  # type: ignore[arg-type]
            for optical in paths["RGB"]
            for radar in paths["SAR"]
        ]
    if not pairs:
        raise NoPairsError(
            f"{root}: holds no pairs named <folder>/<tag>_<pair id>_<RGB|SAR>.<tif|png>"
        )
    bad += [
        BadFile(path=base, reason=f"no images of the id {number}, which {MANIFEST} lists")
        for number in sorted(described.keys() - images.keys())
    ]
    return PairData(name=root.resolve().name, root=root, pairs=tuple(pairs), bad_files=tuple(bad))


def read_manifest(root: Path, base: Path) -> dict[int, dict[str, str]]:
    """The attributes of each id, empty without a manifest.

    Raises:
        CrosswakeError: the manifest is damaged or lacks a column.
    """
    path = next(
        (
            path
            for path in (root / MANIFEST, base / MANIFEST, base.parent / MANIFEST)
            if path.is_file()
        ),
        None,
    )
    if path is None:
        return {}
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path, columns=["id", *DESCRIBED])
        rows: list[dict[str, Any]] = table.to_pylist()
        return {int(row["id"]): {name: str(row[name] or "") for name in DESCRIBED} for row in rows}
    except (pyarrow.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        detail = str(error).splitlines()[0]
        raise CrosswakeError(
            f"{path}: not a manifest of pairs ({detail}); build it again, or remove it"
        ) from error


def is_optisar(folder: Path, _folders: Sequence[str]) -> bool:
    """Whether a folder is an OptiSar_Pair folder or holds one."""
    base = base_of(folder)
    places = [base, *(base / name for name in list_folder(base, [])[0])]
    return any(OPTISAR_NAME.match(name) for place in places for name in list_folder(place, [])[1])


OPTISAR = PairLayout(
    name="optisar",
    title="Pairs",
    recognise=is_optisar,
    depth=0,
    read=read_optisar,
    source=HOSS_SOURCE,
    licence="that of the sources, SEN1-2 and DFC23 in the published set",
    citation=HOSS_CITATION,
)
