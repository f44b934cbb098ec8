"""What an imaging radar sees of a scene, of ships as of towns. Equations and sources are in
docs/simulation.md."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.signal import fftconvolve

from crosswake.simulate.crop import Crop, cells, deck_extent, frame, turned
from crosswake.simulate.fleet import Vessel
from crosswake.simulate.geometry import (
    CELL,
    Direction,
    Scene,
    heading_vector,
    horizon,
    shifted,
)
from crosswake.simulate.parts import Array, Random
from crosswake.simulate.speckle import speckle, texture

RADAR_PIXEL = 1.0
"""Metres per pixel of HOSS ReID's radar chips (TY-MINISAR)."""
RESOLUTION = 1.25
"""Metres, in range and in azimuth."""
DIFFUSE = np.array(
    (
        *(0.0, 0.03, 0.09, 0.25, 0.22, 0.50, 0.60, 0.07, 0.008),
        *(0.05, 0.07, 0.014, 0.16, 0.16, 0.06, 0.30, 0.002),
    )
)
"""Backscatter of a horizontal surface at 45 degrees, by material in the order of ``MATERIALS``; a
flat deck mirrors the wave away."""
WALL = np.array(
    (
        *(0.0, 0.25, 0.5, 0.8, 0.9, 0.9, 1.6, 0.02, 0.0),
        *(0.1, 0.1, 0.1, 0.05, 0.30, 0.30, 0.6, 0.0),
    )
)
"""Backscatter of a wall facing the radar, by material."""
FLOOR = np.array((0.5, *[2.4] * 8, 0.25, 0.12, 0.6, 0.0, 0.8, 1.0, 0.5, 0.3))
"""Strength of the double bounce by the material before the wall: water reflects less than a steel
deck, and grass scatters most of the wave."""
CORNER = np.array((*[1.0] * 7, 0.05, 1.0, 0.1, 0.1, 0.1, 0.004, 1.0, 1.0, 0.4, 0.0))
"""Strength of the double bounce by the material of the wall; a round tank has no corner."""
GLINT = np.array((*[0.0] * 7, 40.0, *[0.0] * 5, 4.0, 25.0, 0.0, 0.0), np.float32)
"""How much more a slope returns that is square to the line of sight, by material; 0 where slopes
do not count."""
SHARES = (0.15, 0.5, 0.85)
"""Heights on a wall, as shares of it, that its echoes come from."""


@dataclass(frozen=True)
class RadarView:
    """How a radar sighting was taken. Angles in radians, azimuths clockwise from the bow.

    Attributes:
        incidence: between the line of sight and the vertical.
        look: azimuth in which the wave travels over the ground.
        looks: number of independent looks averaged.
        clutter: mean backscatter of the sea.
        shape: order parameter of the K distribution; small is spiky.
        smear: std in metres of the blur along track that the ship's motion leaves.
        roll: metres along track that a point moves per metre of its height, by roll and pitch.
        turn: heading error of the crop.
    """

    incidence: float
    look: float
    looks: int
    clutter: float
    shape: float
    smear: float
    roll: float
    turn: float


@dataclass(frozen=True)
class Returns:
    """Echoes: where they appear, in ship coordinates (metres), and their power."""

    s: Array
    t: Array
    power: Array


def draw_radar_view(rng: Random, look: float, incidence: float) -> RadarView:
    """A sea, the ship's motion and a crop for a sighting whose geometry is known."""
    return RadarView(
        incidence=incidence,
        look=look,
        looks=int(rng.integers(2, 5)),
        clutter=float(10 ** (rng.uniform(-26, -17) / 10)),
        shape=float(rng.uniform(1.5, 12)),
        smear=float(min(abs(rng.normal(0, 0.5)), 1.2)),
        roll=float(np.clip(rng.normal(0, 0.08), -0.2, 0.2)),
        turn=float(np.radians(np.clip(rng.normal(0, 1.5), -4, 4))),
    )


