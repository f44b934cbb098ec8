"""Makes tiny sets of pairs in every layout."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import from_origin

from tests.data.making import write_image

SIDE = 32
UTM: dict[str, Any] = {
    "crs": CRS.from_epsg(32631),
    "transform": from_origin(430_000, 4_580_000, 0.5, 0.5),
}


def optical(seed: int, height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    """A random optical image, (3, height, width)."""
    return np.random.default_rng([seed, 0]).integers(1, 256, (3, height, width), dtype=np.uint8)


def sar8(seed: int, height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    """A random 8-bit SAR image, (1, height, width)."""
    return np.random.default_rng([seed, 1]).integers(0, 256, (1, height, width), dtype=np.uint8)


def sar32(seed: int, height: int = SIDE, width: int = SIDE) -> NDArray[np.float32]:
    """A random float SAR image, (1, height, width)."""
    return np.random.default_rng([seed, 2]).gamma(1.0, 300.0, (1, height, width)).astype(np.float32)


def write_sen12(
    root: Path, seasons: tuple[str, ...] = ("ROIs1868_summer", "ROIs1970_fall")
) -> Path:
    """The original layout: two seasons, two scenes each, two patches each."""
    for season in seasons:
        for scene in (4, 17):
            for patch in (30, 44):
                write_sen12_pair(root / season, season, scene, patch, f"_{scene}")
    return root


def write_terrain(root: Path) -> Path:
    """The terrain edition: two classes of two patches, one that stands in both, and some s1 in
    RGB."""
    for terrain, scenes in (("agri", (47, 59)), ("urban", (13, 14))):
        folder = root / "v_2" / terrain
        write_sen12_pair(folder, "ROIs1970_fall", scenes[0], 421)
        write_sen12_pair(folder, "ROIs1158_spring", scenes[1], 7, rgb=True)
        write_sen12_pair(folder, "ROIs1970_fall", 115, 61, rgb=terrain == "urban")
    return root


def write_sen12_pair(
    folder: Path, season: str, scene: int, patch: int, ending: str = "", rgb: bool = False
) -> None:
    """One pair, whose pixels follow from its name."""
    seed = hash_of(f"{season} {scene} {patch}")
    radar = sar8(seed).repeat(3, axis=0) if rgb else sar8(seed)
    for sensor, bands in (("s1", radar), ("s2", optical(seed))):
        write_image(
            folder / f"{sensor}{ending}" / f"{season}_{sensor}_{scene}_p{patch}.png", bands, "PNG"
        )


def hash_of(text: str) -> int:
    """A small number that is the same in every process."""
    return int.from_bytes(text.encode(), "big") % 1_000_003


def write_dfc23(root: Path) -> Path:
    """Both tracks: three training tiles of two cities, of which two are in both; val and test
    tiles; litter."""
    tiles = ("SV_New_York_40.71_-74.01", "GF2_Barcelona_41.3802_2.1573", "SV_New_York_40.72_-74.02")
    for stem in tiles:
        write_tile(root / "track1/train", stem, hash_of(stem), **UTM)
    for stem in tiles[:2]:
        write_tile(root / "track2/train", stem, hash_of(stem), **UTM)
    for folder in ("track1/val", "track2/val", "track2_test_data"):
        write_tile(root / folder, "P_0001", hash_of(folder))
    (root / "track1/train/rgb/._SV_New_York_40.71_-74.01.tif").write_bytes(b"\0\5\x16\7")
    (root / "track2/train/dsm").mkdir()
    return root


def write_tile(folder: Path, stem: str, seed: int, **options: Any) -> None:
    """One DFC23 tile."""
    write_image(folder / "rgb" / f"{stem}.tif", optical(seed), **options)
    write_image(folder / "sar" / f"{stem}.tif", sar32(seed), **options)


def write_scenes(root: Path, side: int = 96) -> Path:
    """Two scenes in PNG and one GeoTIFF with float SAR, without ``scenes.json``."""
    for seed, stem in ((501, "001"), (502, "002")):
        write_image(root / "opt" / f"{stem}.png", optical(seed, side, side), "PNG")
        write_image(root / "sar" / f"{stem}.png", sar8(seed, side, side), "PNG")
    write_image(root / "opt" / "harbour.tif", optical(503, side, side), **UTM)
    write_image(root / "sar" / "harbour.tif", sar32(503, side, side), **UTM)
    return root
