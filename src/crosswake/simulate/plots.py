"""What stands on a block: houses on plots, terraces, slabs, towers, works, churches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from crosswake.simulate.cities import FACADES, PALES, SHEETS, CityStyle
from crosswake.simulate.lots import centre_of, lots_of, middle_side, oriented, shifted_on
from crosswake.simulate.parts import Colour, Random
from crosswake.simulate.roofs import House
from crosswake.simulate.streets import Bend, StreetBlock

STOREY = 3.0
HIPPED = ("hipped_roof_v1", "hipped_roof_v2", "pyramid_roof", "multiple_eave_roof", "gambrel_roof")


@dataclass(frozen=True)
class Builder:
    """Builds one tile: the city's style, the streets, and the tile's random numbers."""

    style: CityStyle
    bend: Bend
    rng: Random

    def one_of(self, colours: tuple[Colour, ...]) -> Colour:
        """One of the colours, a little changed."""
        base = np.array(colours[int(self.rng.integers(len(colours)))])
        shade = base * self.rng.uniform(0.8, 1.2) + self.rng.normal(0, 0.012, 3)
        red, green, blue = np.clip(shade, 0.03, 0.85)
        return float(red), float(green), float(blue)

    def house(
        self, roof: str, middle: tuple[float, float], size: tuple[float, float], storeys: float
    ) -> House:
        """A building whose longer axis runs along u if the first of ``size`` is the longer."""
        rng, style = self.rng, self.style
        along = size[0] >= size[1]
        length, width = (size[0], size[1]) if along else (size[1], size[0])
        if roof in ("pyramid_roof", "revolved"):
            length = width = min(length, width * 1.05)
        angle = self.bend.direction(*middle) + (0.0 if along else np.pi / 2)
        eave = STOREY * max(1.0, storeys) * rng.uniform(0.95, 1.1) + 0.3
        flat = roof == "flat_roof" or (roof == "other" and rng.random() < 0.5)
        metal = roof in ("arched_roof", "row_roof") or (flat and width > 22 and rng.random() < 0.5)
        colours = SHEETS if metal else style.level if flat else style.pitched
        if roof == "revolved":
            colours = (*PALES, *style.pitched[:1])
        return House(
            roof=roof,
            place=self.bend.ground(*middle),
            angle=float(angle),
            length=float(length),
            width=float(width),
            eave=float(eave),
            rise=self.rise(roof, width),
            colour=self.one_of(colours),
            facade=self.one_of(FACADES),
            metal=bool(metal),
            variant=float(rng.random()),
        )

    def rise(self, roof: str, width: float) -> float:
        """How far a roof rises above its eaves: half its width times a slope, within bounds."""
        rng, half = self.rng, width / 2
        if roof == "flat_roof":
            return 0.0
        if roof == "row_roof":
            return float(rng.uniform(1.8, 3.2))
        if roof == "arched_roof":
            return float(half * rng.uniform(0.35, 0.75))
        if roof == "revolved":
            return float(half * rng.uniform(0.6, 1.1))
        if roof == "mansard_roof":
            return float(rng.uniform(2.8, 4.2))
        if roof == "other":
            return float(np.clip(half * rng.uniform(0.5, 0.9), 2.5, 9))
        if roof == "multiple_eave_roof":
            return float(np.clip(half * rng.uniform(0.7, 1.0), 2.5, 9))
        if roof == "gambrel_roof":
            return float(np.clip(half * rng.uniform(0.75, 1.0), 2.5, 6))
        steep = 0.9 if roof == "pyramid_roof" else 0.75
        return float(np.clip(half * rng.uniform(0.45, steep), 1.5, 7))

    def sloping(self) -> str:
        """A roof for a small house, by the city's habits."""
        rng = self.rng
        if rng.random() < self.style.gabled:
            return "gable_roof"
        return str(rng.choice(HIPPED, p=(0.56, 0.2, 0.06, 0.08, 0.1)))


def houses(build: Builder, block: StreetBlock) -> Iterator[House]:
    """Detached houses, two rows of plots back to back."""
    rng = build.rng
    for middle, depth, lot in lots_of(block, rng, (15.0, 22.0)):
        if rng.random() < 0.07:
            continue
        size = (min(rng.uniform(10, 17), lot - 3), min(rng.uniform(9, 13), depth * 0.5))
        roof = build.sloping() if rng.random() > 0.12 else "flat_roof"
        offset = rng.normal(0, 1.0, 2)
        at = (middle[0] + offset[0], middle[1] + offset[1])
        house = build.house(roof, at, oriented(size, block), rng.choice([1, 1.6, 2, 2.2]))
        if rng.random() < 0.28 and roof not in ("pyramid_roof", "flat_roof"):
            house = replace(house, wing=float(rng.uniform(3, 6)), width=min(house.width, 9.0))
        yield house
        if rng.random() < 0.3:  # a garage or shed behind
            back = -1 if middle_side(block, at) else 1
            shed = shifted_on(
                at, block, rng.uniform(-4, 4), back * (size[1] / 2 + rng.uniform(5, 7))
            )
            kind = "flat_roof" if rng.random() < 0.6 else "gable_roof"
            yield replace(
                build.house(kind, shed, (rng.uniform(4, 7), rng.uniform(3, 4)), 0.8),
                eave=2.6, rise=0.0 if kind == "flat_roof" else 1.2,
            )  # fmt: skip


