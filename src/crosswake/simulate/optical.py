"""What an optical satellite sees of a scene: sun, shadow, tall things that lean, sea, wake, haze,
clouds, noise. Ships and towns go through the same camera."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq
from scipy.ndimage import affine_transform, gaussian_filter, zoom

from crosswake.simulate.crop import Crop, cells, deck_extent, frame
from crosswake.simulate.geometry import CELL, Scene, heading_vector, horizon, shifted
from crosswake.simulate.parts import Array, Random

OPTICAL_PIXEL = 0.75
"""Metres per pixel of HOSS ReID's optical chips (Jilin-1)."""
SKY = np.array([0.10, 0.14, 0.20], np.float32)
SUN = np.array([1.0, 0.96, 0.88], np.float32)


@dataclass(frozen=True)
class OpticalView:
    """How an optical sighting was taken. Angles in radians, azimuths clockwise from the bow.

    Attributes:
        sun: azimuth of the sun.
        elevation: of the sun.
        tilt: off-nadir angle of the camera.
        camera: azimuth of the camera, seen from the ship.
        speed: of the ship in m/s.
        haze: 0 clear to 1 thick.
        cloud: greatest opacity of cloud wisps, 0 for none.
        turn: heading error of the crop.
    """

    sun: float
    elevation: float
    tilt: float
    camera: float
    speed: float
    haze: float
    cloud: float
    turn: float


def draw_optical_view(rng: Random, sun: float, elevation: float, speed: float) -> OpticalView:
    """A camera, an atmosphere and a crop for a sighting whose sun is known."""
    return OpticalView(
        sun=sun,
        elevation=elevation,
        tilt=float(np.radians(rng.uniform(0, 22))),
        camera=float(rng.uniform(0, 2 * np.pi)),
        speed=speed,
        haze=float(rng.beta(1.3, 4)),
        cloud=float(rng.uniform(0.15, 0.5)) if rng.random() < 0.12 else 0.0,
        turn=float(np.radians(np.clip(rng.normal(0, 1.3), -4, 4))),
    )


def image_optical(scene: Scene, view: OpticalView, rng: Random) -> Array:
    """(height, width, 3) uint8 picture at :data:`OPTICAL_PIXEL` metres."""
    direct = sunlight(scene, view)
    canvas = sea(scene, view, direct, rng)
    lean(canvas, lit_tops(scene, view, direct), scene, view)
    # The frame is drawn around the deck; tall things may lean beyond it, as in hand-made chips.
    extents = deck_extent(scene, view.turn)
    crop = frame(*extents, scene, OPTICAL_PIXEL, view.turn, rng)
    return develop(canvas, scene, crop, view, rng)


def image_optical_land(scene: Scene, crop: Crop, view: OpticalView, rng: Random) -> Array:
    """(height, width, 3) uint8 picture of a frame of a scene that is land all over."""
    tops = lit_tops(scene, view, sunlight(scene, view))
    canvas = tops.copy()
    lean(canvas, tops, scene, view)
    return develop(canvas, scene, crop, view, rng)


def lit_tops(scene: Scene, view: OpticalView, direct: Array) -> Array:
    """(rows, columns, 3) radiance of all that is seen from straight above."""
    light = SKY + direct[..., None] * SUN * np.float32(np.sin(view.elevation) ** 0.5)
    return np.asarray(scene.colour * light)


def sunlight(scene: Scene, view: OpticalView) -> Array:
    """(rows, columns) share of direct sun, 0 in shadow, about 1 in the light, more on slopes that
    face it."""
    toward = heading_vector(view.sun)
    high = horizon(scene.height, toward, float(np.tan(view.elevation)))
    lit = (scene.height >= high - 0.1).astype(np.float32)
    # Slopes come from a smoothed height; walls of a whole cell would be infinitely steep.
    curved = gaussian_filter(scene.height, 1.0)
    down, across = np.gradient(curved, CELL)
    steep = np.clip(1.3 / (np.hypot(down, across) + 1e-6), 0, 1)
    toward_sun = -(down * toward[0] + across * toward[1]) * steep
    lambert = (1 + toward_sun / np.tan(view.elevation)) / np.sqrt(
        1 + (down**2 + across**2) * steep**2
    )
    return np.asarray(gaussian_filter(lit, 0.6) * np.clip(lambert, 0.15, 1.45), dtype=np.float32)


def lean(canvas: Array, tops: Array, scene: Scene, view: OpticalView) -> None:
    """Paint all that stands over the sea or the ground, in place.

    A camera that looks aside sees tall things displaced, the more the higher they are. So they are
    painted level by level from the ground up, and each level hides what it covers of the lower
    ones.
    """
    away = heading_vector(view.camera + np.pi)
    rise = float(np.tan(view.tilt))
    # One step up displaces by one cell at most, so that no gap opens between two levels.
    step = max(CELL / max(rise, 0.02), 0.5)
    toward_sun = heading_vector(view.sun)
    facing = max(0.0, -(away[0] * toward_sun[0] + away[1] * toward_sun[1]))
    light = SKY * 1.2 + SUN * np.float32(facing * np.cos(view.elevation))
    walls = (scene.colour if scene.facade is None else scene.facade) * light
    side = np.asarray(scene.side, np.float32) * light
    for level in np.arange(0.0, float(scene.height.max()) + step, step):
        offset = (-round(away[0] * level * rise / CELL), -round(away[1] * level * rise / CELL))
        here = shifted(scene.height, offset, 0.0)
        solid = (here >= level) & (here > 0)
        top = solid & (here < level + step)
        wall = solid & ~top
        canvas[top] = shifted(tops, offset, 0.0)[top]
        canvas[wall] = side if level < scene.freeboard - 0.5 else shifted(walls, offset, 0.0)[wall]
        if scene.facade is not None and round(level / step) % 2:
            canvas[wall] *= 0.8  # rows of windows


