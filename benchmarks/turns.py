"""A share of the rate of matrix products, timed in the same turns, and curves of rates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.machine import square_products
from benchmarks.record import OURS
from benchmarks.timing import Ratio, Timing, interleave, share_of_rate

Ways = dict[str, Callable[[], Any]]
PRODUCTS = "float32 products"
SCALING = (4, 2, 1)
"""Curves are measured at a quarter, half and all of the batch."""


def timed_beside_products(
    ways: Mapping[str, Callable[[], Any]], *, flops: float, repeats: int, device: str, quiet: bool
) -> tuple[dict[str, Timing], Ratio]:
    """Time ways in turn with float32 products.

    Other work on the machine slows both alike, so the share changes less than a share of a rate
    that was measured before.

    Returns:
        The timings, and our share of the products' rate, turn by turn.
    """
    products, product_flops = square_products(device)
    products()
    timings = interleave({**ways, PRODUCTS: products}, repeats=repeats, quiet=quiet)
    limit = timings.pop(PRODUCTS)
    return timings, share_of_rate(flops, timings[OURS], product_flops, limit)


def rates_over(
    sizes: Sequence[int], ways_of: Callable[[int], Ways], chips_of: Callable[[int], int]
) -> dict[str, Any]:
    """Chips a second, by way and by size, from one run each."""
    curves: dict[str, dict[int, float]] = {}
    for size in sizes:
        for name, timing in interleave(ways_of(size), repeats=1).items():
            curves.setdefault(name, {})[size] = chips_of(size) / timing.median
    return curves


def parts_of(batch: int, least: int = 1) -> list[int]:
    """The sizes of a curve that ends at ``batch``, multiples of ``least``."""
    return sorted({max(batch // part // least, 1) * least for part in SCALING})
