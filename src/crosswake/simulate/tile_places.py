"""Which tiles there are: their cities, names, places on the Earth, and what each must show."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.data.tiles import ROOF_TYPES, TILE_PIXEL
from crosswake.simulate.cities import CITIES, SPLIT_SHARES, cities_of

LEAST_TILES, LEAST_SIZE = 12, 64
ROW_OF_TILES = 12
"""Tiles of a city stand in rows of so many."""
SPACING = 400.0
"""Metres from tile to tile."""


@dataclass(frozen=True)
class TilePlan:
    """One tile before it is drawn.

    Attributes:
        number: of all tiles, from 0.
        city: name in ``CITIES``.
        split: ``train``, ``val`` or ``test``.
        lat: degrees north, of its north-western corner.
        lon: degrees east.
        due: roof types that it must have.
    """

    number: int
    city: str
    split: str
    lat: float
    lon: float
    due: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The name of its files, as the contest names training tiles."""
        return f"SIM_{self.city}_{self.lat:.5f}_{self.lon:.5f}"


def plan_tiles(tiles: int, seed: int, tile_size: int) -> list[TilePlan]:
    """Share tiles out among splits and cities, and the roof types among the tiles of a split.

    Raises:
        CrosswakeError: a number is out of range.
    """
    if tiles < LEAST_TILES:
        raise CrosswakeError(
            f"--tiles is {tiles}; at least {LEAST_TILES} make cities for all splits"
        )
    if tile_size < LEAST_SIZE or tile_size % 32:
        raise CrosswakeError(
            f"--tile_size is {tile_size}; give a multiple of 32 pixels, at least {LEAST_SIZE}"
        )
    if seed < 0:
        raise CrosswakeError(f"--seed is {seed}; it must not be negative")
    held = {split: max(2, round(tiles * SPLIT_SHARES[split])) for split in ("val", "test")}
    counts = {"train": tiles - sum(held.values())} | held
    found: list[TilePlan] = []
    for split, count in counts.items():
        names = cities_of(split)
        for index in range(count):
            city = names[index % len(names)]
            lat, lon = corner_of(city, index // len(names))
            # Every split has all types: type k is due on tile k of the split, and on each 12th.
            due = ROOF_TYPES[index % 12 :: max(count, 1)] if count < 12 else ()
            due = due or (ROOF_TYPES[index % 12],)
            found.append(TilePlan(len(found), city, split, lat, lon, due))
    return found


def corner_of(city: str, index: int) -> tuple[float, float]:
    """Latitude and longitude of the north-western corner of a city's ``index``-th tile."""
    style = CITIES[city]
    down, right = divmod(index, ROW_OF_TILES)
    degree = 111_320.0
    lat = style.lat - down * SPACING / degree
    return lat, style.lon + right * SPACING / degree / float(np.cos(np.radians(style.lat)))


def raster_place(plan: TilePlan) -> dict[str, Any]:
    """Transform and UTM zone of a tile's files."""
    from rasterio.crs import CRS
    from rasterio.transform import from_origin
    from rasterio.warp import transform

    zone = int((plan.lon + 180) // 6) + 1
    crs = CRS.from_epsg((32600 if plan.lat >= 0 else 32700) + zone)
    east, north = transform(CRS.from_epsg(4326), crs, [plan.lon], [plan.lat])
    corner = round(east[0] * 2) / 2, round(north[0] * 2) / 2
    return {"crs": crs, "transform": from_origin(*corner, TILE_PIXEL, TILE_PIXEL)}
