"""Deck layouts of ships that carry goods. Lengths in metres; see
:mod:`crosswake.simulate.parts`."""

from itertools import pairwise

import numpy as np

from crosswake.simulate.parts import (
    CREAM,
    DARK,
    GREY,
    ORANGE,
    WHITE,
    YELLOW,
    Colour,
    Piece,
    Random,
    bar,
    box,
    crane,
    deck_house,
    disc,
    fittings,
    forecastle,
    helipad,
    paint,
    pick,
    sides,
)

COVERS: tuple[Colour, ...] = (
    (0.36, 0.13, 0.09),
    (0.30, 0.31, 0.32),
    (0.13, 0.30, 0.22),
    (0.44, 0.40, 0.30),
    (0.16, 0.22, 0.34),
    (0.52, 0.24, 0.12),
)
CRANES: tuple[Colour, ...] = (WHITE, CREAM, YELLOW, ORANGE)


def pitches_of(
    rng: Random, start: float, end: float, count: int, spread: float
) -> list[tuple[float, float]]:
    """Divide a stretch of deck into ``count`` uneven pieces; sister ships differ in the
    unevenness."""
    shares = 1.0 + spread * rng.uniform(-1, 1, count)
    edges = start + (end - start) * np.concatenate([[0.0], np.cumsum(shares) / shares.sum()])
    return [(float(a), float(b)) for a, b in pairwise(edges)]


def hatches(
    rng: Random, pitches: list[tuple[float, float]], beam: float, colour: Colour
) -> list[Piece]:
    """Cargo hatches with coaming, cover and the seams of its panels."""
    filled, wide = rng.uniform(0.55, 0.82), beam * rng.uniform(0.42, 0.72)
    rolling, coaming = rng.random() < 0.5, rng.uniform(1.6, 3.0)
    seam = (colour[0] * 0.45, colour[1] * 0.45, colour[2] * 0.45)
    parts: list[Piece] = []
    for number, (a, b) in enumerate(pitches):
        width = wide * (0.75 if number == 0 else 1.0) * rng.uniform(0.88, 1.08)
        gap = (b - a) * (1 - filled * rng.uniform(0.88, 1.1)) / 2
        s, t = (a + gap, b - gap), sides(width / 2)
        parts.append(Piece("hatch", *s, *t, coaming, colour, "cover"))
        if rolling:
            parts.append(paint(s, (-0.3, 0.3), seam))
        else:
            parts += [
                paint((at - 0.25, at + 0.25), t, seam) for at in np.linspace(*s, 5)[1:-1].tolist()
            ]
    return parts


