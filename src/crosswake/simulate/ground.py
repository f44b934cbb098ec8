"""The ground of a tile: streets with pavements and lines, lawns, yards, soil, ponds."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from crosswake.simulate.geometry import CELL, MATERIALS
from crosswake.simulate.parts import Array, Random
from crosswake.simulate.plots import Builder
from crosswake.simulate.streets import StreetBlock

ASPHALT = np.array([0.135, 0.135, 0.14], np.float32)
PAVEMENT = np.array([0.30, 0.29, 0.275], np.float32)
YARD = np.array([0.23, 0.225, 0.215], np.float32)
POND = np.array([0.03, 0.05, 0.05], np.float32)
KERB = 2.5
"""Breadth of the pavement around a block, metres."""
GREENNESS = {
    "houses": 0.9,
    "terraces": 0.7,
    "slabs": 0.75,
    "towers": 0.55,
    "perimeter": 0.45,
    "industry": 0.1,
    "civic": 0.6,
    "park": 1.0,
    "bare": 0.0,
}
"""How much of a block's open ground is green, by its use, in a leafy city."""


@dataclass(frozen=True)
class GroundMap:
    """The grids of a scene while it is being made, and where things may stand.

    Attributes:
        height: (rows, columns) metres.
        colour: (rows, columns, 3) reflectance of tops.
        facade: (rows, columns, 3) reflectance of walls.
        material: (rows, columns) index into ``MATERIALS``.
        street: (rows, columns) True on streets and in water, where no building stands.
        use: (rows, columns) number of the block from 1, 0 on streets.
        streets: (rows, columns, 2) street coordinates u and v.
    """

    height: Array
    colour: Array
    facade: Array
    material: Array
    street: Array
    use: Array
    streets: tuple[Array, Array]

    def window(self, at: tuple[slice, slice]) -> "GroundMap":
        """A part of the grids; what is painted there shows in the whole."""
        return GroundMap(
            height=self.height[at],
            colour=self.colour[at],
            facade=self.facade[at],
            material=self.material[at],
            street=self.street[at],
            use=self.use[at],
            streets=(self.streets[0][at], self.streets[1][at]),
        )


def lay_ground(build: Builder, blocks: list[StreetBlock], cells: int) -> GroundMap:
    """Streets and open ground of a tile of ``cells`` along a side."""
    rng = build.rng
    axis = (np.arange(cells) + 0.5) * CELL
    u, v = build.bend.streets(axis[:, None], axis[None, :])
    use = np.zeros((cells, cells), np.int16)
    patches = patchwork((cells, cells), rng)
    colour = np.broadcast_to(ASPHALT, (cells, cells, 3)).copy()
    material = np.full((cells, cells), MATERIALS.index("paving"), np.uint8)
    street = np.ones((cells, cells), bool)
    whole = GroundMap(
        np.zeros((cells, cells), np.float32), colour, colour, material, street, use, (u, v)
    )
    for number, block in enumerate(blocks, 1):
        part = whole.window(block_window(build, block, cells))
        if part.use.size:
            lay_block(build, block, number, part, patches)
            patches = np.roll(patches, 97, axis=(0, 1))
    colour *= mottle(material, rng)[..., None]
    return replace(whole, facade=colour.copy())


def block_window(build: Builder, block: StreetBlock, cells: int) -> tuple[slice, slice]:
    """The part of the grid that holds a block and the streets beside it."""
    corners = [build.bend.ground(u, v) for u in (block.u0, block.u1) for v in (block.v0, block.v1)]
    pad = 12 + build.style.bend / 2
    spans = []
    for axis in range(2):
        values = [corner[axis] for corner in corners]
        low, high = (min(values) - pad) / CELL, (max(values) + pad) / CELL
        spans.append(slice(int(np.clip(low, 0, cells)), int(np.clip(high, 0, cells))))
    return spans[0], spans[1]