def image_radar(scene: Scene, vessel: Vessel, view: RadarView, rng: Random) -> Array:
    """(height, width) float32 amplitude at :data:`RADAR_PIXEL` metres."""
    hidden = screened(scene, view)
    surfaces = join([tops(scene, view, hidden), *walls(scene, view, hidden)])
    points = scatterers(scene, vessel, view, hidden)
    crop = radar_crop(scene, view, surfaces, rng)
    kernel = point_response(view, crop.turn)
    extended, bright = focused(surfaces, crop, kernel), focused(points, crop, kernel)
    sea = sea_clutter(scene, hidden, crop, view, rng)
    shape = (crop.rows, crop.columns)
    # Bright points fluctuate less than surfaces do, so most of their power takes no speckle.
    power = (extended + 0.3 * bright) * speckle(shape, view.looks, rng) + 0.7 * bright + sea
    return detected(power, view, rng)


def image_radar_land(scene: Scene, crop: Crop, view: RadarView, rng: Random) -> Array:
    """(height, width) float32 amplitude of a frame of a scene that is land all over.

    Walls of houses are higher than those of ships, so their echoes come from more places.
    """
    hidden = screened(scene, view)
    count = max(3, int(np.ceil(float(scene.height.max()) / np.tan(view.incidence) / RESOLUTION)))
    shares = tuple((np.arange(count) + 0.5) / count)
    surfaces = join([tops(scene, view, hidden), *walls(scene, view, hidden, shares)])
    power = focused(surfaces, crop, point_response(view, crop.turn, pixel=crop.pixel))
    shape, wide = (crop.rows, crop.columns), 0.45 * RADAR_PIXEL / crop.pixel
    rough = texture(shape, view.shape, rng)
    return detected(power * rough * speckle(shape, view.looks, rng, wide), view, rng)


def screened(scene: Scene, view: RadarView) -> Array:
    """(rows, columns) height that a point needs so that the radar sees it."""
    away = heading_vector(view.look)
    return horizon(scene.height, (-away[0], -away[1]), 1 / float(np.tan(view.incidence)))


def focused(returns: Returns, crop: Crop, kernel: Array) -> Array:
    """(height, width) power of echoes after the point response."""
    # The convolution leaves tiny negative values, of which no root can be taken.
    return np.asarray(np.clip(fftconvolve(splat(returns, crop), kernel, mode="same"), 0, None))


def detected(power: Array, view: RadarView, rng: Random) -> Array:
    """Amplitude as files hold it."""
    # Thermal noise at -28 dB: no pixel of a real radar is black.
    noise = 10**-2.8 * rng.gamma(view.looks, 1 / view.looks, power.shape)
    return np.asarray(100 * np.sqrt(power + noise), dtype=np.float32)


def place(
    scene: Scene, view: RadarView, rows: Array, columns: Array, height: Array
) -> tuple[Array, Array]:
    """Where a point of the given height appears: layover towards the radar, roll along track."""
    away = heading_vector(view.look)
    along: Direction = (-away[1], away[0])
    nearer = height / np.tan(view.incidence)
    s, t = cells(scene, rows, columns)
    return (
        s - away[0] * nearer + along[0] * view.roll * height,
        t - away[1] * nearer + along[1] * view.roll * height,
    )


def tops(scene: Scene, view: RadarView, hidden: Array) -> Returns:
    """Horizontal and sloping surfaces that the radar sees, each cell one echo."""
    rows, columns = np.nonzero(scene.afloat & (scene.height >= hidden - 0.05))
    height = scene.height[rows, columns]
    kind = scene.material[rows, columns]
    # The table holds for 45 degrees, where 2 cos^2 is 1; a steeper look returns more.
    power = DIFFUSE[kind] * CELL**2 * 2 * np.cos(view.incidence) ** 2
    glint = GLINT[kind]
    if glint.any():
        slope = facing_slope(scene, view)[rows, columns]
        power = power * np.where(glint > 0, np.float32(0.3) + glint * slope, 1.0)
    return Returns(*place(scene, view, rows, columns, height), power)


