"""Ship types, their standard sizes, and the drawing of one vessel: what never changes about a ship.

The sizes are the size classes of the trade (Handysize, Panamax, Aframax and so on), as most real
ships are built to them. Many ships of the fleet therefore share length and beam, and a model has to
look at their decks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosswake.simulate import cargo_ships, service_ships
from crosswake.simulate.parts import Array, Colour, Piece, Random, pick

Layout = Callable[[Random, float, float, Colour], list[Piece]]

REDS: tuple[Colour, ...] = ((0.34, 0.12, 0.08), (0.42, 0.17, 0.10), (0.26, 0.10, 0.08))
GREENS: tuple[Colour, ...] = ((0.12, 0.26, 0.18), (0.18, 0.32, 0.24))
GREYS: tuple[Colour, ...] = ((0.28, 0.29, 0.30), (0.36, 0.36, 0.35))
BLUES: tuple[Colour, ...] = ((0.12, 0.20, 0.34), (0.16, 0.30, 0.42))
TANS: tuple[Colour, ...] = ((0.44, 0.36, 0.24),)
HULLS: tuple[Colour, ...] = (
    (0.05, 0.05, 0.06),
    (0.04, 0.07, 0.17),
    (0.30, 0.08, 0.06),
    (0.06, 0.18, 0.13),
    (0.24, 0.25, 0.26),
    (0.55, 0.55, 0.54),
)


@dataclass(frozen=True)
class ShipType:
    """A kind of ship.

    Attributes:
        share: of the fleet, relative to the other types.
        sizes: standard length, beam and freeboard in ballast, in metres.
        decks: colours its deck is painted in.
        layout: builds what stands on the deck.
        bow: shortest and longest run of the bow, as a share of the length.
    """

    share: float
    sizes: tuple[tuple[float, float, float], ...]
    decks: tuple[Colour, ...]
    layout: Layout
    bow: tuple[float, float]


SHIP_TYPES: dict[str, ShipType] = {
    "bulk carrier": ShipType(
        24,
        ((180, 30, 11), (190, 32.3, 12), (190, 32.3, 12), (229, 32.3, 14), (229, 32.3, 14)),
        REDS + GREENS + GREYS,
        cargo_ships.bulk_carrier,
        (0.05, 0.09),
    ),
    "tanker": ShipType(
        20,
        ((183, 32.2, 12), (183, 32.2, 12), (228, 32.3, 13), (250, 44, 15), (250, 44, 15)),
        REDS + GREENS + GREYS + TANS,
        cargo_ships.tanker,
        (0.05, 0.10),
    ),
    "container ship": ShipType(
        18,
        ((172, 27.5, 9), (172, 27.5, 9), (300, 43, 14), (300, 43, 14), (366, 51, 16)),
        REDS + GREENS + GREYS,
        cargo_ships.container_ship,
        (0.12, 0.2),
    ),
    "general cargo": ShipType(
        14,
        ((118, 18, 6), (118, 18, 6), (138, 21, 7)),
        REDS + GREENS + GREYS,
        cargo_ships.general_cargo,
        (0.07, 0.13),
    ),
    "gas carrier": ShipType(
        5, ((288, 46, 15),), REDS + GREENS + TANS, cargo_ships.gas_carrier, (0.1, 0.16)
    ),
    "car carrier": ShipType(
        6,
        ((199.9, 32.3, 15),),
        (*GREENS, *BLUES, (0.6, 0.6, 0.58)),
        service_ships.car_carrier,
        (0.05, 0.12),
    ),
    "passenger ship": ShipType(
        6,
        ((186, 27, 9), (186, 27, 9), (150, 24, 8)),
        GREENS + BLUES + TANS,
        service_ships.passenger_ship,
        (0.16, 0.26),
    ),
    "fishing vessel": ShipType(
        5,
        ((64, 13, 4),),
        (*GREENS, *BLUES, *TANS, (0.5, 0.5, 0.5)),
        service_ships.fishing_vessel,
        (0.2, 0.32),
    ),
    "warship": ShipType(6, ((134, 16, 5),), GREYS[:1], service_ships.warship, (0.34, 0.5)),
    "tug": ShipType(2, ((32, 11, 2.5),), REDS + GREENS + BLUES, service_ships.tug, (0.22, 0.3)),
    "supply ship": ShipType(
        4, ((84, 19, 4),), REDS + GREENS + BLUES, service_ships.supply_ship, (0.14, 0.22)
    ),
}


@dataclass(frozen=True)
class Hull:
    """Shape of the deck's edge.

    Attributes:
        bow: share of the length over which the bow opens to the full breadth.
        fullness: exponent of the bow's curve; larger is blunter.
        stern: share of the length over which the stern narrows.
        transom: breadth of the flat stern, as a share of the beam.
        sheer: metres by which the deck rises towards the bow.
    """

    bow: float
    fullness: float
    stern: float
    transom: float
    sheer: float

    def half_breadth(self, along: Array) -> Array:
        """Distance of the deck's edge from the centre line, as a share of the beam.

        Args:
            along: place along the ship, 0 at the bow, 1 at the stern; beyond them it is zero.
        """
        ahead = np.clip(along / self.bow, 0.0, 1.0)
        behind = np.clip((1.0 - along) / self.stern, 0.0, 1.0)
        front = 1.0 - (1.0 - ahead) ** self.fullness
        back = self.transom + (1.0 - self.transom) * (1.0 - (1.0 - behind) ** 2.2)
        return np.where((along >= 0) & (along <= 1), 0.5 * front * back, 0.0)


@dataclass(frozen=True)
class Vessel:
    """One ship.

    Attributes:
        ship_type: key of :data:`SHIP_TYPES`.
        length: in metres.
        beam: in metres.
        freeboard: of the main deck above the water when empty, in metres.
        hull: outline.
        deck: colour of the main deck.
        side: colour of the hull.
        parts: what stands on the deck.
        scatterers: (n, 5) bright points: s, t, radar cross-section in square metres, aspect in
            radians clockwise from the bow at which it answers best, and width of that lobe.
        weathering: seed of the deck's stains.
    """

    ship_type: str
    length: float
    beam: float
    freeboard: float
    hull: Hull
    deck: Colour
    side: Colour
    parts: tuple[Piece, ...]
    scatterers: Array
    weathering: int


def draw_vessel(rng: Random, ship_type: str | None = None) -> Vessel:
    """A ship of random type (or of the type given), size class and deck."""
    names = list(SHIP_TYPES)
    shares = np.array([SHIP_TYPES[name].share for name in names])
    # Drawn even where the type is given, so that the ship is the same either way.
    chosen = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    name = ship_type or chosen
    kind = SHIP_TYPES[name]
    length, beam, freeboard = kind.sizes[int(rng.integers(len(kind.sizes)))]
    # Sisters are of one length within 0.4 %.
    length *= 1 + 0.004 * rng.uniform(-1, 1)
    hull = Hull(
        bow=rng.uniform(*kind.bow),
        fullness=rng.uniform(1.6, 3.0),
        stern=rng.uniform(0.04, 0.14),
        transom=rng.uniform(0.55, 0.92),
        sheer=rng.uniform(0.5, 2.5) * length / 200,
    )
    deck = pick(rng, kind.decks)
    side = service_ships.NAVY if name == "warship" else pick(rng, HULLS)
    parts = tuple(kind.layout(rng, length, beam, deck))
    return Vessel(
        ship_type=name,
        length=length,
        beam=beam,
        freeboard=freeboard,
        hull=hull,
        deck=deck,
        side=side,
        parts=parts,
        scatterers=draw_scatterers(rng, parts, length, beam),
        weathering=int(rng.integers(2**31)),
    )


def draw_scatterers(rng: Random, parts: tuple[Piece, ...], length: float, beam: float) -> Array:
    """Corners that are bright in the radar. Most lie on the edges of parts, which an optical image
    shows as well, so that the two modalities have something in common."""
    rows: list[list[float]] = []
    for part in parts:
        if part.kind in ("paint", "boom", "loose"):
            continue
        ends = max(part.width, 1.0) / 2 if part.kind in ("disc", "dome") else 0.0
        for _ in range(3 if part.material in ("crane", "house", "pipe") else 2):
            s = rng.choice([part.s0 - ends, part.s1 + ends]) if part.kind != "dome" else part.s0
            share = rng.random() if rng.random() < 0.5 else rng.integers(2)
            t = part.t0 + share * (part.t1 - part.t0)
            strength = (
                5.0 * rng.lognormal(0.0, 1.6) * (1.8 if part.material in ("crane", "pipe") else 1.0)
            )
            rows.append([s, t, strength, rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 2.4)])
    for _ in range(int(length * beam / 600)):
        s, t = rng.uniform(0.03, 0.97) * length, rng.uniform(-0.48, 0.48) * beam
        rows.append(
            [s, t, 1.5 * rng.lognormal(0.0, 1.6), rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 2.4)]
        )
    return np.array(rows, dtype=np.float64)
