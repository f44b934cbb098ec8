"""The pieces a ship is built from, and the deck houses that all types share.

Ship coordinates: ``s`` metres aft of the bow, ``t`` metres to starboard of the centre line, heights
in metres above the main deck. Colours are reflectances (red, green, blue) from 0 to 1."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Random = np.random.Generator
Colour = tuple[float, float, float]
Kind = Literal["box", "disc", "dome", "bar", "boom", "hatch", "bay", "loose", "paint"]
Material = Literal["deck", "cover", "house", "cargo", "pipe", "crane", "tank", "hole"]

WHITE: Colour = (0.78, 0.78, 0.75)
CREAM: Colour = (0.68, 0.64, 0.52)
GREY: Colour = (0.33, 0.34, 0.35)
DARK: Colour = (0.10, 0.10, 0.11)
ORANGE: Colour = (0.75, 0.26, 0.06)
YELLOW: Colour = (0.70, 0.52, 0.12)
FUNNELS: tuple[Colour, ...] = (
    (0.55, 0.08, 0.07),
    (0.06, 0.12, 0.35),
    (0.05, 0.05, 0.06),
    (0.70, 0.55, 0.10),
    (0.05, 0.30, 0.18),
    WHITE,
    (0.65, 0.30, 0.08),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a ship: its plan, how high it reaches, what it is made of.

    Attributes:
        kind: its shape; ``hatch``, ``bay``, ``boom`` and ``loose`` change from sighting to
            sighting.
        s0: forward end (centre of a disc or dome, foot of a bar or boom).
        s1: after end (far end of a bar or boom).
        t0: port side (centre of a disc or dome, foot of a bar or boom).
        t1: starboard side (far end of a bar or boom).
        top: height of its top above the main deck.
        colour: of the top, for the camera.
        material: for the radar.
        width: of a bar or boom, diameter of a disc or dome, number of rows of a bay.
    """

    kind: Kind
    s0: float
    s1: float
    t0: float
    t1: float
    top: float
    colour: Colour
    material: Material
    width: float = 0.0


def box(
    s: tuple[float, float],
    t: tuple[float, float],
    top: float,
    colour: Colour,
    material: Material = "house",
) -> Piece:
    """A block from ``s[0]`` to ``s[1]`` and ``t[0]`` to ``t[1]``."""
    return Piece("box", s[0], s[1], t[0], t[1], top, colour, material)


def sides(half: float) -> tuple[float, float]:
    """From ``half`` metres to port to as many to starboard."""
    return (-half, half)


def disc(
    s: float, t: float, diameter: float, top: float, colour: Colour, material: Material = "house"
) -> Piece:
    """An upright cylinder."""
    return Piece("disc", s, s, t, t, top, colour, material, diameter)


def bar(
    foot: tuple[float, float],
    tip: tuple[float, float],
    width: float,
    top: float,
    colour: Colour,
    material: Material = "crane",
) -> Piece:
    """A straight wall between two points, such as a gantry beam."""
    return Piece("bar", foot[0], tip[0], foot[1], tip[1], top, colour, material, width)


def paint(s: tuple[float, float], t: tuple[float, float], colour: Colour) -> Piece:
    """A mark without height on whatever surface is there."""
    return Piece("paint", s[0], s[1], t[0], t[1], 0.0, colour, "deck")


def crane(
    foot: tuple[float, float], reach: float, aim: float, height: float, colour: Colour, girth: float
) -> list[Piece]:
    """A pedestal at ``foot`` and its jib, stowed towards ``aim`` (radians clockwise from the
    bow)."""
    s, t = foot
    tip_s, tip_t = s - reach * np.cos(aim), t + reach * np.sin(aim)
    jib = Piece(
        "boom", s, float(tip_s), t, float(tip_t), height * 0.8, colour, "crane", 0.45 * girth
    )
    return [disc(s, t, girth, height, colour, "crane"), jib]


def pick(rng: Random, colours: tuple[Colour, ...]) -> Colour:
    """One of ``colours``, a little lighter or darker."""
    chosen = colours[int(rng.integers(len(colours)))]
    shade = rng.uniform(0.85, 1.15)
    return (min(chosen[0] * shade, 1.0), min(chosen[1] * shade, 1.0), min(chosen[2] * shade, 1.0))