def facing_slope(scene: Scene, view: RadarView) -> Array:
    """1 where a surface is square to the line of sight, and less the further it is from that."""
    away = heading_vector(view.look)
    curved = gaussian_filter(scene.height, 1.5)
    rise = np.gradient(curved, CELL, axis=0) * away[0] + np.gradient(curved, CELL, axis=1) * away[1]
    local = view.incidence - np.arctan(rise)
    return np.asarray(np.exp(-((local / 0.22) ** 2)))


def walls(
    scene: Scene, view: RadarView, hidden: Array, shares: tuple[float, ...] = SHARES
) -> list[Returns]:
    """Walls that face the radar: echoes spread over their height, and the double bounce at their
    foot."""
    away = heading_vector(view.look)
    nearer = (round(-away[0]), round(-away[1]))
    foot = shifted(scene.height, nearer, 0.0)
    rise = scene.height - foot
    rows, columns = np.nonzero(scene.afloat & (rise > 0.6))
    low, high = foot[rows, columns], rise[rows, columns]
    kind, screen = scene.material[rows, columns], hidden[rows, columns]
    square = squareness(scene, away)[rows, columns]
    found = []
    # A wall is one cell in the plan but lies over many pixels: a few echoes stand for its height.
    for share in shares:
        z = low + share * high
        power = (
            WALL[kind] * high / len(shares) * CELL * (0.15 + square) * np.sin(view.incidence)
        ) * (z > screen)
        found.append(Returns(*place(scene, view, rows, columns, z), power))
    floor = scene.height >= hidden - 0.05
    open_foot = shifted(floor.astype(np.uint8), nearer, 1)[rows, columns] > 0
    ground = FLOOR[shifted(scene.material, nearer, 0)[rows, columns]]
    # The path wall-floor-radar is as long as the one to the foot, so the echo lies there. The
    # exponents are empirical (docs/simulation.md).
    gain = ground * np.minimum(high, 12.0) ** 1.2 * CELL * (0.10 + square**3)
    power = CORNER[kind] * gain * open_foot
    found.append(Returns(*place(scene, view, rows + nearer[0], columns + nearer[1], low), power))
    return found


def squareness(scene: Scene, away: Direction) -> Array:
    """Cosine, 0 to 1, between a wall's outward normal and the direction to the radar."""
    smooth = gaussian_filter(scene.height, 1.2)
    down, across = np.gradient(smooth, axis=0), np.gradient(smooth, axis=1)
    steep = np.hypot(down, across) + 1e-6
    return np.asarray(np.clip((down * away[0] + across * away[1]) / steep, 0, 1))


def scatterers(scene: Scene, vessel: Vessel, view: RadarView, hidden: Array) -> Returns:
    """Bright points fixed to the vessel, the stronger the more their lobe points at the radar."""
    s, t, strength, aim, lobe = vessel.scatterers.T
    rows = np.clip(np.round(s / CELL + scene.bow[0]).astype(int), 0, scene.height.shape[0] - 1)
    columns = np.clip(np.round(t / CELL + scene.bow[1]).astype(int), 0, scene.height.shape[1] - 1)
    height = scene.height[rows, columns]
    turn = np.angle(np.exp(1j * (view.look + np.pi - aim)))
    seen = (height >= hidden[rows, columns] - 1.0) & scene.afloat[rows, columns]
    power = strength * (0.08 + np.exp(-((turn / lobe) ** 2))) * seen
    return Returns(*place(scene, view, rows, columns, height), power)


def join(parts: list[Returns]) -> Returns:
    """All echoes as one."""
    return Returns(
        np.concatenate([part.s for part in parts]),
        np.concatenate([part.t for part in parts]),
        np.concatenate([part.power for part in parts]),
    )


