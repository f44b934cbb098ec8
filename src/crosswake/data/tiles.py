"""The table that every set of building tiles becomes: images of a place and its buildings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.boxes import Size
from crosswake.core.errors import CrosswakeError
from crosswake.data.reid import BadFile

ROOF_TYPES = (
    "flat_roof",
    "gable_roof",
    "gambrel_roof",
    "row_roof",
    "multiple_eave_roof",
    "hipped_roof_v1",
    "hipped_roof_v2",
    "mansard_roof",
    "pyramid_roof",
    "arched_roof",
    "revolved",
    "other",
)
"""Categories 1 to 12 of track 1, in the contest's order and spelling."""
TRACK_CLASSES = {1: ROOF_TYPES, 2: ("building",)}
"""Categories of each track; the first is number 1."""
TILE_PIXEL = 0.5
"""Metres per pixel of the contest's tiles."""
TALLEST = 183.17
"""Greatest height of the contest's references, metres; the published height network ends there."""

Outline = list[list[float]] | Mapping[str, Any]
"""COCO's ``segmentation``: polygons, each ``[x0, y0, x1, y1, ...]`` in pixels, or a run-length
dict of ``size`` (rows, columns) and ``counts`` (list of int, or compressed as a string)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Building:
    """One annotated building.

    Attributes:
        id: the annotation's own number.
        category: from 1, into the classes of its track.
        outline: as the file has it.
        box: x, y, width and height in pixels, as the file has them.
        area: in pixels, as the file says.
        crowd: COCO's ``iscrowd``.
    """

    id: int
    category: int
    outline: Outline
    box: tuple[float, float, float, float]
    area: float
    crowd: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One tile: what was imaged of it, and what stands on it.

    Attributes:
        stem: file name without suffix, which all its files share.
        image_id: of the contest's JSON; None for a tile that no file numbers.
        rgb: optical image, uint8 x 3; None if missing.
        sar: SAR image, float32 x 1; None if missing.
        height: height above ground in metres, float32 x 1; None where there is none.
        split: ``train``, ``val`` or ``test``.
        city: of its name; empty if unknown.
        shape: rows and columns as the JSON says; None where it says nothing.
        buildings: annotations; None for a tile without references (val and test).
    """

    stem: str
    image_id: int | None = None
    rgb: Path | None = None
    sar: Path | None = None
    height: Path | None = None
    split: str = ""
    city: str = ""
    shape: Size | None = None
    buildings: tuple[Building, ...] | None = None


Tiles = tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class TileData:
    """Tiles of one track, and what was passed over.

    Attributes:
        name: what results are said to be measured on.
        root: the folder it was read from.
        track: 1 for roof types, 2 for buildings and heights.
        tiles: in order of split and stem.
        bad_files: files passed over, each with its reason.
        notes: how the set differs from the published one, a line each.
        simulated: whether the tiles say of themselves that they were simulated.
    """

    name: str
    root: Path
    track: int
    tiles: Tiles
    bad_files: tuple[BadFile, ...] = ()
    notes: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the categories; the first is number 1."""
        return TRACK_CLASSES[self.track]

    def __repr__(self) -> str:
        """Counts in place of thousands of tiles."""
        known = sum(tile.buildings is not None for tile in self.tiles)
        return f"<TileData {self.name!r}: tiles {len(self.tiles):,}, with references {known:,}>"

    @property
    def cities(self) -> tuple[str, ...]:
        """Known cities, sorted."""
        return tuple(sorted({tile.city for tile in self.tiles if tile.city}))

    def of_split(self, split: str) -> Tiles:
        """The tiles of ``split``.

        Raises:
            CrosswakeError: there are none.
        """
        chosen = tuple(tile for tile in self.tiles if tile.split == split)
        if not chosen:
            known = ", ".join(sorted({tile.split for tile in self.tiles} - {""})) or "none"
            raise CrosswakeError(
                f"{self.root}: no tiles of the split '{split}'; there are: {known}"
            )
        return chosen


def reference_tiles(data: TileData, split: str) -> Tiles:
    """The tiles of a split that have references, buildings or none.

    Raises:
        CrosswakeError: there are none.
    """
    known = tuple(tile for tile in data.of_split(split) if tile.buildings is not None)
    if not known:
        raise CrosswakeError(
            f"{data.root}: no file has the references of the split '{split}'; the contest keeps "
            "those of val and test to itself"
        )
    return known


def split_by_city(data: TileData, fraction: float, seed: int) -> tuple[Tiles, Tiles]:
    """Tiles to learn from and tiles to validate on, no city in both; those of the split ``train``
    that have references.

    Args:
        data: the tiles.
        fraction: share of the tiles to validate on, reached with whole cities; at least one city,
            and one stays to learn from.
        seed: decides which.

    Raises:
        CrosswakeError: there are not two cities.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}; it must lie between 0 and 1")
    tiles = reference_tiles(data, "train")
    counts = Counter(tile.city for tile in tiles if tile.city)
    if len(counts) < 2:
        raise CrosswakeError(
            f"{data.root}: to hold out whole cities takes tiles of at least two, named as "
            f"SV_City_41.30_2.15.tif; there are {len(counts)}"
        )
    order = np.random.default_rng(seed).permutation(sorted(counts)).tolist()
    held: set[str] = set()
    while len(held) < len(order) - 1:
        now = sum(counts[city] for city in held)
        following = order[len(held)]
        if held and abs(now - fraction * len(tiles)) <= abs(
            now + counts[following] - fraction * len(tiles)
        ):
            break
        held.add(following)
    learning = tuple(tile for tile in tiles if tile.city not in held)
    return learning, tuple(tile for tile in tiles if tile.city in held)
