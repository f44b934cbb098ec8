"""Roofs as height maps: where a building stands, and how high it is above each point of its plan.

Plan coordinates: ``p`` metres along the longer axis of the building, ``q`` metres across, both
from its middle. Heights are metres above ground. The contest names its roof types but does not
define them; the shapes here are this simulator's reading (docs/simulation.md).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosswake.data.tiles import ROOF_TYPES
from crosswake.simulate.parts import Array, Colour

PARAPET = 0.6
"""Height and breadth of the wall around a flat roof, metres."""


@dataclass(frozen=True, kw_only=True)
class House:
    """One building.

    Attributes:
        roof: name in :data:`crosswake.data.tiles.ROOF_TYPES`.
        place: of the middle, metres.
        angle: of the longer axis, radians, from the first axis of ``place`` to the second.
        length: along the axis, metres.
        width: across it; of a round building the diameter.
        eave: height of the walls.
        rise: of the roof above them.
        colour: of the roof.
        facade: of the walls.
        metal: whether the roof is of sheet metal.
        wing: length of a wing at right angles, metres; 0 for none.
        court: share of length and width that an inner court takes; 0 for none.
        variant: 0 to 1, chooses among forms of one type.
    """

    roof: str
    place: tuple[float, float]
    angle: float
    length: float
    width: float
    eave: float
    rise: float
    colour: Colour
    facade: Colour
    metal: bool = False
    wing: float = 0.0
    court: float = 0.0
    variant: float = 0.0

    @property
    def reach(self) -> float:
        """Radius of a circle around ``place`` that holds the building, metres."""
        return float(np.hypot(self.length / 2, self.width / 2 + self.wing)) + 1.0

    @property
    def plain(self) -> bool:
        """Whether its plan is one rectangle or one disc."""
        return not self.wing and not self.court and self.roof != "other"

    def plan(self, s: Array, t: Array) -> tuple[Array, Array]:
        """``p`` and ``q`` of points given in the coordinates of ``place``."""
        c, sine = np.cos(self.angle), np.sin(self.angle)
        ds, dt = s - self.place[0], t - self.place[1]
        return c * ds + sine * dt, c * dt - sine * ds

    def corners(self) -> list[tuple[float, float]]:
        """The outline of a plain plan, in the coordinates of ``place``: 4 corners, or 24 points of
        a circle."""
        if self.roof == "revolved":
            turns = np.arange(24) * np.pi / 12
            ring = np.stack([np.cos(turns), np.sin(turns)], axis=1) * self.width / 2
        else:
            signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
            ring = signs * (self.length / 2, self.width / 2)
        c, sine = np.cos(self.angle), np.sin(self.angle)
        return [
            (float(self.place[0] + c * p - sine * q), float(self.place[1] + sine * p + c * q))
            for p, q in ring
        ]


def roof_of(house: House, p: Array, q: Array) -> tuple[Array, Array]:
    """Which points a building covers, and how high it is there; 0 beside it."""
    covered, height = block_of(house, p, q, house.length, house.width)
    if house.wing:
        # The wing stands at one end; where two roofs meet, the higher one shows, as at a valley.
        long = house.width + house.wing
        shift = (house.length - house.width) / 2, house.wing / 2
        across, along = p - shift[0], q - shift[1]
        also, wing = block_of(house, along, across, long, house.width)
        covered, height = covered | also, np.maximum(height, wing)
    if house.court:
        yard = (np.abs(p) < house.length * house.court / 2) & (
            np.abs(q) < house.width * house.court / 2
        )
        covered, height = covered & ~yard, np.where(yard, 0, height)
    return covered, np.asarray(height, np.float32)


def block_of(house: House, p: Array, q: Array, length: float, width: float) -> tuple[Array, Array]:
    """One rectangle, or disc, of a building and its heights."""
    shape = Plan(p, q, length / 2, width / 2, house.variant)
    if house.roof == "revolved":
        covered = p**2 + q**2 <= (width / 2) ** 2
    else:
        covered = (np.abs(p) <= length / 2) & (np.abs(q) <= width / 2)
    above = ROOFS[house.roof](shape, house.rise)
    return covered, np.where(covered, house.eave + above, 0.0)


@dataclass(frozen=True)
class Plan:
    """Points of a rectangle of half length ``half_p`` and half width ``half_q``."""

    p: Array
    q: Array
    half_p: float
    half_q: float
    variant: float

    @property
    def across(self) -> Array:
        """0 on the long middle axis, 1 at the long eaves."""
        return np.abs(self.q) / self.half_q

    @property
    def inward(self) -> Array:
        """Distance to the nearest eave as a share of half the width, at most 1."""
        end = (self.half_p - np.abs(self.p)) / self.half_q
        return np.asarray(np.clip(np.minimum(1 - self.across, end), 0, 1))


def flat_top(plan: Plan, _rise: float) -> Array:
    """A parapet, and on large roofs some boxes: stairs, lifts, cooling."""
    edge = plan.inward * plan.half_q
    top = np.where(edge < PARAPET, PARAPET, 0.0)
    for number in range(int(min(4, plan.half_p * plan.half_q / 40))):
        turn = 2 * np.pi * (plan.variant * 7.3 + 0.31 * number)
        middle = 0.55 * plan.half_p * np.cos(turn), 0.4 * plan.half_q * np.sin(2.3 * turn)
        size = 1.2 + 1.6 * ((plan.variant * 13.7 + 0.37 * number) % 1)
        box = (np.abs(plan.p - middle[0]) < 1.4 * size) & (np.abs(plan.q - middle[1]) < size)
        top = np.where(box & (edge > PARAPET), 1.0 + 0.6 * size, top)
    return top


def gable(plan: Plan, rise: float) -> Array:
    """Two slopes to one ridge that runs from end to end."""
    return rise * (1 - plan.across)


def gambrel(plan: Plan, rise: float) -> Array:
    """A gable whose slopes are steep below and shallow above."""
    inner = 1 - plan.across
    return rise * np.minimum(inner / 0.4 * 0.7, 0.7 + (inner - 0.4) / 0.6 * 0.3)


def gables_in_row(plan: Plan, rise: float) -> Array:
    """Parallel gables side by side, or saw teeth on factories; ridges run across."""
    count = max(2, round(plan.half_p * 2 / max(6.0, min(plan.half_q, 12.0))))
    share = (plan.p / (2 * plan.half_p) + 0.5) * count % 1
    if plan.variant < 0.4:
        return rise * np.minimum(share / 0.85, (1 - share) / 0.15)
    return rise * (1 - np.abs(2 * share - 1))


def multiple_eave(plan: Plan, rise: float) -> Array:
    """Hipped in two storeys: a lower roof all around, a wall, and an upper roof with eaves of its
    own."""
    lower = plan.inward / 0.4 * 0.3
    upper = 0.5 + (plan.inward - 0.4) / 0.6 * 0.5
    return rise * np.where(plan.inward < 0.4, lower, upper)


def hipped_v1(plan: Plan, rise: float) -> Array:
    """Four slopes, all down to the eaves."""
    return rise * plan.inward


def hipped_v2(plan: Plan, rise: float) -> Array:
    """Half hipped: a gable whose ends slope in their upper half only."""
    end = np.clip((plan.half_p - np.abs(plan.p)) / plan.half_q, 0, 1)
    return np.asarray(rise * np.minimum(1 - plan.across, 0.5 + 0.5 * end / 0.6))


def mansard(plan: Plan, rise: float) -> Array:
    """Four steep slopes below, four shallow ones, nearly flat, above."""
    return rise * np.minimum(plan.inward / 0.25 * 0.8, 0.8 + (plan.inward - 0.25) / 0.75 * 0.2)


def pyramid(plan: Plan, rise: float) -> Array:
    """Four slopes to one point."""
    return np.asarray(rise * (1 - np.maximum(plan.across, np.abs(plan.p) / plan.half_p)).clip(0))


def arched(plan: Plan, rise: float) -> Array:
    """A vault: half an ellipse across, the same along the whole length."""
    return np.asarray(rise * np.sqrt(np.clip(1 - plan.across**2, 0, 1)))


def revolved(plan: Plan, rise: float) -> Array:
    """A dome, a cone or the flat top of a tank."""
    away = (plan.p**2 + plan.q**2) / plan.half_q**2
    if plan.variant < 0.5:
        return np.asarray(rise * np.sqrt(np.clip(1 - away, 0, 1)))
    if plan.variant < 0.8:
        return np.asarray(rise * np.clip(1 - np.sqrt(away), 0, 1))
    return np.where(away > 0.85, PARAPET, 0.0)


def irregular(plan: Plan, rise: float) -> Array:
    """What has no name: one slope, a cross of two gables, or a tower in steps."""
    if plan.variant < 0.35:
        return rise * (plan.q / plan.half_q + 1) / 2
    if plan.variant < 0.7:
        cross = np.clip(1 - np.abs(plan.p) / plan.half_q, 0, 1)
        return np.asarray(rise * np.maximum(1 - plan.across, cross))
    steps = np.floor(np.clip(plan.inward / 0.25, 0, 2.99))
    return rise * steps / 2


ROOFS: dict[str, Callable[[Plan, float], Array]] = dict(
    zip(
        ROOF_TYPES,
        (
            flat_top,
            gable,
            gambrel,
            gables_in_row,
            multiple_eave,
            hipped_v1,
            hipped_v2,
            mansard,
            pyramid,
            arched,
            revolved,
            irregular,
        ),
        strict=True,
    )
)
