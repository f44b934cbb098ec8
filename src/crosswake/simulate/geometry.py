"""A scene as height, colour and material on a grid, and which cells light or radar can reach.

Grid: rows run from bow to stern, columns from port to starboard, ``CELL`` metres each; of a town,
from north to south and from west to east. Directions on it are unit vectors (row, column); an
angle clockwise from the bow, or from north, is ``(-cos, sin)``.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from crosswake.simulate.fleet import Vessel
from crosswake.simulate.parts import Array, Colour, Piece, Random

Direction = tuple[float, float]

CELL = 0.5
"""Metres along a side of a cell; finer than the pixels of both sensors."""
MATERIALS = (
    *("sea", "deck", "cover", "house", "cargo", "pipe", "crane", "tank", "hole"),
    *("soil", "grass", "paving", "tree", "roof", "sheet", "car", "pond"),
)
"""What a cell is made of: first what ships have, then what towns have."""
CONTAINER_COLOURS: tuple[Colour, ...] = (
    (0.40, 0.11, 0.08),
    (0.09, 0.17, 0.36),
    (0.46, 0.22, 0.08),
    (0.12, 0.28, 0.20),
    (0.45, 0.45, 0.43),
    (0.33, 0.14, 0.10),
    (0.62, 0.60, 0.55),
    (0.20, 0.34, 0.46),
)
CONTAINER_HEIGHT = 2.6


@dataclass(frozen=True)
class Scene:
    """A vessel in the water, or a town, rasterised.

    Attributes:
        height: (rows, columns) metres above the water or the ground, which are at 0.
        colour: (rows, columns, 3) reflectance.
        material: (rows, columns) index into :data:`MATERIALS`.
        freeboard: height of a vessel's main deck above the water.
        side: reflectance of its hull.
        bow: row and column of its stem; the corner of the grid for a town.
        length: of the vessel, metres.
        beam: of the vessel, metres.
        facade: (rows, columns, 3) reflectance of walls, where it is not the one of tops.
    """

    height: Array
    colour: Array
    material: Array
    freeboard: float = 0.0
    side: Colour = (0.0, 0.0, 0.0)
    bow: tuple[float, float] = (0.0, 0.0)
    length: float = 0.0
    beam: float = 0.0
    facade: Array | None = None

    @property
    def afloat(self) -> Array:
        """(rows, columns) True where the ship is; everywhere in a town."""
        return self.material > 0


def heading_vector(angle: float) -> Direction:
    """Unit (row, column) of an angle in radians clockwise from the bow."""
    return (-float(np.cos(angle)), float(np.sin(angle)))


def arrange(vessel: Vessel, rng: Random, load: float) -> list[Piece]:
    """The vessel's parts as they are at one sighting.

    Hatches open, booms swing, containers and loose cargo change, as on real ships; a model must not
    recognise a ship by them.
    """
    parts: list[Piece] = []
    working = rng.random() < 0.2
    palette = rng.integers(len(CONTAINER_COLOURS), size=4)
    for part in vessel.parts:
        if part.kind == "hatch" and working and rng.random() < 0.4:
            parts.append(replace(part, material="hole", colour=(0.08, 0.07, 0.06)))
        elif part.kind == "bay":
            parts += stack(part, rng, load, palette)
        elif part.kind == "boom" and working:
            parts.append(slew(part, rng.uniform(-1.2, 1.2)))
        elif part.kind != "loose" or rng.random() < 0.6:
            parts.append(part)
    return parts


def stack(bay: Piece, rng: Random, load: float, palette: Array) -> list[Piece]:
    """Containers of one bay: each row some tiers lower than the fullest, in the colours of a few
    companies."""
    rows, most = int(bay.width), float(np.clip(rng.normal(2 + 5 * load, 1.0), 0, 8))
    width = (bay.t1 - bay.t0) / max(rows, 1)
    middle = (bay.s0 + bay.s1) / 2
    parts = [replace(bay, kind="box", top=1.2, colour=(0.22, 0.20, 0.19), material="cover")]
    for row in range(rows):
        tiers = int(np.clip(round(most - abs(rng.normal(0, 0.8))), 0, 8))
        t = (bay.t0 + row * width, bay.t0 + (row + 1) * width - 0.1)
        long = rng.random() < 0.7  # one container of 40 feet, else two of 20
        lengths = ((bay.s0, bay.s1),) if long else ((bay.s0, middle - 0.2), (middle, bay.s1))
        for s in lengths if tiers else ():
            own = (
                palette[rng.integers(len(palette))]
                if rng.random() < 0.7
                else rng.integers(len(CONTAINER_COLOURS))
            )
            colour = CONTAINER_COLOURS[int(own)]
            parts.append(Piece("box", *s, *t, 1.2 + tiers * CONTAINER_HEIGHT, colour, "cargo"))
    return parts


def slew(boom: Piece, turn: float) -> Piece:
    """A boom turned about its foot."""
    ds, dt = boom.s1 - boom.s0, boom.t1 - boom.t0
    c, s = np.cos(turn), np.sin(turn)
    return replace(boom, s1=boom.s0 + float(c * ds - s * dt), t1=boom.t0 + float(s * ds + c * dt))


def rasterise(vessel: Vessel, parts: list[Piece], freeboard: float, pad: float) -> Scene:
    """Draw a vessel and its parts on a grid that reaches ``pad`` metres beyond it on all sides."""
    rows = int(np.ceil((vessel.length + 2 * pad) / CELL))
    columns = int(np.ceil((vessel.beam + 2 * pad) / CELL))
    bow = (pad / CELL, columns / 2)
    s = (np.arange(rows) + 0.5 - bow[0]) * CELL
    t = (np.arange(columns) + 0.5 - bow[1]) * CELL
    half = vessel.hull.half_breadth(s / vessel.length) * vessel.beam
    inside = np.abs(t)[None, :] < half[:, None]
    bulwark = inside & (np.abs(t)[None, :] > half[:, None] - 0.8)
    # Sheer: the deck rises towards the bow, and a little towards the stern.
    curve = (
        np.clip(1 - s / (0.25 * vessel.length), 0, 1) ** 2
        + 0.3 * np.clip(s / vessel.length * 5 - 4, 0, 1) ** 2
    )
    level = np.where(inside, freeboard + vessel.hull.sheer * curve[:, None], 0.0).astype(np.float32)
    # Stains show on the deck and, more faintly, on all that stands on it.
    shade = weathering(vessel.weathering, (rows, columns))[..., None]
    colour = np.where(inside[..., None], np.asarray(vessel.deck, np.float32) * shade, 0.0).astype(
        np.float32
    )
    material = inside.astype(np.uint8)
    height = level.copy()
    for part in parts:
        draw(part, height, level, colour, material, (s, t))
    colour *= 0.5 + 0.5 * shade
    edge = bulwark & (height < level + 1.1)
    height[edge] += 1.1
    colour[edge] = np.asarray(vessel.side, np.float32) * 0.7 + 0.08
    outside = ~inside
    height[outside], material[outside] = 0.0, 0
    return Scene(height, colour, material, freeboard, vessel.side, bow, vessel.length, vessel.beam)


def weathering(seed: int, shape: tuple[int, int]) -> Array:
    """(rows, columns) shade of rust, dirt and repainted patches, around 1; always the same for one
    ship."""
    rng = np.random.default_rng(seed)
    broad = zoom(rng.normal(size=(shape[0] // 24 + 2, shape[1] // 16 + 2)), (24, 16), order=1)
    streaks = gaussian_filter(rng.normal(size=shape), (5.0, 1.0)) * 6
    specks = gaussian_filter(rng.normal(size=shape), 0.8) * 2.5
    total = 1 + 0.10 * broad[: shape[0], : shape[1]] + 0.07 * streaks + 0.07 * specks
    return np.asarray(np.clip(total, 0.55, 1.4), dtype=np.float32)


def draw(
    part: Piece,
    height: Array,
    level: Array,
    colour: Array,
    material: Array,
    axes: tuple[Array, Array],
) -> None:
    """Draw one part into the arrays, where it rises above what is already there."""
    reach = part.width / 2 if part.kind in ("disc", "dome", "bar", "boom") else 0.0
    rows = span(axes[0], min(part.s0, part.s1) - reach, max(part.s0, part.s1) + reach)
    columns = span(axes[1], min(part.t0, part.t1) - reach, max(part.t0, part.t1) + reach)
    window = (rows, columns)
    if height[window].size == 0:
        return
    s, t = axes[0][rows, None], axes[1][None, columns]
    shape, rise = footprint(part, s, t)
    if part.kind == "paint":
        colour[window][shape] = part.colour
        return
    if part.material == "hole":
        colour[window][shape] = part.colour
        height[window][shape] = np.maximum(level[window][shape] - 4.0, 0.5)
        material[window][shape] = MATERIALS.index("hole")
        return
    top = level[window] + rise
    shape = shape & (top > height[window])
    height[window][shape] = top[shape]
    colour[window][shape] = part.colour
    material[window][shape] = MATERIALS.index(part.material)


def footprint(part: Piece, s: Array, t: Array) -> tuple[Array, Array]:
    """Which cells a part covers, and how high above the deck it is there."""
    flat = np.full(np.broadcast_shapes(s.shape, t.shape), part.top, np.float32)
    if part.kind in ("disc", "dome"):
        away = ((s - part.s0) ** 2 + (t - part.t0) ** 2) / max(part.width / 2, CELL) ** 2
        if part.kind == "dome":
            flat = (part.top * np.sqrt(np.clip(1 - 0.92 * away, 0, 1))).astype(np.float32)
        return away <= 1, flat
    if part.kind in ("bar", "boom"):
        ds, dt = part.s1 - part.s0, part.t1 - part.t0
        along = np.clip(
            ((s - part.s0) * ds + (t - part.t0) * dt) / max(ds * ds + dt * dt, 1e-6), 0, 1
        )
        off = np.hypot(s - part.s0 - along * ds, t - part.t0 - along * dt)
        return off <= max(part.width / 2, CELL), flat
    return np.ones_like(flat, dtype=bool), flat


def span(axis: Array, low: float, high: float) -> slice:
    """The cells of an axis between two coordinates; at least one if they lie on the axis."""
    start = int(np.searchsorted(axis, low - CELL / 2 + 1e-9))
    return slice(
        start, max(int(np.searchsorted(axis, high)), start + 1 if start < len(axis) else start)
    )


def shifted(values: Array, offset: tuple[int, int], fill: float) -> Array:
    """``values[p + offset]`` at every ``p``, ``fill`` where that is off the grid."""
    result = np.full_like(values, fill)
    rows, columns = values.shape[:2]
    dr, dc = offset
    if abs(dr) >= rows or abs(dc) >= columns:
        return result
    result[max(0, -dr) : rows - max(0, dr), max(0, -dc) : columns - max(0, dc)] = values[
        max(0, dr) : rows - max(0, -dr), max(0, dc) : columns - max(0, -dc)
    ]
    return result


def horizon(height: Array, toward: Direction, slope: float) -> Array:
    """How high a point must be, at every cell, to see a source in direction ``toward``.

    The largest of ``height[p + d toward] - d slope`` over all distances ``d``; ``slope`` is the
    tangent of the source's elevation. Each pass doubles the distance covered, so that n steps cost
    log2(n) passes and not n.
    """
    reach = float(height.max()) / max(slope, 1e-6) / CELL
    offset = (round(toward[0]), round(toward[1]))
    seen = shifted(height, offset, -1e3) - np.float32(slope * CELL)
    steps = 1
    while steps < reach and steps < max(height.shape):
        offset = (round(steps * toward[0]), round(steps * toward[1]))
        seen = np.maximum(seen, shifted(seen, offset, -1e3) - np.float32(steps * slope * CELL))
        steps *= 2
    return seen
