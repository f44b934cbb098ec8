"""Deck layouts of ships that carry people or vehicles, or work at sea. Lengths in metres."""

import numpy as np

from crosswake.simulate.cargo_ships import CRANES, pitches_of
from crosswake.simulate.parts import (
    DARK,
    FUNNELS,
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
    funnel,
    helipad,
    paint,
    pick,
    sides,
)

NAVY: Colour = (0.27, 0.30, 0.32)
POOL: Colour = (0.10, 0.42, 0.52)


def car_carrier(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """A slab nearly as long as the hull; vents in rows on its roof, ramp on the quarter."""
    start, end = length * rng.uniform(0.02, 0.06), length * rng.uniform(0.95, 0.985)
    top = rng.uniform(9, 14)
    parts = [box((start, end), sides(beam * 0.49), top, deck, "cover")]
    bridge = start + length * rng.uniform(0.03, 0.10)
    parts.append(box((bridge, bridge + 9), sides(beam * 0.46), top + 4, WHITE))
    parts.append(box((bridge, bridge + 4), sides(beam / 2), top + 5.5, WHITE))
    rows = ((-0.4, 0.4), (-0.42, 0.0, 0.42), (-0.3, 0.3))[int(rng.integers(3))]
    for a, b in pitches_of(rng, bridge + 14, end - 8, int(rng.integers(6, 14)), 0.4):
        for row in rows:
            parts += [disc((a + b) / 2, row * beam, rng.uniform(2, 3.4), top + 2.2, WHITE, "crane")]
    for _ in range(int(rng.integers(2, 6))):
        s, t = rng.uniform(bridge + 15, end - 20), rng.uniform(-0.25, 0.15) * beam
        parts.append(box((s, s + rng.uniform(5, 16)), (t, t + rng.uniform(3, 8)), top + 3, GREY))
    stack = length * rng.uniform(0.7, 0.9)
    t = rng.choice([-0.28, 0.0, 0.28]) * beam
    parts.append(box((stack, stack + 8), (t - 3, t + 3), top + 9, pick(rng, FUNNELS)))
    side = rng.choice([-1, 1]) * beam * 0.4
    return [*parts, bar((end - 10, side), (length * 0.995, side * 1.1), 5.0, top + 6, GREY)]


def passenger_ship(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """Stepped white decks, rows of boats along the sides, pools or open car deck, one or two
    funnels."""
    start, end = length * rng.uniform(0.12, 0.2), length * rng.uniform(0.86, 0.97)
    tiers = int(rng.integers(3, 6)) if length < 200 else int(rng.integers(6, 10))
    top = 2.7 * tiers
    parts = forecastle(rng, start * 0.9, beam, deck)
    parts.append(box((start, end), sides(beam * 0.5), top * 0.5, WHITE))
    inner = rng.uniform(0.34, 0.44) * beam
    parts.append(box((start + 4, end - length * rng.uniform(0.02, 0.12)), sides(inner), top, WHITE))
    parts.append(box((start + 2, start + 8), sides(beam / 2), top + 1, WHITE))
    boat = pick(rng, (ORANGE, WHITE, (0.6, 0.4, 0.2)))
    floor = pick(rng, ((0.15, 0.30, 0.22), (0.45, 0.30, 0.18), (0.20, 0.28, 0.42), GREY))
    for a, b in pitches_of(rng, start + 14, end - 10, int(rng.integers(3, 7)), 0.6):
        half = inner * rng.uniform(0.4, 0.9)
        what = rng.random()
        if what < 0.4:
            parts.append(box((a + 2, b - 2), sides(half), top + 3.0, WHITE))
        parts.append(paint((a + 3, b - 3), sides(half * 0.8), POOL if 0.4 < what < 0.55 else floor))
    for a, b in pitches_of(rng, start + 16, end - 8, int(rng.integers(3, 11)), 0.2):
        for t in (-0.47 * beam, 0.47 * beam):
            parts.append(box((a + 1, min(b - 1, a + 10)), (t - 1.1, t + 1.1), top * 0.5 + 3, boat))
    parts += funnel(rng, length * rng.uniform(0.55, 0.85), 22.0, beam, top + 4)
    parts.append(disc(start + 7, 0.0, 2.0, top + 9, WHITE, "crane"))
    return parts + fittings(rng, (end, length * 0.98), beam, 4)


def fishing_vessel(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """House forward or aft, net drums and winches, a gantry over the stern or masts over the
    hold."""
    head, house = length * rng.uniform(0.08, 0.16), length * rng.uniform(0.16, 0.28)
    front = length * (rng.uniform(0.14, 0.32) if rng.random() < 0.6 else rng.uniform(0.58, 0.7))
    parts = forecastle(rng, head, beam, deck)
    free = [(front + house, length * 0.94), (head, front)]
    a, b = max(free, key=lambda span: span[1] - span[0])
    for s, e in pitches_of(rng, a, b, int(rng.integers(2, 4)), 0.5):
        half = beam * rng.uniform(0.15, 0.3)
        parts.append(
            Piece(
                "hatch", s + 1, e - 1, -half, half, 1.2, pick(rng, (GREY, WHITE, ORANGE)), "cover"
            )
        )
    for _ in range(int(rng.integers(1, 4))):
        s, colour = rng.uniform(a, b), pick(rng, (YELLOW, WHITE, ORANGE))
        parts.append(bar((s, -beam * 0.42), (s, beam * 0.42), 1.2, rng.uniform(5, 9), colour))
    parts += fittings(rng, (a, b), beam, int(rng.integers(4, 10)))
    return parts + deck_house(rng, front, house, beam, int(rng.integers(2, 4)))


def warship(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """Gun, launchers, bridge block and mast, one or two funnels, hangar and flight deck; all
    grey."""
    gun, bridge = length * rng.uniform(0.13, 0.2), length * rng.uniform(0.27, 0.36)
    parts = [disc(gun, 0.0, 5.0, 3.5, NAVY, "crane")]
    parts.append(bar((gun, 0.0), (gun - 7.0, 0.0), 0.9, 2.4, NAVY))
    parts.append(box((gun + 6, gun + 7), sides(beam * 0.4), 1.6, deck, "pipe"))
    if rng.random() < 0.7:
        cells = (length * 0.23, length * 0.23 + rng.uniform(5, 10))
        parts.append(box(cells, sides(beam * 0.22), 1.4, GREY, "cover"))
    hangar = length * rng.uniform(0.68, 0.78)
    middle = beam * rng.uniform(0.3, 0.46)
    parts.append(box((bridge, hangar + 6), sides(middle), 4.5, NAVY))
    long = length * rng.uniform(0.08, 0.16)
    parts.append(box((bridge, bridge + long), sides(beam * 0.46), rng.uniform(9, 13), NAVY))
    parts.append(
        disc(bridge + long * rng.uniform(0.4, 1.1), 0.0, 4.5, rng.uniform(19, 26), NAVY, "crane")
    )
    for share in rng.uniform(0.46, 0.66, int(rng.integers(1, 3))):
        s, half = float(share) * length, beam * rng.uniform(0.12, 0.24)
        parts.append(box((s, s + length * 0.05), sides(half), rng.uniform(9, 12), GREY))
    parts.append(box((hangar - length * 0.08, hangar + 6), sides(beam * 0.4), 7.5, NAVY))
    parts += [
        disc(length * float(x), 0.0, 3.5, 10.0, WHITE, "crane") for x in rng.uniform(0.4, 0.68, 2)
    ]
    parts += helipad((hangar + 6 + length * 0.97) / 2, 0.0, beam * 0.36)
    return parts + fittings(rng, (bridge, hangar), beam, int(rng.integers(6, 14)))


def tug(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """House ahead of the middle, towing winch and open deck behind it."""
    front, house = length * rng.uniform(0.16, 0.3), length * rng.uniform(0.24, 0.36)
    parts = forecastle(rng, length * 0.14, beam, deck)
    parts.append(box((front, front + house), sides(beam * 0.34), 3.0, WHITE))
    parts += deck_house(
        rng, front + 1, house * rng.uniform(0.5, 0.8), beam * 0.75, 3, pick(rng, (WHITE, YELLOW))
    )
    winch = front + house + 2.0
    parts.append(disc(winch, 0.0, 3.0, 2.5, GREY, "crane"))
    parts.append(bar((length * 0.82, -beam * 0.3), (length * 0.82, beam * 0.3), 0.9, 2.5, YELLOW))
    return parts + fittings(rng, (length * 0.6, length * 0.92), beam, int(rng.integers(3, 7)))


def supply_ship(rng: Random, length: float, beam: float, deck: Colour) -> list[Piece]:
    """House forward, long low working deck with loose cargo, some with a helicopter deck or a big
    crane."""
    front, house = length * rng.uniform(0.1, 0.16), length * rng.uniform(0.18, 0.28)
    parts = forecastle(rng, front, beam, deck) + deck_house(
        rng, front, house, beam, int(rng.integers(4, 6))
    )
    start, end = front + house + 3, length * 0.95
    parts.append(paint((start, end), sides(beam * 0.4), (0.38, 0.27, 0.17)))
    for side in (-1, 1):
        t = side * beam * 0.44
        parts += [bar((start, t), (end * rng.uniform(0.75, 0.98), t), 1.4, 3.0, pick(rng, CRANES))]
    for _ in range(int(rng.integers(2, 6))):
        s, t = rng.uniform(start, end - 8), rng.uniform(-0.35, 0.2) * beam
        parts.append(
            Piece("loose", s, s + rng.uniform(3, 9), t, t + rng.uniform(2, 4), 2.6, ORANGE, "cargo")
        )
    if rng.random() < 0.6:
        place = rng.uniform(start, end), rng.choice([-0.38, 0.38]) * beam
        parts += crane(
            place,
            length * rng.uniform(0.2, 0.32),
            np.pi * rng.integers(2),
            15.0,
            pick(rng, CRANES),
            4.0,
        )
    if rng.random() < 0.35:
        parts += helipad(front * 0.75, 0.0, beam * 0.4)
    parts.append(box((end, end + 1.5), sides(beam * 0.3), 1.5, DARK, "crane"))
    return parts