def lay_block(
    build: Builder, block: StreetBlock, number: int, part: GroundMap, patches: Array
) -> None:
    """The open ground of one block, in place, and a line of the streets beside it."""
    rng, style = build.rng, build.style
    (u, v), colour, material = part.streets, part.colour, part.material
    inward = np.minimum(
        np.minimum(u - block.u0, block.u1 - u), np.minimum(v - block.v0, block.v1 - v)
    )
    inside = inward > 0
    draw_lines(part, block)
    if not inside.any():
        return
    part.use[inside], part.street[inside] = number, False
    green = GREENNESS[block.use] * (0.35 + 0.65 * style.green)
    patch = patches[: u.shape[0], : u.shape[1]]
    lawn = inside & (patch < np.quantile(patch[inside], min(green, 0.98)))
    soil = np.asarray(style.soil, np.float32)
    surface(colour, material, inside & ~lawn, PAVEMENT * rng.uniform(0.7, 1.0), "paving")
    if block.use in ("industry", "bare") or rng.random() < 0.25:
        bare = soil if block.use == "bare" else YARD * rng.uniform(0.8, 1.3)
        kind = "soil" if block.use == "bare" else "paving"
        surface(colour, material, inside & ~lawn, bare + 0.02, kind)
    grass = soil * rng.uniform(0.8, 1.2) + rng.normal(0, 0.008, 3)
    surface(colour, material, lawn, np.clip(grass, 0.02, 0.6), "grass")
    if block.use == "park":
        draw_park(build, block, part)
    surface(colour, material, inside & (inward < KERB), PAVEMENT * rng.uniform(0.85, 1.1), "paving")


def surface(colour: Array, material: Array, where: Array, shade: Array, kind: str) -> None:
    """Give cells a colour and a material, in place."""
    colour[where] = shade
    material[where] = MATERIALS.index(kind)


def draw_park(build: Builder, block: StreetBlock, part: GroundMap) -> None:
    """Paths that cross, and perhaps a pond, in place."""
    (u, v), rng = part.streets, build.rng
    inside = (u > block.u0) & (u < block.u1) & (v > block.v0) & (v < block.v1)
    middle = block.u0 + (block.u1 - block.u0) * rng.uniform(0.35, 0.65), (block.v0 + block.v1) / 2
    du, dv = u - middle[0], v - middle[1]
    swing = 6 * np.sin(du / 14)
    path = inside & ((np.abs(dv + swing) < 1.5) | (np.abs(du + 0.5 * dv) < 1.5))
    surface(part.colour, part.material, path, np.array([0.33, 0.29, 0.23]), "soil")
    if rng.random() < 0.6:
        reach = 0.25 * min(block.size)
        shore = (du / 1.5) ** 2 + dv**2 + (8 * np.sin(du / 5) + 6 * np.cos(dv / 4)) * reach / 5
        pond = inside & (shore < reach**2)
        surface(part.colour, part.material, pond, POND, "pond")
        part.street[pond] = True


def draw_lines(part: GroundMap, block: StreetBlock) -> None:
    """White dashes in the middle of the streets, in place."""
    u, v = part.streets
    for across, along, low, high, middle in (
        (u, v, block.v0, block.v1, block.u0 - 6),
        (v, u, block.u0, block.u1, block.v0 - 6),
    ):
        line = (np.abs(across - middle) < 0.28) & (along > low + 4) & (along < high - 4)
        dashes = line & (along % 7.0 < 3.5) & (part.use == 0)
        part.colour[dashes] = part.colour[dashes] * 0.5 + 0.2


def patchwork(shape: tuple[int, int], rng: Random) -> Array:
    """Smooth noise of a few sizes, to share open ground between green and grey."""
    total = np.zeros(shape)
    for cell, weight in ((28, 1.0), (12, 0.7)):
        coarse = rng.normal(size=(shape[0] // cell + 3, shape[1] // cell + 3))
        total += weight * zoom(coarse, cell, order=1)[: shape[0], : shape[1]]
    return total


def mottle(material: Array, rng: Random) -> Array:
    """(rows, columns) shade around 1: grass is uneven, asphalt hardly."""
    shape = material.shape
    fine = rng.normal(size=shape).astype(np.float32)
    broad = gaussian_filter(rng.normal(size=shape).astype(np.float32), 6.0) * 12
    strength = np.where(material == MATERIALS.index("paving"), 0.5, 1.0)
    shade = 1 + strength * (0.12 * fine + 0.12 * broad)
    return np.asarray(np.clip(shade, 0.5, 1.6), np.float32)
