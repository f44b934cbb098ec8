"""One tile of a town as a scene: ground, streets, buildings, trees and cars on one grid."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from crosswake.data.tiles import ROOF_TYPES
from crosswake.simulate.cities import CITIES
from crosswake.simulate.geometry import CELL, MATERIALS, Scene
from crosswake.simulate.ground import GroundMap, lay_ground
from crosswake.simulate.infill import infill, larger_first
from crosswake.simulate.lots import centre_of
from crosswake.simulate.parts import Array, Random
from crosswake.simulate.plots import BUILDERS, Builder, due_house
from crosswake.simulate.roofs import House, roof_of
from crosswake.simulate.streets import StreetBlock, draw_bend, draw_blocks
from crosswake.simulate.streetside import place_cars, place_trees

TILE_MARGIN = 96
"""Cells around a tile whose buildings shade it or lie over it."""


@dataclass(frozen=True)
class Town:
    """A tile and its surroundings.

    Attributes:
        scene: what camera and radar see.
        ids: (rows, columns) int16: 0 no building, k the k-th of ``houses``.
        houses: the buildings.
        margin: cells around the tile.
    """

    scene: Scene
    ids: Array
    houses: tuple[House, ...]
    margin: int

    @property
    def inner(self) -> tuple[slice, slice]:
        """The tile itself."""
        rows, columns = self.ids.shape
        return slice(self.margin, rows - self.margin), slice(self.margin, columns - self.margin)

    @property
    def building_height(self) -> Array:
        """(height, width) float32 of the tile: height of buildings above ground, exactly 0
        elsewhere."""
        height = np.where(self.ids > 0, self.scene.height, 0)
        return np.asarray(height[self.inner], np.float32)


def build_town(city: str, size: int, due: tuple[str, ...], rng: Random) -> Town:
    """Draw a tile of ``size`` cells.

    Args:
        city: name in :data:`crosswake.simulate.cities.CITIES`.
        size: cells along a side.
        due: roof types that the tile must have one building of.
        rng: random numbers.
    """
    style, margin = CITIES[city], min(TILE_MARGIN, size // 2)
    cells = size + 2 * margin
    extent = cells * CELL
    build = Builder(style, draw_bend(style, extent, rng), rng)
    blocks = draw_blocks(style, extent, rng)
    ground = lay_ground(build, blocks, cells)
    site = Site(ground, size * CELL / 2)
    centres = {block: build.bend.ground(*centre_of(block)) for block in blocks}
    place_due(build, site, due, sorted(blocks, key=lambda block: site.away(centres[block])))
    reach = cells / 2 * CELL + max(style.block) / 2
    for block in blocks:
        if block.use in BUILDERS and site.away(centres[block]) < reach:
            for house in BUILDERS[block.use](build, block):
                site.add(house)
            for house in larger_first(infill(build, block), rng):
                site.add(house, whole=True)
    place_trees(build, ground, site.ids > 0)
    place_cars(build, ground, site.ids > 0)
    scene = Scene(ground.height, ground.colour, ground.material, facade=ground.facade)
    return Town(scene, site.ids, tuple(site.houses), margin)


def place_due(
    build: Builder, site: "Site", due: tuple[str, ...], blocks: list[StreetBlock]
) -> None:
    """Put up one building of each wanted type, in the blocks that are nearest to the middle."""
    rng, half = build.rng, site.half
    for roof in due:
        for attempt in range(40):
            block = blocks[int(rng.integers(min(len(blocks), 6)))]
            at = rng.uniform(block.u0, block.u1), rng.uniform(block.v0, block.v1)
            house = due_house(build, roof, at, 1.0 if attempt < 20 else 0.8)
            if site.away(house.place) < half - 5 and site.add(house, whole=True):
                break


class Site:
    """Where buildings are put up, none over another and none over a street.

    Attributes:
        ground: the grids that they are drawn on.
        half: half the side of the tile in the middle of it, metres.
        ids: (rows, columns) int16: 0 no building, k the k-th of ``houses``.
        houses: what stands there.
    """

    def __init__(self, ground: GroundMap, half: float) -> None:
        self.ground, self.half = ground, half
        self.ids: Array = np.zeros(ground.height.shape, np.int16)
        self.houses: list[House] = []

    def away(self, place: tuple[float, float]) -> float:
        """Metres of a place from the middle, along the axis where it is further."""
        middle = self.ids.shape[0] / 2 * CELL
        return float(max(abs(place[0] - middle), abs(place[1] - middle)))

    def add(self, house: House, whole: bool = False) -> bool:
        """Put a building up where there is room for it; says whether there was.

        Args:
            house: the building.
            whole: also want ground free around it.
        """
        window, s, t = self.around(house)
        if window is None or (whole and self.is_taken(house.place)):
            return False
        p, q = house.plan(s, t)
        covered, height = roof_of(house, p, q)
        area = int(covered.sum())
        apart = binary_dilation(covered, iterations=3) if whole else covered
        taken = covered & (self.ids[window] > 0)
        street = covered & self.ground.street[window]
        if area < 24 or taken.sum() > 0.06 * area or street.sum() > 0.04 * area:
            return False
        if whole and (apart & ((self.ids[window] > 0) | self.ground.street[window])).any():
            return False
        covered &= ~taken & ~street
        self.houses.append(house)
        self.ids[window][covered] = len(self.houses)
        self.ground.height[window][covered] = height[covered]
        self.ground.colour[window][covered] = roof_colours(house, p, q, height)[covered]
        self.ground.facade[window][covered] = house.facade
        kind = "sheet" if house.metal else "roof"
        self.ground.material[window][covered] = MATERIALS.index(kind)
        return True

    def is_taken(self, place: tuple[float, float]) -> bool:
        """Whether there is a building or a street at a place; also beyond the grid."""
        row, column = int(place[0] / CELL), int(place[1] / CELL)
        if not (0 <= row < self.ids.shape[0] and 0 <= column < self.ids.shape[1]):
            return True
        return bool(self.ids[row, column] > 0 or self.ground.street[row, column])

    def around(self, house: House) -> tuple[tuple[slice, slice] | None, Array, Array]:
        """The window of the grid that holds a building, and its places in metres."""
        rows, columns = self.ids.shape
        at = house.place[0] / CELL, house.place[1] / CELL
        reach = house.reach / CELL
        r0, r1 = max(0, int(at[0] - reach)), min(rows, int(at[0] + reach) + 1)
        c0, c1 = max(0, int(at[1] - reach)), min(columns, int(at[1] + reach) + 1)
        s = (np.arange(r0, r1)[:, None] + 0.5) * CELL
        t = (np.arange(c0, c1)[None, :] + 0.5) * CELL
        if r1 - r0 < 4 or c1 - c0 < 4:
            return None, s, t
        return (slice(r0, r1), slice(c0, c1)), s, t


def roof_colours(house: House, p: Array, q: Array, height: Array) -> Array:
    """(rows, columns, 3) colours of a roof: courses of tiles or sheets, stains, lights in halls,
    panels, a pale parapet."""
    seed = int(house.variant * 1e9)
    rng = np.random.default_rng(seed)
    stain = gaussian_filter(rng.normal(size=p.shape), 4.0) * 5 * rng.uniform(0.03, 0.1)
    grain = rng.normal(size=p.shape) * 0.05
    stripes = 0.05 * np.sign(np.sin(p * 2 * np.pi / 2.5)) if house.metal else 0.0
    shade = np.clip(1 + stain + grain + stripes, 0.5, 1.6)
    colour = np.asarray(house.colour, np.float32) * shade[..., None].astype(np.float32)
    if house.roof == "flat_roof":
        raised = height > house.eave + 0.4
        colour[raised] = colour[raised] * 0.6 + 0.2
    pitched = house.roof in ("gable_roof", "hipped_roof_v1", "gambrel_roof", "hipped_roof_v2")
    if pitched and not house.metal and house.width < 16:
        count = int(rng.integers(0, 4))
        for _ in range(count):  # windows in the roof, chimneys' dark tops, panels
            at = rng.uniform(-0.4, 0.4) * house.length, rng.uniform(-0.35, 0.35) * house.width
            size = (1.0, 0.8) if rng.random() < 0.8 else (3.0, 1.6)
            spot = (np.abs(p - at[0]) < size[0] / 2) & (np.abs(q - at[1]) < size[1] / 2)
            colour[spot] = (0.05, 0.06, 0.09)
    if house.metal and house.width > 16 and rng.random() < 0.6:
        lights = (np.abs(p % 9.0 - 4.5) < 0.8) & (np.abs(q) < house.width * 0.38)
        colour[lights] = np.clip(colour[lights] * 0.5 + 0.35, 0, 0.85)
    return colour


def roof_number(house: House) -> int:
    """Category of track 1, from 1."""
    return ROOF_TYPES.index(house.roof) + 1
