"""Places and sizes on a block, in street coordinates, whichever of its sides is the longer."""

from collections.abc import Iterator

import numpy as np

from crosswake.simulate.parts import Random
from crosswake.simulate.streets import StreetBlock


def lots_of(
    block: StreetBlock, rng: Random, width: tuple[float, float]
) -> Iterator[tuple[tuple[float, float], float, float]]:
    """Middle, depth and width of the plots of a block, in two rows where it is deep enough."""
    long, short = max(block.size), min(block.size)
    rows = 2 if short > 1.9 * width[0] else 1
    depth = short / rows
    for number in range(rows):
        side = (number + 0.5 - rows / 2) * depth
        # Houses stand nearer to the street than to the gardens behind.
        side += 0.12 * depth * (0 if rows == 1 else np.sign(side))
        count = max(1, round(long / rng.uniform(*width)))
        lot = long / count
        for place in range(count):
            yield (
                shifted_on(centre_of(block), block, (place + 0.5) * lot - long / 2, side),
                depth,
                lot,
            )


def centre_of(block: StreetBlock) -> tuple[float, float]:
    """The middle, in street coordinates."""
    return (block.u0 + block.u1) / 2, (block.v0 + block.v1) / 2


def shifted_on(
    at: tuple[float, float], block: StreetBlock, along: float, across: float
) -> tuple[float, float]:
    """A point shifted along and across the longer side of a block."""
    step = (along, across) if block.size[0] >= block.size[1] else (across, along)
    return at[0] + step[0], at[1] + step[1]


def oriented(size: tuple[float, float], block: StreetBlock) -> tuple[float, float]:
    """A size along and across the longer side of a block as a size along u and v."""
    return size if block.size[0] >= block.size[1] else (size[1], size[0])


def middle_side(block: StreetBlock, at: tuple[float, float]) -> bool:
    """Whether a point is in the second row of its block."""
    offset = at[1] - centre_of(block)[1], at[0] - centre_of(block)[0]
    return (offset[0] if block.size[0] >= block.size[1] else offset[1]) > 0
