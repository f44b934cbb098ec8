"""Trees and cars."""

import numpy as np
from scipy.ndimage import binary_dilation

from crosswake.simulate.geometry import CELL, MATERIALS
from crosswake.simulate.ground import GroundMap
from crosswake.simulate.parts import Array
from crosswake.simulate.plots import Builder

CAR_COLOURS = np.array(
    [(0.7, 0.7, 0.7), (0.05, 0.05, 0.06), (0.35, 0.36, 0.38), (0.75, 0.75, 0.75), (0.4, 0.06, 0.05),
     (0.08, 0.14, 0.35), (0.2, 0.21, 0.22)]
)  # fmt: skip
LEAVES = np.array([0.055, 0.085, 0.035])


def place_trees(build: Builder, ground: GroundMap, built: Array) -> None:
    """Trees on lawns and along pavements, in place; none over a building."""
    rng, style = build.rng, build.style
    grass = ground.material == MATERIALS.index("grass")
    # Trees stand in groups: a soft field decides where they are dense.
    cells = ground.height.shape[0]
    rows, columns = np.nonzero(grass & ~built)
    area = cells**2 * CELL**2
    count = int(area / 10_000 * 70 * style.green * rng.uniform(0.5, 1.3) * grass.mean() / 0.3)
    if not len(rows):
        return
    chosen = rng.integers(len(rows), size=count)
    for row, column in zip(rows[chosen], columns[chosen], strict=True):
        grow_tree(build, ground, built, (int(row), int(column)))
    kerbs = (ground.use > 0) & ~built & (ground.material == MATERIALS.index("paving"))
    kerb = kerbs & binary_dilation(ground.use == 0, iterations=4)
    rows, columns = np.nonzero(kerb)
    if len(rows) and rng.random() < 0.3 + 0.6 * style.green:
        for place in rng.integers(len(rows), size=int(count * rng.uniform(0.1, 0.5))):
            grow_tree(build, ground, built, (int(rows[place]), int(columns[place])))


def grow_tree(build: Builder, ground: GroundMap, built: Array, at: tuple[int, int]) -> None:
    """One crown: rough, round, green, in place."""
    rng = build.rng
    radius = float(np.clip(rng.lognormal(1.0, 0.35), 1.3, 6.0))
    reach = int(radius / CELL) + 1
    rows, columns = ground.height.shape
    r0, r1 = max(0, at[0] - reach), min(rows, at[0] + reach + 1)
    c0, c1 = max(0, at[1] - reach), min(columns, at[1] + reach + 1)
    window = (slice(r0, r1), slice(c0, c1))
    dr = (np.arange(r0, r1)[:, None] - at[0]) * CELL
    dc = (np.arange(c0, c1)[None, :] - at[1]) * CELL
    away = (dr**2 + dc**2) / radius**2 + rng.normal(0, 0.13, (r1 - r0, c1 - c0))
    crown = (away < 1) & ~built[window]
    top = radius * rng.uniform(1.3, 2.2) + 1
    height = top * (0.45 + 0.55 * np.sqrt(np.clip(1 - away, 0, 1)))
    height += rng.normal(0, 0.35, height.shape)
    crown &= height > ground.height[window]
    ground.height[window][crown] = height[crown]
    leaf = LEAVES * rng.uniform(0.7, 1.5) * (1 + rng.normal(0, 0.1, 3))
    shade = 1 + rng.normal(0, 0.2, (r1 - r0, c1 - c0, 1))
    colours = np.clip(leaf * shade, 0.01, 0.4)
    ground.colour[window][crown] = colours[crown]
    ground.facade[window][crown] = leaf * 0.7
    ground.material[window][crown] = MATERIALS.index("tree")


def place_cars(build: Builder, ground: GroundMap, built: Array) -> None:
    """Cars along the kerbs, in place."""
    rng = build.rng
    free = (ground.use == 0) & ~built & (ground.height < 0.1)
    beside = free & binary_dilation(ground.use > 0, iterations=5) & ~ground_water(ground)
    rows, columns = np.nonzero(beside)
    if not len(rows):
        return
    count = int(len(rows) * CELL**2 / 60 * rng.uniform(0.3, 1.2))
    for place in rng.integers(len(rows), size=count):
        at = int(rows[place]), int(columns[place])
        # A car stands along the kerb, whose direction the neighbourhood shows.
        patch = ground.use[max(0, at[0] - 8) : at[0] + 9, max(0, at[1] - 8) : at[1] + 9] > 0
        slope = np.gradient(patch.astype(float))
        turn = np.arctan2(-slope[0].sum(), slope[1].sum() + 1e-9)
        park_car(build, ground, at, float(turn))


def park_car(build: Builder, ground: GroundMap, at: tuple[int, int], turn: float) -> None:
    """One car of 4.4 x 1.8 m, in place."""
    rng = build.rng
    rows, columns = ground.height.shape
    r0, r1 = max(0, at[0] - 5), min(rows, at[0] + 6)
    c0, c1 = max(0, at[1] - 5), min(columns, at[1] + 6)
    window = (slice(r0, r1), slice(c0, c1))
    dr = (np.arange(r0, r1)[:, None] - at[0]) * CELL
    dc = (np.arange(c0, c1)[None, :] - at[1]) * CELL
    along = np.cos(turn) * dr + np.sin(turn) * dc
    across = np.cos(turn) * dc - np.sin(turn) * dr
    body = (np.abs(along) < 2.2) & (np.abs(across) < 0.95)
    if (ground.height[window][body] > 0.1).any():
        return
    ground.height[window][body] = 1.4
    paint = CAR_COLOURS[int(rng.integers(len(CAR_COLOURS)))] * rng.uniform(0.8, 1.2)
    ground.colour[window][body] = paint
    ground.facade[window][body] = paint * 0.5
    ground.material[window][body] = MATERIALS.index("car")


def ground_water(ground: GroundMap) -> Array:
    """(rows, columns) True on ponds."""
    return np.asarray(ground.material == MATERIALS.index("pond"))