def deck_house(
    rng: Random, front: float, length: float, beam: float, tiers: int, colour: Colour = WHITE
) -> list[Piece]:
    """Accommodation block with stepped tiers, bridge wings, funnel, mast and lifeboats."""
    back, height = front + length, 2.8 * tiers
    width = beam * rng.uniform(0.55, 0.92)
    parts = [box((front, back), sides(beam * 0.48), 2.8, colour)]
    step = rng.uniform(0.0, 0.25) * length
    parts.append(box((front, back - step), sides(width / 2), height * 0.65, colour))
    upper = width * rng.uniform(0.6, 1.0)
    bridge = min(length * 0.6, rng.uniform(5, 9))
    parts.append(box((front, front + bridge + 1), sides(upper / 2), height, colour))
    if rng.random() < 0.75:
        wing = rng.uniform(2.5, 4.5)
        parts.append(box((front + 0.5, front + 0.5 + wing), sides(beam / 2), height - 1.5, colour))
    roof = pick(rng, (GREY, (0.20, 0.33, 0.24), (0.42, 0.16, 0.11), WHITE))
    parts.append(box((front + 1.5, front + bridge), sides(upper * 0.4), height + 0.3, roof))
    mast = front + bridge * rng.uniform(0.4, 0.8)
    parts.append(disc(mast, 0.0, 1.6, height + rng.uniform(4, 8), WHITE, "crane"))
    parts += funnel(rng, back - step, length, beam, height)
    for _ in range(int(rng.integers(4, 11))):
        s, t = front + length * rng.uniform(0.1, 0.8), rng.uniform(-0.45, 0.45) * upper
        spot = (s, s + rng.uniform(1, 3)), (t, t + rng.uniform(1, 2.5))
        parts.append(
            box(
                *spot,
                height * rng.choice([0.65, 1.0]) + rng.uniform(1, 2),
                pick(rng, (GREY, CREAM, WHITE)),
            )
        )
    boat = min(8.0, length * 0.4)
    for side in (-1, 1):
        edge = side * width * 0.5
        reach = side * min(2.6, 0.08 * beam)
        span = (min(edge, edge + reach), max(edge, edge + reach))
        parts.append(box((back - boat - 1, back - 1), span, 6.0, ORANGE, "house"))
    return parts


def funnel(rng: Random, back: float, length: float, beam: float, height: float) -> list[Piece]:
    """One funnel, or two side by side, at the after end of a deck house."""
    long, wide = min(length * 0.35, rng.uniform(4, 9)), beam * rng.uniform(0.1, 0.24)
    start = back + rng.uniform(-0.5, 0.35) * long
    colour, top = pick(rng, FUNNELS), height * rng.uniform(0.85, 1.15) + 2
    offsets = (0.0,) if rng.random() < 0.65 else (-0.24 * beam, 0.24 * beam)
    parts: list[Piece] = []
    for t in offsets:
        half = wide / (2 * len(offsets))
        parts.append(box((start, start + long), (t - half, t + half), top, colour))
        parts.append(
            box((start + 1, start + long - 1), (t - half * 0.6, t + half * 0.6), top + 0.8, DARK)
        )
    return parts


def forecastle(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """Raised foredeck with winches, hatches and a foremast."""
    raised = rng.uniform(1.5, 3.2)
    parts = [box((0.0, length), sides(beam / 2), raised, deck, "deck")]
    for side in (-1, 1):
        where = length * rng.uniform(0.45, 0.75), side * beam * rng.uniform(0.12, 0.22)
        parts.append(disc(*where, 2.6, raised + 1.8, GREY, "crane"))
    mast = length * rng.uniform(0.5, 0.9)
    return [*parts, disc(mast, 0.0, 1.2, raised + rng.uniform(6, 11), CREAM, "crane")]


def fittings(rng: Random, area: tuple[float, float], beam: float, count: int) -> list[Piece]:
    """Vents, lockers, winches and hatches scattered over the deck; they tell sister ships apart."""
    parts: list[Piece] = []
    for _ in range(count):
        s, t = rng.uniform(*area), rng.choice([-1, 1]) * beam * rng.uniform(0.1, 0.46)
        long, wide = rng.uniform(1.0, 3.5), rng.uniform(1.0, 2.5)
        colour = pick(rng, (WHITE, GREY, CREAM, YELLOW))
        parts.append(box((s, s + long), (t, t + wide), rng.uniform(1.0, 3.0), colour, "crane"))
    return parts


def helipad(s: float, t: float, radius: float) -> list[Piece]:
    """A painted landing circle with its H."""
    along = (s - radius * 0.3, s + radius * 0.3)
    mark = [paint(along, (t + x * radius, t + (x + 0.12) * radius), WHITE) for x in (-0.3, 0.2)]
    ring = Piece("disc", s, s, t, t, 0.25, (0.16, 0.30, 0.20), "deck", 2 * radius)
    return [
        ring,
        *mark,
        paint((s - 0.06 * radius, s + 0.06 * radius), (t - 0.3 * radius, t + 0.3 * radius), WHITE),
    ]
