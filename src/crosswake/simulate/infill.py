"""What fills the gaps of a block: sheds, workshops, houses in second row, where there is room."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from crosswake.simulate.parts import Random
from crosswake.simulate.plots import Builder
from crosswake.simulate.roofs import House
from crosswake.simulate.streets import StreetBlock

SETBACK = 5.0
"""Least distance from the middle of a building to its block's edge, metres."""
FILLS: dict[str, tuple[float, tuple[float, float], tuple[float, float], float]] = {
    "houses": (120.0, (7, 15), (6, 11), 1.6),
    "terraces": (90.0, (8, 18), (7, 11), 2.0),
    "slabs": (170.0, (10, 28), (8, 14), 2.0),
    "towers": (150.0, (14, 36), (10, 20), 2.5),
    "perimeter": (80.0, (8, 24), (6, 12), 2.5),
    "industry": (110.0, (9, 32), (8, 20), 1.5),
    "civic": (250.0, (10, 24), (8, 14), 2.0),
}
"""By use of the block: square metres for each attempt, lengths, widths, mean storeys."""


def infill(build: Builder, block: StreetBlock) -> Iterator[House]:
    """Buildings at random places of a block, along its streets; most will find no room."""
    if block.use not in FILLS or min(block.size) < 4 * SETBACK:
        return
    each, lengths, widths, storeys = FILLS[block.use]
    rng = build.rng
    for _ in range(int(block.size[0] * block.size[1] / each)):
        at = (
            rng.uniform(block.u0 + SETBACK, block.u1 - SETBACK),
            rng.uniform(block.v0 + SETBACK, block.v1 - SETBACK),
        )
        size = rng.uniform(*lengths), rng.uniform(*widths)
        flat = rng.random() < (0.15 if block.use == "houses" else 0.5)
        roof = "flat_roof" if flat else build.sloping()
        turned = size if rng.random() < 0.5 else (size[1], size[0])
        house = build.house(roof, at, turned, max(1.0, rng.normal(storeys, 0.5)))
        if rng.random() < 0.25 and roof in ("flat_roof", "gable_roof", "hipped_roof_v1"):
            house = replace(house, wing=float(rng.uniform(3, 8)))
        yield replace(house, rise=min(house.rise, 4.0))


def larger_first(houses: Iterable[House], rng: Random) -> list[House]:
    """Roughly by size, so that small ones do not take the places of large ones."""
    drawn = list(houses)
    sizes = [house.length * house.width * rng.uniform(0.4, 1) for house in drawn]
    return [drawn[int(number)] for number in np.argsort(sizes)[::-1]]