def terraces(build: Builder, block: StreetBlock) -> Iterator[House]:
    """Rows of narrow houses wall to wall, each with a roof of its own, or one over all."""
    rng = build.rng
    long = max(block.size)
    depth = rng.uniform(9, 12)
    roof = "gable_roof" if rng.random() < 0.6 else str(
        rng.choice(["flat_roof", "gambrel_roof", "mansard_roof", "hipped_roof_v1"])
    )  # fmt: skip
    storeys = rng.choice([2, 2, 3]) * build.style.storeys**0.5
    whole = rng.random() < 0.6
    rows = max(1, int((min(block.size) - 6) // (depth + 13)) + 1)
    for number in range(rows):
        side = (2 * number / max(rows - 1, 1) - 1) * (min(block.size) / 2 - depth / 2 - 4)
        at = -long / 2 + 4 + rng.uniform(0, 4)
        while at < long / 2 - 18:
            run = min(rng.uniform(24, 55) if whole else rng.uniform(6, 8.5), long / 2 - 4 - at)
            if run < 5:
                break
            middle = shifted_on(centre_of(block), block, at + run / 2, side)
            if not whole or rng.random() < 0.94:
                kind = roof if rng.random() < 0.9 else build.sloping()
                yield build.house(kind, middle, oriented((run, depth), block), storeys)
            at += run + (rng.uniform(3, 9) if whole or rng.random() < 0.12 else 0.05)


def slabs(build: Builder, block: StreetBlock) -> Iterator[House]:
    """Long blocks of flats in parallel, with lawns between them."""
    rng = build.rng
    long, short = max(block.size), min(block.size)
    storeys = rng.choice([3, 4, 5, 6, 8]) * build.style.storeys
    depth = rng.uniform(10, 14)
    step = depth + max(11.0, storeys * 3 * rng.uniform(0.6, 1.0))
    roof = str(
        rng.choice(
            ["flat_roof", "gable_roof", "hipped_roof_v1", "mansard_roof"], p=[0.6, 0.22, 0.12, 0.06]
        )
    )
    colour = build.one_of(build.style.level if roof == "flat_roof" else build.style.pitched)
    at = -long / 2 + depth / 2 + 5
    while at < long / 2 - depth / 2 - 4:
        run = (short - 12) * rng.uniform(0.7, 1.0)
        pieces = 1 if run < 55 else 2
        for piece in range(pieces):
            across = (piece + 0.5 - pieces / 2) * run
            middle = shifted_on(centre_of(block), block, at, across)
            size = oriented((depth, max(run / pieces - 6, 12)), block)
            house = build.house(roof, middle, size, storeys * rng.choice([1, 1, 1.2]))
            yield replace(house, colour=tuple(np.array(colour) * rng.uniform(0.92, 1.08)))
        at += step


def towers(build: Builder, block: StreetBlock) -> Iterator[House]:
    """High buildings on flat ground, some on a low base."""
    rng = build.rng
    for middle, depth, lot in lots_of(block, rng, (30.0, 42.0)):
        size = rng.uniform(16, 26), rng.uniform(14, 22)
        if min(depth, lot) < 22:
            continue
        storeys = float(np.clip(rng.lognormal(2.35, 0.4), 6, 26)) * build.style.storeys**0.5
        roof = "flat_roof" if rng.random() < 0.85 else "other"
        house = build.house(roof, middle, size, storeys)
        yield replace(house, variant=0.9) if roof == "other" else house


def perimeter(build: Builder, block: StreetBlock) -> Iterator[House]:
    """Closed blocks: houses wall to wall along all four streets around a yard."""
    rng = build.rng
    depth = rng.uniform(11, 14)
    base = rng.choice([4, 5, 6]) * build.style.storeys
    (lu, lv), (cu, cv) = block.size, centre_of(block)
    for side in range(4):
        along_u = side < 2
        run_length = (lu if along_u else lv) - 3 - (0 if along_u else 2 * depth)
        fixed = (1 if side % 2 else -1) * ((lv if along_u else lu) / 2 - depth / 2 - 1.5)
        at = -run_length / 2
        while at < run_length / 2 - 6:
            run = rng.uniform(14, 26)
            run = run_length / 2 - at if run_length / 2 - at - run < 9 else run
            roof = str(
                rng.choice(
                    ["gable_roof", "mansard_roof", "flat_roof", "hipped_roof_v1", "gambrel_roof"],
                    p=[0.42, 0.24, 0.24, 0.05, 0.05],
                )
            )
            middle = (cu + at + run / 2, cv + fixed) if along_u else (cu + fixed, cv + at + run / 2)
            if rng.random() < 0.95:
                size = (run, depth) if along_u else (depth, run)
                house = build.house(roof, middle, size, base + float(rng.integers(-1, 2)))
                yield turned_along(house, build, middle, along_u)
            at += run + 0.05
    if min(lu, lv) > 70 and rng.random() < 0.6:
        size = (rng.uniform(12, 24), rng.uniform(9, 13))
        yield build.house("flat_roof", (cu, cv), size, float(rng.integers(1, 4)))


def industry(build: Builder, block: StreetBlock) -> Iterator[House]:
    """Halls: large, low, flat, in rows of gables, or vaulted."""
    rng = build.rng
    for middle, depth, lot in lots_of(block, rng, (38.0, 75.0)):
        size = (lot * rng.uniform(0.7, 0.92), depth * rng.uniform(0.6, 0.88))
        roof = str(
            rng.choice(
                ["flat_roof", "row_roof", "gable_roof", "arched_roof", "revolved"],
                p=[0.4, 0.25, 0.17, 0.12, 0.06],
            )
        )
        if roof == "arched_roof":
            size = (size[0], min(size[1], 26.0))
        if roof == "revolved":
            for number in range(3):
                wide = rng.uniform(9, 17)
                at = shifted_on(middle, block, (number - 1) * 20, 0)
                tank = build.house(roof, at, (wide, wide), 2.6)
                yield replace(tank, variant=0.9, colour=build.one_of(PALES))
            continue
        house = build.house(roof, middle, oriented(size, block), rng.uniform(1.6, 3.6))
        if roof == "gable_roof":
            house = replace(house, metal=True, colour=build.one_of(SHEETS), rise=house.width * 0.1)
        if roof == "flat_roof" and rng.random() < 0.2:
            house = replace(house, court=float(rng.uniform(0.25, 0.45)))
        yield house


def civic(build: Builder, block: StreetBlock) -> Iterator[House]:
    """Schools, churches, halls: one or two large buildings of unusual shape."""
    rng = build.rng
    centre, short = centre_of(block), min(block.size)
    choice = rng.random()
    if choice < 0.35:  # a nave with a tower at its end
        width = rng.uniform(11, 16)
        nave = build.house("gable_roof", centre, oriented((width * 2.4, width), block), 3.5)
        yield replace(nave, rise=width * 0.6)
        side = width * rng.uniform(0.5, 0.65)
        at = shifted_on(centre, block, width * 1.2 + side / 2 + 0.3, 0)
        yield replace(build.house("pyramid_roof", at, (side, side), 8), rise=side * 1.6)
    elif choice < 0.6:
        wide = min(short * 0.5, rng.uniform(18, 34))
        yield build.house("revolved", centre, (wide, wide), rng.uniform(2, 4))
    elif choice < 0.8:
        size = min(short * 0.7, rng.uniform(28, 50))
        hall = build.house("flat_roof", centre, oriented((size * 1.3, size), block), 3)
        yield replace(hall, court=float(rng.uniform(0.4, 0.6)))
    else:
        width = min(short * 0.4, rng.uniform(16, 26))
        kind = str(rng.choice(["other", "arched_roof", "multiple_eave_roof"]))
        yield build.house(kind, centre, oriented((width * 1.6, width), block), 2.5)


def due_house(build: Builder, roof: str, middle: tuple[float, float], scale: float) -> House:
    """A building of a wanted type, so that each split has all types."""
    rng = build.rng
    size = {
        "row_roof": (36.0, 22.0), "arched_roof": (30.0, 16.0), "revolved": (16.0, 16.0),
        "flat_roof": (18.0, 12.0), "other": (20.0, 12.0), "pyramid_roof": (11.0, 11.0),
        "multiple_eave_roof": (20.0, 14.0), "mansard_roof": (20.0, 12.0),
    }.get(roof, (14.0, 9.5))  # fmt: skip
    grown = scale * rng.uniform(0.9, 1.25)
    return build.house(roof, middle, (size[0] * grown, size[1] * grown), rng.uniform(1, 3))


BUILDERS: dict[str, Callable[[Builder, StreetBlock], Iterator[House]]] = {
    "houses": houses,
    "terraces": terraces,
    "slabs": slabs,
    "towers": towers,
    "perimeter": perimeter,
    "industry": industry,
    "civic": civic,
}
"""How each use of a block is built on; park and bare ground have no buildings."""


def turned_along(house: House, build: Builder, middle: tuple[float, float], along_u: bool) -> House:
    """The same building with its ridge along the street even where it is deeper than broad."""
    angle = build.bend.direction(*middle) + (0.0 if along_u else np.pi / 2)
    if abs(np.sin(angle - house.angle)) < 0.5:
        return house
    return replace(house, angle=float(angle), length=house.width, width=house.length)
