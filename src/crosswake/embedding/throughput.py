"""How fast a model embeds, beside how fast the machine multiplies matrices."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from crosswake.batches.store import ChipStore
from crosswake.models.embedder import HALF, Embedder

MATRIX_SIDE = 2048


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """What was measured, one value a repeat.

    Attributes:
        chips_per_second: of the model alone, chips being decoded already.
        matrix_rate: floating-point operations a second of square matrix products around the same
            moment.
        chip_operations: floating-point operations that one chip takes, a multiply-add counted as
            two.
    """

    chips_per_second: tuple[float, ...]
    matrix_rate: tuple[float, ...]
    chip_operations: float

    @property
    def shares(self) -> tuple[float, ...]:
        """The model's operations a second over the matrix rate."""
        pairs = zip(self.chips_per_second, self.matrix_rate, strict=True)
        return tuple(self.chip_operations * chips / rate for chips, rate in pairs)

    @property
    def share(self) -> float:
        """The median of :attr:`shares`."""
        return statistics.median(self.shares)


def measure_throughput(
    embedder: Embedder,
    store: ChipStore,
    *,
    batch_size: int = 32,
    repeats: int = 3,
    side: int = MATRIX_SIDE,
) -> Throughput:
    """Time ``embed_store`` and, before and after each time, products of square matrices in the same
    number type.

    Args:
        embedder: the model.
        store: what it embeds each time.
        batch_size: chips at a time.
        repeats: how often.
        side: of the square matrices.
    """
    embedder.embed_store(store.rows(slice(batch_size)), batch_size=batch_size)  # warm-up
    rates, chips = [matrix_rate(embedder, side)], []
    for _ in range(repeats):
        seconds = timed(lambda: embedder.embed_store(store, batch_size=batch_size))
        chips.append(len(store) / seconds)
        rates.append(matrix_rate(embedder, side))
    around = [(before + after) / 2 for before, after in pairwise(rates)]
    return Throughput(
        chips_per_second=tuple(chips),
        matrix_rate=tuple(around),
        chip_operations=chip_operations(embedder, store),
    )


def matrix_rate(embedder: Embedder, side: int = MATRIX_SIDE, products: int = 5) -> float:
    """Floating-point operations a second of square products on the embedder's device; the median of
    some."""
    kind = HALF.get(embedder.precision, torch.float32)
    one, other = (torch.randn(side, side, device=embedder.device).to(kind) for _ in range(2))

    def product() -> None:
        torch.mm(one, other)
        if embedder.device.type == "cuda":
            torch.cuda.synchronize()

    product()
    return 2 * side**3 / statistics.median(timed(product) for _ in range(products))


def chip_operations(embedder: Embedder, store: ChipStore) -> float:
    """Operations in the matrix products, convolutions and attention of one chip, as PyTorch counts
    them."""
    pictures, modality, size = (
        value[:1].to(embedder.device) for value in (store.pictures, store.modality, store.size)
    )
    # The counter knows the attention that is written out, not the CPU's fused one; the products are
    # the same.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        embedder.graph(pictures, modality, size)
    return float(counter.get_total_flops())


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
