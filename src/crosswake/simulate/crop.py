"""Where a chip lies on a scene: tight, slightly turned and not quite centred, as people crop by
hand."""

from dataclasses import dataclass

import numpy as np

from crosswake.simulate.geometry import CELL, MATERIALS, Scene
from crosswake.simulate.parts import Array, Random


@dataclass(frozen=True)
class Crop:
    """A chip's frame.

    Ship coordinates are metres aft of the stem and metres to starboard; frame coordinates are the
    same turned by ``turn`` radians about amidships.

    Attributes:
        top: frame row coordinate of the upper edge, metres.
        left: frame column coordinate of the left edge, metres.
        rows: height in pixels.
        columns: width in pixels.
        pixel: metres per pixel.
        turn: heading error, radians.
        centre: s of the point turned about, metres.
    """

    top: float
    left: float
    rows: int
    columns: int
    pixel: float
    turn: float
    centre: float

    def to_pixels(self, s: Array, t: Array) -> tuple[Array, Array]:
        """Row and column (pixel centres are whole numbers) of points in ship coordinates."""
        x, y = turned(s, t, self.turn, self.centre)
        return (x - self.top) / self.pixel - 0.5, (y - self.left) / self.pixel - 0.5

    def sampling(self, scene: Scene) -> tuple[Array, Array]:
        """Matrix and offset that take a pixel of the chip to a cell of the scene
        (``affine_transform``)."""
        c, s = np.cos(-self.turn), np.sin(-self.turn)
        matrix = np.array([[c, -s], [s, c]]) * self.pixel / CELL
        corner_x = self.top + 0.5 * self.pixel - self.centre
        corner_y = self.left + 0.5 * self.pixel
        at_s = c * corner_x - s * corner_y + self.centre
        at_t = s * corner_x + c * corner_y
        offset = np.array([at_s / CELL + scene.bow[0] - 0.5, at_t / CELL + scene.bow[1] - 0.5])
        return matrix, offset


def turned(s: Array, t: Array, turn: float, centre: float) -> tuple[Array, Array]:
    """Ship coordinates in the frame of a chip."""
    c, sine = np.cos(turn), np.sin(turn)
    return c * (s - centre) - sine * t + centre, sine * (s - centre) + c * t


Extent = tuple[float, float]
"""Least and greatest coordinate, in metres."""


def deck_extent(scene: Scene, turn: float) -> tuple[Extent, Extent]:
    """How far the deck reaches along and across the frame of a chip turned by ``turn``."""
    rows, columns = np.nonzero(scene.material == MATERIALS.index("deck"))
    x, y = turned(*cells(scene, rows, columns), turn, scene.length / 2)
    return (float(x.min()), float(x.max())), (float(y.min()), float(y.max()))


def frame(s: Extent, t: Extent, scene: Scene, pixel: float, turn: float, rng: Random) -> Crop:
    """A crop around the extents ``s`` and ``t`` in the frame, with another margin on each side."""
    above, below = rng.uniform(0.0, 0.055, 2) * scene.length + 1.0
    left, right = rng.uniform(0.02, 0.30, 2) * scene.beam + 1.0
    top, port = s[0] - above, t[0] - left
    rows = max(8, round((s[1] + below - top) / pixel))
    columns = max(8, round((t[1] + right - port) / pixel))
    return Crop(top, port, rows, columns, pixel, turn, scene.length / 2)


def cells(scene: Scene, rows: Array, columns: Array) -> tuple[Array, Array]:
    """Ship coordinates of the centres of grid cells."""
    return (rows + 0.5 - scene.bow[0]) * CELL, (columns + 0.5 - scene.bow[1]) * CELL
