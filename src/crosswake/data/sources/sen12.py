"""The SEN1-2 data set: Sentinel-1 (VV) and Sentinel-2 (RGB) patches, 256 x 256 PNG; and SEN12MS,
the same names as GeoTIFF: Sentinel-1 (VV, VH) in decibels, all 13 bands of Sentinel-2 in 16 bit.

Two layouts, which may lie anywhere below the root:
    ROIs1868_summer/s1_4/ROIs1868_summer_s1_4_p44.png   with
    ROIs1868_summer/s2_4/ROIs1868_summer_s2_4_p44.png
    v_2/agri/s1/ROIs1970_fall_s1_47_p421.png            with  (by terrain)
    v_2/agri/s2/ROIs1970_fall_s2_47_p421.png
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from crosswake.core.text import counted
from crosswake.data.chips import AS_THE_FILE_SAYS, Reading
from crosswake.data.pairs import NoPairsError, Pair, PairData, PairLayout
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import is_folder, list_folder, walk

PUBLISHED_SEASONS = {"spring": 75_724, "summer": 53_508, "fall": 86_370, "winter": 66_782}
"""Pairs of each season in the original."""
PUBLISHED_EACH_TERRAIN = 4_000
"""Pairs of each terrain in the edition by terrain."""
SEN12MS_BANDS = Reading(bands=("vv", "vh"))
SEN12_FOLDER = re.compile(r"^s(?P<sensor>[12])(?P<scene>_\d+)?$")
SEN12_NAME = re.compile(
    r"^ROIs\d+_(?P<season>[a-z]+)_s(?P<sensor>[12])_(?P<scene>\d+)_p(?P<patch>\d+)\.(png|tif)$"
)


def read_sen12(root: Path) -> PairData:
    """Read the table of pairs in either layout; pixels are not touched.

    Raises:
        CrosswakeError: no such folder, or no pair in it.
    """
    pairs: list[Pair] = []
    bad: list[BadFile] = []
    for folder, folders, _ in walk(root, bad):
        for name in folders:
            match = SEN12_FOLDER.match(name)
            if match is None:
                continue
            other = f"s{3 - int(match['sensor'])}{match['scene'] or ''}"
            if match["sensor"] == "1" or other not in folders:
                terrain = "" if match["scene"] else folder.name
                radar, optical = sorted((folder / name, folder / other))
                pair_sen12_folders(radar, optical, terrain, pairs, bad)
    if not pairs:
        raise NoPairsError(
            f"{root}: holds no SEN1-2 or SEN12MS pairs "
            "(s1_4/ROIs1868_summer_s1_4_p44.png and the like)"
        )
    return PairData(
        name="sen12",
        root=root,
        pairs=tuple(pairs),
        bad_files=tuple(bad),
        notes=tuple(sen12_differences(pairs)),
    )


def pair_sen12_folders(
    radar: Path, optical: Path, terrain: str, pairs: list[Pair], bad: list[BadFile]
) -> None:
    """Append the pairs of one ``s1`` folder and its ``s2`` folder; files without a partner go to
    ``bad``."""
    radar_names, optical_names = (well_named(folder, bad) for folder in (radar, optical))
    for name, match in radar_names.items():
        partner = partner_name(name, match, "2")
        if partner not in optical_names:
            bad.append(
                BadFile(path=radar / name, reason=f"its optical image, {partner}, is missing")
            )
            continue
        scene = f"{match['season']}_{match['scene']}"
        pairs.append(
            Pair(
                optical=optical / partner,
                sar=radar / name,
                id=f"{scene}_p{match['patch']}",
                source="sen12",
                scene=scene,
                terrain=terrain,
                season=match["season"],
                reading=SEN12MS_BANDS if name.endswith(".tif") else AS_THE_FILE_SAYS,
            )
        )
    for name, match in optical_names.items():
        if (partner := partner_name(name, match, "1")) not in radar_names:
            bad.append(BadFile(path=optical / name, reason=f"its SAR image, {partner}, is missing"))


def well_named(folder: Path, bad: list[BadFile]) -> dict[str, re.Match[str]]:
    """The files of a folder (none if it does not exist) by name; those named otherwise go to
    ``bad``."""
    place = SEN12_FOLDER.match(folder.name)
    found: dict[str, re.Match[str]] = {}
    for name in list_folder(folder, bad)[1] if is_folder(folder) else []:
        match = SEN12_NAME.match(name)
        if match is None:
            bad.append(
                BadFile(
                    path=folder / name,
                    reason="name is not ROIs<seed>_<season>_<s1|s2>_<scene>_p<patch>.png or .tif",
                )
            )
        elif (
            place is None
            or place["sensor"] != match["sensor"]
            or place["scene"] not in (None, f"_{match['scene']}")
        ):
            bad.append(
                BadFile(path=folder / name, reason=f"does not belong in {folder.name}/ by its name")
            )
        else:
            found[name] = match
    return found


def partner_name(name: str, match: re.Match[str], sensor: str) -> str:
    """The name of the partner, the file of the other sensor."""
    return f"{name[: match.start('sensor')]}{sensor}{name[match.end('sensor') :]}"


def sen12_differences(pairs: Iterable[Pair]) -> list[str]:
    """A line for each season, or each terrain, of SEN1-2 whose number of pairs is not the published
    one."""
    pairs = [pair for pair in pairs if pair.reading != SEN12MS_BANDS]
    seasons = Counter(pair.season for pair in pairs if not pair.terrain)
    terrains = Counter(pair.terrain for pair in pairs if pair.terrain)
    wanted = {season: PUBLISHED_SEASONS.get(season) for season in seasons}
    wanted |= dict.fromkeys(terrains, PUBLISHED_EACH_TERRAIN)
    return [
        f"SEN1-2 {name}: {counted(count, 'pair')}, published {wanted[name] or 0:,}"
        for name, count in sorted((seasons + terrains).items())
        if count != wanted[name]
    ]


def is_sen12(_folder: Path, folders: Sequence[str]) -> bool:
    """Whether a folder has the folder of a sensor."""
    return any(SEN12_FOLDER.match(name) for name in folders)


SEN12 = PairLayout(
    name="sen12",
    title="SEN1-2",
    tag="SEN",
    recognise=is_sen12,
    depth=2,
    read=read_sen12,
    source="https://mediatum.ub.tum.de/1436631",
    licence="CC-BY 4.0",
    citation="Schmitt, Hughes, Zhu, The SEN1-2 Dataset for Deep Learning in SAR-Optical Data "
    "Fusion, ISPRS Annals 2018",
)
