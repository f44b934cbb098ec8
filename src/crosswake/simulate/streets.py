"""Streets and blocks of a tile: a grid of rectangles, turned and bent."""

import math
from dataclasses import dataclass

import numpy as np

from crosswake.simulate.cities import CityStyle
from crosswake.simulate.parts import Array, Random


@dataclass(frozen=True)
class StreetBlock:
    """A rectangle between streets, in street coordinates (metres), and what it is used for."""

    u0: float
    u1: float
    v0: float
    v1: float
    use: str

    @property
    def size(self) -> tuple[float, float]:
        """Lengths along u and along v."""
        return self.u1 - self.u0, self.v1 - self.v0


@dataclass(frozen=True)
class Bend:
    """From places on the ground to street coordinates: a turn, and long soft waves.

    Attributes:
        angle: of the turn, radians.
        waves: (n, 4): amplitude and wave numbers along s and t, and phase.
        centre: s and t of the middle of the turn.
    """

    angle: float
    waves: Array
    centre: tuple[float, float]

    def streets(self, s: Array, t: Array) -> tuple[Array, Array]:
        """Street coordinates of places."""
        ds, dt = s - self.centre[0], t - self.centre[1]
        c, sine = np.cos(self.angle), np.sin(self.angle)
        u, v = c * ds + sine * dt, c * dt - sine * ds
        for number, (size, along, across, phase) in enumerate(self.waves):
            swing = size * np.sin(along * ds + across * dt + phase)
            u, v = (u + swing, v) if number % 2 else (u, v + swing)
        return u, v

    def ground(self, u: float, v: float) -> tuple[float, float]:
        """The place of a point in street coordinates; the waves are soft, so a few steps find
        it."""
        c, sine = math.cos(self.angle), math.sin(self.angle)
        ds = dt = 0.0
        for _ in range(5):
            du, dv = u - (c * ds + sine * dt), v - (c * dt - sine * ds)
            for number, (size, along, across, phase) in enumerate(self.waves.tolist()):
                swing = size * math.sin(along * ds + across * dt + phase)
                du, dv = (du - swing, dv) if number % 2 else (du, dv - swing)
            ds, dt = ds + c * du - sine * dv, dt + sine * du + c * dv
        return self.centre[0] + ds, self.centre[1] + dt

    def direction(self, u: float, v: float) -> float:
        """Angle on the ground, radians, of the line along u through a point."""
        one, other = self.ground(u - 4, v), self.ground(u + 4, v)
        return float(np.arctan2(other[1] - one[1], other[0] - one[0]))


def draw_bend(style: CityStyle, extent: float, rng: Random) -> Bend:
    """The streets of one tile: nearly the city's own direction, each tile its own waves."""
    waves = []
    for _ in range(4):
        length = rng.uniform(260, 420)
        turn = rng.uniform(0, 2 * np.pi)
        number = 2 * np.pi / length
        swing = style.bend * rng.uniform(0.3, 0.7)
        waves.append(
            (swing, number * np.cos(turn), number * np.sin(turn), rng.uniform(0, 2 * np.pi))
        )
    angle = np.radians(style.angle + rng.normal(0, 2 + style.bend / 4))
    return Bend(float(angle), np.array(waves), (extent / 2, extent / 2))


def draw_blocks(style: CityStyle, extent: float, rng: Random) -> list[StreetBlock]:
    """Cut a square, large enough for any turn, into blocks with streets between them."""
    half = extent * 0.78
    found: list[StreetBlock] = []
    offset = rng.uniform(-30, 30, 2)
    names = list(style.uses)
    weights = np.array([style.uses[name] for name in names])
    # Neighbouring blocks are alike more often than not, as in real quarters.
    quarter = [str(name) for name in rng.choice(names, 3, p=weights / weights.sum())]

    def cut(u0: float, u1: float, v0: float, v1: float, level: int) -> None:
        longest = max(u1 - u0, v1 - v0)
        if longest > style.block[1] or (
            longest > 2 * style.block[0] + style.street and rng.random() < 0.5
        ):
            gap = style.street * (1.5 if level < 2 else 1.0) * rng.uniform(0.85, 1.15) / 2
            along = u1 - u0 >= v1 - v0
            low, high = (u0, u1) if along else (v0, v1)
            middle = low + (high - low) * rng.uniform(0.38, 0.62)
            if along:
                cut(u0, middle - gap, v0, v1, level + 1)
                cut(middle + gap, u1, v0, v1, level + 1)
            else:
                cut(u0, u1, v0, middle - gap, level + 1)
                cut(u0, u1, middle + gap, v1, level + 1)
            return
        if rng.random() < 0.55:
            use = quarter[int(rng.integers(3))]
        else:
            use = str(rng.choice(names, p=weights / weights.sum()))
        found.append(StreetBlock(u0, u1, v0, v1, use))

    cut(offset[0] - half, offset[0] + half, offset[1] - half, offset[1] + half, 0)
    return found
