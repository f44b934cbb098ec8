"""The images of the 2023 IEEE GRSS Data Fusion Contest, both tracks: 512 x 512 GeoTIFF at 0.5 m.

track1/{train,val}/{rgb,sar}    track2/{train,val}/{rgb,sar}    track2_test_data/{rgb,sar}
<SV|GF2>_<City>_<lat>_<lon>.tif in train, P_0001.tif elsewhere; rgb is uint8 x 3, sar float32 x 1
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from crosswake.core.text import counted
from crosswake.data.pairs import NoPairsError, Pair, PairData
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import list_names, walk

SOURCE = "https://doi.org/10.21227/mrnt-8w27"
LICENCE = "see the contest's terms on IEEE DataPort"
CITATION = (
    "Persello et al., 2023 IEEE GRSS Data Fusion Contest, IEEE DataPort, doi 10.21227/mrnt-8w27; "
    "Huang et al., Urban Building Classification (UBC), CVPR Workshops 2022"
)

PUBLISHED = {
    ("track1", "train"): 3_720,
    ("track1", "val"): 1_549,
    ("track1", "test"): 1_541,
    ("track2", "train"): 1_773,
    ("track2", "val"): 579,
    ("track2", "test"): 605,
}
SUFFIXES = (".tif", ".tiff")
CITY_NAME = re.compile(
    r"^(?P<satellite>SV|GF2)_(?P<city>.+)_(?P<lat>-?\d+(\.\d+)?)_(?P<lon>-?\d+(\.\d+)?)$"
)
"""Only names of the training tiles say where they are."""


def read_dfc23(root: Path) -> PairData:
    """Read the table of pairs of whatever tracks and splits lie below ``root``; pixels are not
    touched.

    A tile that stands in both tracks is two pairs of one id.

    Raises:
        CrosswakeError: no such folder, or no pair in it.
    """
    pairs: list[Pair] = []
    bad: list[BadFile] = []
    for folder, folders, _ in walk(root):
        if "rgb" in folders and "sar" in folders:
            pair_folders(root, folder, pairs, bad)
        elif "rgb" in folders or "sar" in folders:
            half = "rgb" if "rgb" in folders else "sar"
            bad.append(
                BadFile(
                    path=folder / half,
                    reason="passed over, for its other half, rgb/ or sar/, is missing",
                )
            )
    if not pairs:
        raise NoPairsError(
            f"{root}: holds no DFC23 pairs (track1/train/rgb and track1/train/sar, and the like)"
        )
    return PairData(
        name="dfc23",
        root=root,
        pairs=tuple(pairs),
        bad_files=tuple(bad),
        notes=tuple(compare_counts(root, pairs)),
    )


def pair_folders(root: Path, folder: Path, pairs: list[Pair], bad: list[BadFile]) -> None:
    """Append the pairs of one folder with ``rgb`` and ``sar`` in it."""
    optical, radar = (by_stem(folder / half, bad) for half in ("rgb", "sar"))
    split = split_of(root, folder)
    for stem in sorted(optical.keys() & radar.keys()):
        match = CITY_NAME.match(stem)
        city = match["city"] if match else ""
        pairs.append(
            Pair(
                optical=optical[stem],
                sar=radar[stem],
                id=stem if match else (folder / stem).relative_to(root).as_posix(),
                source="dfc23",
                scene=city,
                city=city,
                split=split,
            )
        )
    for stem in sorted(optical.keys() - radar.keys()):
        bad.append(BadFile(path=optical[stem], reason="its SAR half is missing"))
    for stem in sorted(radar.keys() - optical.keys()):
        bad.append(BadFile(path=radar[stem], reason="its optical half is missing"))


def by_stem(folder: Path, bad: list[BadFile]) -> dict[str, Path]:
    """The GeoTIFFs of a folder by their names without the ending."""
    found: dict[str, Path] = {}
    for name in list_names(folder):
        path = folder / name
        if path.suffix.lower() not in SUFFIXES:
            bad.append(BadFile(path=path, reason=f"not a GeoTIFF: ends in '{path.suffix}'"))
        elif path.stem in found:
            bad.append(
                BadFile(path=path, reason=f"stands there twice, as {found[path.stem].name} as well")
            )
        else:
            found[path.stem] = path
    return found


def parts_of(root: Path, folder: Path) -> str:
    """The folders' names that say which track and split it is, the root's own included."""
    return "/".join([root.resolve().name, *folder.relative_to(root).parts]).lower()


def split_of(root: Path, folder: Path) -> str:
    """``train``, ``val`` or ``test``, by the folders' names; the innermost that says so counts."""
    for part in reversed(parts_of(root, folder).split("/")):
        for split in ("train", "val", "test"):
            if re.search(rf"(^|[^a-z]){split}([^a-z]|$)", part):
                return split
    return ""


def compare_counts(root: Path, pairs: Iterable[Pair]) -> list[str]:
    """A line for each track and split that has not as many pairs as were published."""
    counts: Counter[tuple[str, str]] = Counter()
    for pair in pairs:
        track = re.search(r"track_?([12])", parts_of(root, pair.optical.parent))
        counts[f"track{track[1]}" if track else "", pair.split] += 1
    return [
        f"DFC23 {track} {split}: {counted(count, 'pair')}, published {PUBLISHED[track, split]:,}"
        for (track, split), count in sorted(counts.items())
        if PUBLISHED.get((track, split), count) != count
    ]
