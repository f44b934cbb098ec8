"""Counts the tiles of a track: by split, class, city and height."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from statistics import fmean, median
from typing import Any

from crosswake.data.check.tile_facts import HEIGHT_EDGES, NO_HEIGHT, BuildingFacts, TileContent
from crosswake.data.check.tiles import TileCheck
from crosswake.data.tiles import TILE_PIXEL, Tile

SeenTiles = Sequence[tuple[Tile, TileContent]]
SMALL, LARGE = 32**2, 96**2
"""Pixels at which COCO's size classes of buildings begin and end."""


@dataclass(frozen=True, kw_only=True)
class TileCount:
    """One row of the tables of splits and of cities.

    Attributes:
        name: of the split or city.
        tiles: in it.
        annotated: of these, with references.
        buildings: on them, with a usable outline.
        built: share of the pixels of annotated tiles under a footprint; None without any.
        padding: share of black pixels.
        height: median of the buildings' heights, metres; None without heights.
        without_height: buildings with no height under them, and None without heights.
        ground: share of pixels of height 0; None without heights.
    """

    name: str
    tiles: int
    annotated: int
    buildings: int
    built: float | None
    padding: float
    height: float | None
    without_height: int | None
    ground: float | None


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """One row of the table of classes.

    Attributes:
        name: of the class.
        buildings: of it.
        share: of all buildings.
        tiles: that have one.
        area: median on the ground, square metres at the contest's pixel; None without any.
        small: below 32 x 32 pixels.
        large: above 96 x 96 pixels.
        height: median, metres; None without heights.
    """

    name: str
    buildings: int
    share: float
    tiles: int
    area: float | None
    small: int
    large: int
    height: float | None


def count_by(seen: SeenTiles, name_of: Callable[[Tile], str]) -> list[TileCount]:
    """A row for each name that tiles have, in order of first appearance."""
    groups: dict[str, list[tuple[Tile, TileContent]]] = {}
    for tile, facts in seen:
        groups.setdefault(name_of(tile), []).append((tile, facts))
    return [count_tiles(name, group) for name, group in groups.items()]


def count_tiles(name: str, seen: SeenTiles) -> TileCount:
    """One row."""
    annotated = [facts for tile, facts in seen if tile.buildings is not None]
    buildings = [one for facts in annotated for one in facts.buildings]
    grounds = [facts.ground for _, facts in seen if not isnan(facts.ground)]
    known = any(not isnan(one.height) for one in buildings)
    return TileCount(
        name=name,
        tiles=len(seen),
        annotated=len(annotated),
        buildings=len(buildings),
        built=fmean(facts.built for facts in annotated) if annotated else None,
        padding=fmean(facts.padding for _, facts in seen),
        height=median_height(buildings),
        without_height=sum(one.height == 0 for one in buildings) if known else None,
        ground=fmean(grounds) if grounds else None,
    )


def count_classes(check: TileCheck) -> list[ClassCount]:
    """A row for each class, in the contest's order."""
    of_class: dict[int, list[tuple[int, BuildingFacts]]] = {}
    for place, (_, facts) in enumerate(check.seen):
        for building in facts.buildings:
            of_class.setdefault(building.category, []).append((place, building))
    total = sum(map(len, of_class.values()))
    rows = []
    for category, name in enumerate(check.data.classes, 1):
        own = of_class.get(category, [])
        buildings = [building for _, building in own]
        areas = [building.area for building in buildings]
        rows.append(
            ClassCount(
                name=name,
                buildings=len(own),
                share=len(own) / max(total, 1),
                tiles=len({place for place, _ in own}),
                area=median(areas) * TILE_PIXEL**2 if areas else None,
                small=sum(area < SMALL for area in areas),
                large=sum(area > LARGE for area in areas),
                height=median_height(buildings),
            )
        )
    return rows


def median_height(buildings: Iterable[BuildingFacts]) -> float | None:
    """Of the buildings that have one; None if none has."""
    heights = [one.height for one in buildings if one.height > 0]
    return median(heights) if heights else None


def height_classes(seen: SeenTiles) -> dict[str, int]:
    """Pixels above the ground in each class of heights; nothing without height maps."""
    counted = [facts.heights for _, facts in seen if facts.heights]
    if not counted:
        return {}
    ends = [*(f"{edge:g}" for edge in HEIGHT_EDGES[1:]), ""]
    names = [
        f"{low:g} to {high} m" if high else f"above {low:g} m"
        for low, high in zip(HEIGHT_EDGES, ends, strict=True)
    ]
    return dict(zip(names, map(sum, zip(*counted, strict=True)), strict=True))


def footprints_without_height(check: TileCheck) -> dict[str, Any]:
    """How many, and in how many tiles: all of them are in the findings. Empty without heights."""
    buildings = [
        [one for one in facts.buildings if not isnan(one.height)] for _, facts in check.seen
    ]
    total = sum(map(len, buildings))
    if not total:
        return {}
    bare = [sum(one.height == 0 for one in own) for own in buildings if own]
    return {
        "kind": NO_HEIGHT,
        "buildings": sum(bare),
        "share": sum(bare) / total,
        "tiles": sum(map(bool, bare)),
        "share_of_tiles": sum(map(bool, bare)) / len(bare),
    }


def describe_tiles(check: TileCheck) -> dict[str, Any]:
    """Every table of one track as plain data."""
    cities = sorted(count_by(check.seen, lambda tile: tile.city), key=lambda row: row.name)
    return {
        "data": check.data.name,
        "track": check.data.track,
        "simulated": check.data.simulated,
        "tiles": len(check.data.tiles),
        "splits": [asdict(row) for row in count_by(check.seen, lambda tile: tile.split)],
        "classes": [asdict(row) for row in count_classes(check)],
        "cities": [asdict(row) for row in cities],
        "pixels_by_height": height_classes(check.seen),
        "footprints_without_height": footprints_without_height(check),
    }