def bulk_carrier(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """Five to nine holds, the house aft, cranes between the hatches of the smaller ones."""
    head = length * rng.uniform(0.045, 0.11)
    house = length * rng.uniform(0.05, 0.09)
    front = length * rng.uniform(0.855, 0.90) - house * 0.3
    low, high = (4, 7) if length < 215 else (6, 10)
    count = int(rng.integers(low, high))
    pitches = pitches_of(rng, head + 2, front - 3, count, 0.42)
    parts = forecastle(rng, head, beam, deck) + hatches(rng, pitches, beam, pick(rng, COVERS))
    parts += mast_houses(rng, pitches, beam)
    geared = rng.random() < (0.75 if length < 205 else 0.1)
    if geared:
        colour, reach, side = (
            pick(rng, CRANES),
            rng.uniform(16, 24),
            rng.choice([-0.12, 0.0, 0.12]) * beam,
        )
        first, every = int(rng.integers(1, 3)), int(rng.integers(1, 3))
        for a, _ in pitches[first::every]:
            parts += crane(
                (a, side), reach, rng.choice([0.0, np.pi]), rng.uniform(12, 17), colour, 4.0
            )
    parts += fittings(rng, (head, front), beam, int(rng.integers(8, 22)))
    return parts + deck_house(rng, front, house, beam, int(rng.integers(5, 8)))


def mast_houses(rng: Random, pitches: list[tuple[float, float]], beam: float) -> list[Piece]:
    """Small houses for winches and stores on the cross decks between some of the hatches."""
    colour, wide = pick(rng, (WHITE, CREAM, GREY)), beam * rng.uniform(0.15, 0.45)
    side = rng.choice([-0.25, 0.0, 0.0, 0.25]) * beam
    chosen = [a for a, _ in pitches[1:] if rng.random() < 0.45]
    return [
        box((a - 2.2, a + 2.2), (side - wide / 2, side + wide / 2), 4.5, colour) for a in chosen
    ]


def tanker(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """Clean deck, pipes along the middle, manifold amidships with hose cranes, tank hatches in
    rows."""
    head, house = length * rng.uniform(0.05, 0.10), length * rng.uniform(0.06, 0.12)
    front = length * rng.uniform(0.80, 0.88)
    parts = forecastle(rng, head, beam, deck)
    colour = pick(rng, (CREAM, GREY, (0.50, 0.46, 0.42), WHITE))
    offset, pipes = rng.uniform(-0.06, 0.06) * beam, int(rng.integers(2, 6))
    for number in range(pipes):
        t = offset + (number - pipes / 2) * rng.uniform(1.2, 1.8)
        parts.append(
            box((head + rng.uniform(0, 0.12) * length, front), (t, t + 0.8), 1.6, colour, "pipe")
        )
    if rng.random() < 0.35:
        trunk = (head + rng.uniform(0.02, 0.2) * length, front - rng.uniform(0.02, 0.2) * length)
        half = beam * rng.uniform(0.2, 0.36)
        parts.append(box(trunk, sides(half), 1.4, deck, "cover"))
    middle = length * rng.uniform(0.34, 0.62)
    for number in range(int(rng.integers(3, 8))):
        s = middle + (number - 2) * rng.uniform(2.0, 3.0)
        parts.append(box((s, s + 1.0), sides(beam * 0.46), 1.9, colour, "pipe"))
    with_crane = ((-1, 1), (1,), (-1,))[int(rng.integers(3))]
    for side in with_crane:
        place = middle + rng.uniform(-10, 10), side * beam * rng.uniform(0.15, 0.3)
        parts += crane(
            place, rng.uniform(12, 20), rng.choice([0.0, np.pi]), 14.0, pick(rng, CRANES), 3.5
        )
    parts += tank_tops(rng, head, front, beam, colour)
    if rng.random() < 0.4:
        parts += helipad(
            middle + rng.choice([-1, 1]) * length * 0.13,
            rng.choice([-1, 1]) * beam * 0.3,
            beam * 0.15,
        )
    parts += fittings(rng, (head, front), beam, int(rng.integers(10, 24)))
    return parts + deck_house(rng, front, house, beam, int(rng.integers(5, 8)))


def tank_tops(rng: Random, head: float, front: float, beam: float, colour: Colour) -> list[Piece]:
    """Hatches of the tanks in two or three rows, and on some ships the deck's frames on the
    outside."""
    rows = ((-0.33, 0.33), (-0.34, 0.12, 0.34), (-0.3, 0.22))[int(rng.integers(3))]
    parts: list[Piece] = []
    pitches = pitches_of(rng, head + 3, front - 4, int(rng.integers(4, 9)), 0.5)
    framed = rng.random() < 0.45
    for a, b in pitches:
        parts += [disc((a + b) / 2, row * beam, 3.0, 2.2, colour, "crane") for row in rows]
        if framed:
            parts.append(box((a, a + 1.0), sides(beam * 0.47), 1.3, GREY, "pipe"))
    return parts


def container_ship(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """Bays of stacks between lashing bridges; house aft, amidships, or forward with the funnel
    apart."""
    head = length * rng.uniform(0.06, 0.10)
    house = max(10.0, length * rng.uniform(0.035, 0.06))
    style = rng.random()
    if length > 280 and style < 0.6:
        islands = [length * rng.uniform(0.27, 0.38), length * rng.uniform(0.68, 0.8)]
    else:
        islands = [length * (rng.uniform(0.62, 0.9) if style < 0.85 else rng.uniform(0.1, 0.16))]
    tiers = int(rng.integers(7, 11)) if length > 200 else int(rng.integers(5, 8))
    parts = forecastle(rng, head, beam, deck)
    rows, pitch, s = int(beam * 0.96 // 2.5), rng.uniform(13.6, 15.4), head + 2.0
    bridge = pick(rng, (GREY, YELLOW, (0.45, 0.2, 0.14)))
    while s + 12.2 < length * 0.975:
        inside = [at for at in islands if s + 12.6 > at and s < at + house]
        if inside:
            s = inside[0] + house + 2.0
            continue
        parts.append(Piece("bay", s, s + 12.2, -rows * 1.25, rows * 1.25, 0.0, GREY, "cargo", rows))
        parts += [box((s + 12.4, s + 13.2), sides(beam * 0.48), rng.uniform(5, 9), bridge, "pipe")]
        s += pitch + (rng.uniform(1.5, 4.5) if rng.random() < 0.25 else 0.0)
    parts += deck_house(rng, islands[0], house, beam, tiers)
    if len(islands) == 2:
        colour = pick(rng, CRANES)
        parts.append(box((islands[1], islands[1] + house), sides(beam * 0.3), 14.0, colour))
        parts.append(box((islands[1] + 2, islands[1] + house - 2), sides(beam * 0.1), 24.0, DARK))
    if length < 215 and rng.random() < 0.5:
        side, colour = rng.choice([-1, 1]) * beam * 0.42, pick(rng, CRANES)
        for share in rng.uniform(0.2, 0.6, int(rng.integers(1, 3))):
            parts += crane(
                (float(share) * length, side), rng.uniform(18, 26), np.pi, 20.0, colour, 4.5
            )
    return parts


def general_cargo(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """One to four long holds, house aft or forward, cranes on one side or in the middle."""
    head, house = length * rng.uniform(0.07, 0.13), length * rng.uniform(0.09, 0.15)
    forward = rng.random() < 0.15
    front = head * 0.7 if forward else length * rng.uniform(0.78, 0.88) - house * 0.2
    start, end = (front + house + 2, length * 0.96) if forward else (head + 2, front - 2)
    pitches = pitches_of(rng, start, end, int(rng.integers(1, 5)), 0.4)
    parts = forecastle(rng, head, beam, deck) + hatches(
        rng, pitches, beam * 1.15, pick(rng, COVERS)
    )
    if rng.random() < 0.7:
        side, colour = rng.choice([-0.4, 0.0, 0.4]) * beam, pick(rng, CRANES)
        for share in pitches_of(rng, start, end, int(rng.integers(1, 4)), 0.5):
            s = share[int(rng.integers(2))]
            parts += crane(
                (s, side),
                rng.uniform(0.12, 0.2) * length,
                rng.choice([0.0, np.pi]),
                14.0,
                colour,
                3.2,
            )
    parts += mast_houses(rng, pitches, beam) + fittings(
        rng, (start, end), beam, int(rng.integers(5, 14))
    )
    return parts + deck_house(rng, front, house, beam, int(rng.integers(3, 6)))


def gas_carrier(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """Spherical tanks in a row, or a raised trunk deck over membrane tanks."""
    head, house = length * rng.uniform(0.09, 0.14), length * rng.uniform(0.07, 0.11)
    front = length * rng.uniform(0.79, 0.86)
    parts = forecastle(rng, head, beam, deck)
    pitches = pitches_of(rng, head + 2, front - 3, int(rng.integers(3, 6)), 0.18)
    colour = pick(rng, (WHITE, CREAM, (0.55, 0.34, 0.25)))
    if rng.random() < 0.55:
        for a, b in pitches:
            size = min(b - a, beam * 0.92) * rng.uniform(0.9, 0.98)
            parts.append(Piece("dome", (a + b) / 2, 0, 0, 0, size * 0.36, colour, "tank", size))
    else:
        parts.append(box((head + 4, front - 4), sides(beam * 0.34), 5.0, colour, "cover"))
        for a, b in pitches:
            parts.append(disc((a + b) / 2, rng.uniform(-0.1, 0.1) * beam, 5.0, 8.5, GREY, "crane"))
            parts.append(box((b - 2, b - 1), sides(beam * 0.33), 6.2, GREY, "pipe"))
    t = rng.uniform(-0.1, 0.1) * beam
    parts.append(bar((head, t), (front, t), 2.0, beam * 0.2, GREY, "pipe"))
    parts += fittings(rng, (head, front), beam, int(rng.integers(6, 16)))
    return parts + deck_house(rng, front, house, beam, int(rng.integers(6, 9)))