def radar_crop(scene: Scene, view: RadarView, surfaces: Returns, rng: Random) -> Crop:
    """The chip's frame: around the deck and nearly all of the echo, since people who crop by hand
    see the echo."""
    (s0, s1), (t0, t1) = deck_extent(scene, view.turn)
    u, v = turned(surfaces.s, surfaces.t, view.turn, scene.length / 2)
    along = [quantile(u, surfaces.power, share) for share in (0.01, 0.99)]
    across = [quantile(v, surfaces.power, share) for share in (0.04, 0.96)]
    s = (min(s0, along[0]), max(s1, along[1]))
    t = (min(t0, across[0]), max(t1, across[1]))
    return frame(s, t, scene, RADAR_PIXEL, view.turn, rng)


def quantile(values: Array, weights: Array, share: float) -> float:
    """The value below which ``share`` of the weight lies, to 1 in 512 of the values' range."""
    counts, edges = np.histogram(values, bins=512, weights=weights)
    total = np.cumsum(counts)
    return float(edges[int(np.searchsorted(total, share * total[-1]))])


def splat(returns: Returns, crop: Crop) -> Array:
    """Power of all echoes on the chip's pixels; each echo is shared among its four nearest pixels,
    so that the sum stays and nothing jumps from pixel to pixel."""
    row, column = crop.to_pixels(returns.s, returns.t)
    r0, c0 = np.floor(row).astype(int), np.floor(column).astype(int)
    fr, fc = row - r0, column - c0
    image = np.zeros(crop.rows * crop.columns)
    for dr, wr in ((0, 1 - fr), (1, fr)):
        for dc, wc in ((0, 1 - fc), (1, fc)):
            r, c = r0 + dr, c0 + dc
            inside = (r >= 0) & (r < crop.rows) & (c >= 0) & (c < crop.columns)
            flat = r[inside] * crop.columns + c[inside]
            image += np.bincount(flat, (returns.power * wr * wc)[inside], minlength=image.size)
    return image.reshape(crop.rows, crop.columns) / crop.pixel**2


def point_response(view: RadarView, turn: float, pixel: float = RADAR_PIXEL) -> Array:
    """Power of a point target on the pixel grid, unit sum: a weighted sinc in range and in azimuth.

    A raised cosine aperture (pedestal 0.75) leaves side-lobes at about -20 dB.
    """
    away = heading_vector(view.look - turn)
    reach = round(16 / pixel)
    grid = np.arange(-reach, reach + 1) * pixel
    row, column = grid[:, None], grid[None, :]
    ranges = row * away[0] + column * away[1]
    azimuths = -row * away[1] + column * away[0]
    kernel = weighted_sinc(ranges / RESOLUTION) ** 2 * weighted_sinc(azimuths / RESOLUTION) ** 2
    if view.smear > 0.2:
        slow = np.exp(-0.5 * (azimuths / view.smear) ** 2 - 0.5 * (ranges / 0.3) ** 2)
        kernel = fftconvolve(kernel, slow / slow.sum(), mode="same")
    return np.asarray(kernel / kernel.sum())


def weighted_sinc(x: Array, pedestal: float = 0.75) -> Array:
    """Amplitude response of an aperture weighted ``pedestal + (1 - pedestal) cos``."""
    side = (1 - pedestal) / 2
    return np.asarray(pedestal * np.sinc(x) + side * (np.sinc(x - 1) + np.sinc(x + 1)))


def sea_clutter(scene: Scene, hidden: Array, crop: Crop, view: RadarView, rng: Random) -> Array:
    """(height, width) power of the sea: K distributed, none where the ship stands in the way."""
    shape = (crop.rows, crop.columns)
    lit = ((scene.height >= hidden - 0.05) & ~scene.afloat).astype(np.float32)
    matrix, offset = crop.sampling(scene)
    share = affine_transform(
        gaussian_filter(lit, 0.7), matrix, offset, shape, order=1, mode="nearest"
    )
    fall = np.cos(view.incidence) ** 2 * 2
    power = texture(shape, view.shape, rng) * speckle(shape, view.looks, rng)
    return np.asarray(view.clutter * fall * share * power)
