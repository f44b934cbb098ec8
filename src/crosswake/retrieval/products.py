"""Similarities of features, a strip of queries at a time, in memory that is used again.

Similarities in single precision are the definition of the order. A product's last bit depends on
the shapes that are multiplied and on the threads that share the work. Therefore every product has
one shape, the last ones are padded to it, and each is computed by one thread. Then the result is
the same for any budget and any number of threads, and equal features are equally similar to a
query."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval.features import Features

T = TypeVar("T")
GIGABYTE = 2**30
LEAST_BUDGET = 2**25
QUERIES, ENTRIES = 128, 1024
"""Queries and gallery entries in one product; another shape may change a result's last bit."""
STRIP_BYTES = 2**25
"""Similarities held at a time where the gallery is small; so many stay in the processor's cache."""
ONE_AT_A_TIME = threading.Lock()
"""Held while products are computed, for PyTorch's number of threads and its precision are those of
the whole process."""


@dataclass(frozen=True, kw_only=True)
class RankOptions:
    """How to rank.

    Attributes:
        top: length of the rank lists; the whole gallery if that is shorter.
        normalise: scale features to length 1 first, so that the order is that of cosine similarity.
        budget: bytes to work in besides features and result; at least 32 MB.
        device: where products are computed, a PyTorch device such as ``cuda``. All else is done on
            the CPU.
    """

    top: int = 50
    normalise: bool = True
    budget: int = GIGABYTE
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.budget < LEAST_BUDGET:
            raise CrosswakeError(
                f"budget: {self.budget} bytes are too few to rank in; give at least {LEAST_BUDGET}"
            )


class Products:
    """Similarities of strips of queries to parts of the gallery, in memory that is used again.

    Args:
        query: Q features.
        gallery: G features.
        options: budget and device.
        width: gallery entries at a time, at most; rounded to whole products.
    """

    def __init__(
        self, query: Features, gallery: Features, options: RankOptions, width: int
    ) -> None:
        self._query, self._gallery = query, gallery
        self._device = open_device(options.device)
        self.width = ENTRIES * max(1, -(-min(width, len(gallery)) // ENTRIES))
        each = QUERIES * (4 * self.width + 16 * min(options.top, len(gallery)))
        height = min(STRIP_BYTES, options.budget // 2) // each
        self._height = QUERIES * max(1, min(height, -(-len(query) // QUERIES)))
        self._strip = np.empty((self._height, self.width), dtype=np.float32)
        block_bytes = 8 * ENTRIES * gallery.rows.shape[1]
        self._threads = max(1, min(threads(), options.budget // 4 // block_bytes))

    def strips(self) -> Iterator[slice]:
        """The queries of each strip."""
        for start in range(0, len(self._query), self._height):
            yield slice(start, min(start + self._height, len(self._query)))

    def fill(self, rows: slice, first: int) -> NDArray[np.float32]:
        """(n, width): similarities to gallery entries from ``first`` on, good until the next call.

        Columns behind the gallery's last entry mean nothing."""
        import torch

        height = -(-(rows.stop - rows.start) // QUERIES) * QUERIES
        queries = torch.from_numpy(self._query.block(rows.start, height)).to(self._device)
        strip = torch.from_numpy(self._strip)

        def multiply(start: int) -> None:
            entries = torch.from_numpy(self._gallery.block(start, ENTRIES)).to(self._device).T
            offset = torch.from_numpy(self._gallery.offset(start, ENTRIES))
            columns = slice(start - first, start - first + ENTRIES)
            for row in range(0, height, QUERIES):
                target = strip[row : row + QUERIES, columns]
                target.copy_(torch.mm(queries[row : row + QUERIES], entries))
                if offset.any():
                    target -= offset

        with ONE_AT_A_TIME, single_precision():
            stop = min(first + self.width, len(self._gallery))
            in_threads(multiply, range(first, stop, ENTRIES), self._threads)
        return self._strip[: rows.stop - rows.start]


def threads() -> int:
    """How many threads PyTorch is set to use."""
    import torch

    return max(1, torch.get_num_threads())


def in_threads(work: Callable[[int], T], parts: Iterable[int], count: int) -> list[T]:
    """The results of ``work`` for all parts, in ``count`` threads. In these PyTorch uses no
    further ones."""
    import torch

    before = torch.get_num_threads()  # PyTorch would give later threads the last number set
    try:
        with ThreadPoolExecutor(count, "products", torch.set_num_threads, (1,)) as pool:
            return list(pool.map(work, parts))
    finally:
        torch.set_num_threads(before)


def open_device(name: str) -> Any:
    """The torch device ``name``, tried out."""
    import torch

    try:
        return torch.empty(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise CrosswakeError(
            f"device: torch cannot use '{name}' on this machine; take cpu"
        ) from error


@contextmanager
def single_precision() -> Iterator[None]:
    """Matrix products in true single precision, whatever the process has set: neither TF32 on a
    GPU nor bfloat16 on a CPU.

    PyTorch has an older setting for all backends and, from 2.9 on, one for each. The older one
    cannot be read where the newer ones contradict it."""
    import torch

    matmuls = [
        backend.matmul
        for backend in (torch.backends.cuda, torch.backends.mkldnn)
        if hasattr(getattr(backend, "matmul", None), "fp32_precision")
    ]
    before = [matmul.fp32_precision for matmul in matmuls]
    try:
        older = torch.get_float32_matmul_precision()
    except RuntimeError:
        older = None
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        if older:
            torch.set_float32_matmul_precision(older)
        for matmul, precision in zip(matmuls, before, strict=True):
            matmul.fp32_precision = precision