def sea(scene: Scene, view: OpticalView, direct: Array, rng: Random) -> Array:
    """(rows, columns, 3) radiance of the water: waves, foam along the hull, the wake astern."""
    shape = scene.height.shape
    base = np.array([0.020, 0.055, 0.080]) + rng.uniform(0, 1) * np.array([0.012, 0.030, 0.022])
    waves = swell(shape, rng)
    glint = 0.22 + 0.10 * rng.uniform(0, 1)
    water = base * (1 + glint * waves[..., None]) * (0.55 + 0.6 * direct[..., None])
    foam = wake(scene, view.speed, rng) * (0.5 + 0.5 * direct)
    return np.asarray(
        np.clip(water + foam[..., None] * np.array([0.42, 0.47, 0.48]), 0, 1), np.float32
    )


def swell(shape: tuple[int, ...], rng: Random) -> Array:
    """Unit-variance wave field: filtered noise, longer along the crests than across them."""
    spectrum = rfft2(rng.normal(size=shape).astype(np.float32))
    fr, fc = fftfreq(shape[0], CELL)[:, None], rfftfreq(shape[1], CELL)[None, :]
    wind = rng.uniform(0, np.pi)
    along = fr * np.cos(wind) + fc * np.sin(wind)
    across = -fr * np.sin(wind) + fc * np.cos(wind)
    squared = along**2 + (2.2 * across) ** 2
    peak = 1 / rng.uniform(12, 60)
    # Longer along the crests than across; nothing shorter than the grid can hold.
    gain = np.sqrt(squared) / (squared + peak**2) ** 1.15 * np.exp(-squared / 0.35**2)
    waves = irfft2(spectrum * gain, s=shape)
    return np.asarray(waves / max(float(waves.std()), 1e-9), dtype=np.float32)


def wake(scene: Scene, speed: float, rng: Random) -> Array:
    """(rows, columns) cover of foam: a band astern, bow waves that spread aft, an edge along the
    hull."""
    rows, columns = scene.height.shape
    s, t = cells(scene, np.arange(rows)[:, None], np.arange(columns)[None, :])
    strength = np.clip(speed / 9.0, 0, 1)
    broken = np.clip(0.6 + 0.5 * gaussian_filter(rng.normal(size=(rows, columns)), 1.2) * 3, 0, 1.4)
    astern = np.clip((s - scene.length * 0.985) / 3.0, 0, 1)
    band = astern * np.exp(
        -((t / (0.30 * scene.beam + 0.02 * np.clip(s - scene.length, 0, None))) ** 4)
    )
    spread = (
        0.5 * scene.beam * np.clip(s / (0.12 * scene.length), 0, 1) ** 0.6
        + 0.10 * np.clip(s, 0, None) * 0.6
    )
    arms = np.exp(-(((np.abs(t) - spread) / (1.2 + 0.012 * np.clip(s, 0, None))) ** 2))
    arms = arms * np.exp(-np.clip(s, 0, None) / (0.35 * scene.length)) * (s > -1)
    near = gaussian_filter(scene.afloat.astype(np.float32), 2.0) * (~scene.afloat)
    return np.asarray(strength * broken * (0.9 * band + 1.0 * arms + 0.7 * near), dtype=np.float32)


def wisps(shape: tuple[int, int], rng: Random) -> Array:
    """(height, width) opacity from 0 to 1 of thin cloud: smooth noise of several sizes."""
    total = np.zeros(shape)
    for cell, weight in ((96, 1.0), (48, 0.5), (24, 0.25)):
        coarse = rng.normal(size=(shape[0] // cell + 4, shape[1] // cell + 4))
        total += (
            weight * zoom(coarse, cell, order=3)[cell : cell + shape[0], cell : cell + shape[1]]
        )
    return np.asarray(np.clip(0.35 + 0.4 * total, 0, 1))


def develop(canvas: Array, scene: Scene, crop: Crop, view: OpticalView, rng: Random) -> Array:
    """Radiance to a picture: optics, atmosphere, sensor noise, white balance, tone."""
    matrix, offset = crop.sampling(scene)
    shape = (crop.rows, crop.columns)
    blur = rng.uniform(0.7, 1.0)
    bands = [
        affine_transform(
            gaussian_filter(canvas[..., band], blur), matrix, offset, shape, order=1, mode="nearest"
        )
        for band in range(3)
    ]
    image = np.stack(bands, axis=-1)
    # Haze scatters sunlight into the camera, blue most, and takes contrast away.
    veil = np.array([0.050, 0.066, 0.085]) * (0.3 + 2.2 * view.haze)
    image = image * (1 - 0.45 * view.haze) + veil
    if view.cloud:
        image = image + (view.cloud * wisps(shape, rng))[..., None] * (0.75 - image)
    balance = 1 + rng.normal(0, 0.035, 3)
    gain = rng.uniform(0.84, 1.08)
    image = image * balance * gain
    image = image + rng.normal(0, 1, image.shape) * (
        0.004 + 0.010 * np.sqrt(np.clip(image, 0, None))
    )
    # A tone curve brightens the dark sea, as providers do before they deliver 8 bit.
    toned = np.clip(image, 0, 1.2) ** 0.62
    return np.asarray(np.clip(toned * 255, 0, 255), dtype=np.uint8)
