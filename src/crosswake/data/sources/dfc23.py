"""The images of the 2023 IEEE GRSS Data Fusion Contest, both tracks: 512 x 512 GeoTIFF at 0.5 m.

track1/{train,val}/{rgb,sar}    track2/{train,val}/{rgb,sar}    track2_test_data/{rgb,sar}
<SV|GF2>_<City>_<lat>_<lon>.tif in train, P_0001.tif elsewhere; rgb is uint8 x 3, sar float32 x 1
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from crosswake.core.text import counted
from crosswake.data.pairs import NoPairsError, Pair, PairData, PairLayout
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import images_by_stem, walk, without_partner

PUBLISHED_TILES = {
    ("track1", "train"): 3_720,
    ("track1", "val"): 1_549,
    ("track1", "test"): 1_541,
    ("track2", "train"): 1_773,
    ("track2", "val"): 579,
    ("track2", "test"): 605,
}
TIFF_SUFFIXES = (".tif", ".tiff")
CITY_NAME = re.compile(
    r"^(?P<satellite>SV|GF2|SIM)_(?P<city>.+)_(?P<lat>-?\d+(\.\d+)?)_(?P<lon>-?\d+(\.\d+)?)$"
)
"""The names of training tiles; those of other tiles do not say where they are."""


def read_dfc23(root: Path) -> PairData:
    """Read the table of pairs of whatever tracks and splits lie below ``root``; pixels are not
    touched.

    A tile that is in both tracks gives two pairs of one id.

    Raises:
        CrosswakeError: no such folder, or no pair in it.
    """
    pairs: list[Pair] = []
    bad: list[BadFile] = []
    for folder, folders, _ in walk(root, bad):
        if is_dfc23(folder, folders):
            pair_dfc23_folder(root, folder, pairs, bad)
        elif "rgb" in folders or "sar" in folders:
            present, absent = ("rgb", "sar") if "rgb" in folders else ("sar", "rgb")
            reason = f"passed over because there is no {absent}/ beside it"
            bad.append(BadFile(path=folder / present, reason=reason))
    if not pairs:
        raise NoPairsError(
            f"{root}: holds no DFC23 pairs (track1/train/rgb and track1/train/sar, and the like)"
        )
    return PairData(
        name="dfc23",
        root=root,
        pairs=tuple(pairs),
        bad_files=tuple(bad),
        notes=tuple(dfc23_differences(root, pairs)),
    )


def pair_dfc23_folder(root: Path, folder: Path, pairs: list[Pair], bad: list[BadFile]) -> None:
    """Append the pairs of one folder with ``rgb`` and ``sar`` in it."""
    optical = images_by_stem(folder / "rgb", bad, TIFF_SUFFIXES)
    radar = images_by_stem(folder / "sar", bad, TIFF_SUFFIXES)
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
    bad += without_partner(optical, radar)


def folder_words(root: Path, folder: Path) -> str:
    """The names of the folders, the root's own included, in which track and split are written."""
    return "/".join([root.resolve().name, *folder.relative_to(root).parts]).lower()


def split_of(root: Path, folder: Path) -> str:
    """``train``, ``val`` or ``test`` by the folders' names; the innermost one that says so wins."""
    for part in reversed(folder_words(root, folder).split("/")):
        for split in ("train", "val", "test"):
            if re.search(rf"(^|[^a-z]){split}([^a-z]|$)", part):
                return split
    return ""


def dfc23_differences(root: Path, pairs: Iterable[Pair]) -> list[str]:
    """A line for each track and split whose number of pairs is not the published one."""
    counts: Counter[tuple[str, str]] = Counter()
    for pair in pairs:
        track = re.search(r"track_?([12])", folder_words(root, pair.optical.parent))
        counts[f"track{track[1]}" if track else "", pair.split] += 1
    return [
        f"DFC23 {track} {split}: {counted(count, 'pair')}, published {published:,}"
        for (track, split), count in sorted(counts.items())
        if (published := PUBLISHED_TILES.get((track, split), count)) != count
    ]


def is_dfc23(_folder: Path, folders: Sequence[str]) -> bool:
    """Whether a folder has the two folders of a split."""
    return "rgb" in folders and "sar" in folders


DFC23 = PairLayout(
    name="dfc23",
    title="DFC23",
    tag="DFC",
    recognise=is_dfc23,
    depth=2,
    read=read_dfc23,
    source="https://doi.org/10.21227/mrnt-8w27",
    licence="see the contest's terms on IEEE DataPort",
    citation="Persello et al., 2023 IEEE GRSS Data Fusion Contest, IEEE DataPort, "
    "doi 10.21227/mrnt-8w27; Huang et al., Urban Building Classification (UBC), "
    "CVPR Workshops 2022",
)
