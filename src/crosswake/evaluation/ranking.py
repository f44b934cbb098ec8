"""The exact place of true matches in rankings that are never made: blocks of similarities, counted and dropped.

Average precision, CMC and mINP need the rank of each true match only, and a rank is one more than the number of
gallery entries before it: a count, not a sort. Similarities come from single-precision matrix products, whose last
bits depend on the device and on the block. Their error is bounded: |computed - true| <= D u |q| |g| in whatever
order a product adds its D terms, u = 2^-24 (Higham, "Accuracy and Stability of Numerical Algorithms", 2002,
section 3.1). Entries farther than that bound from a true match are counted as they are; those within it, and the
candidates for the rank list, are settled by :func:`crosswake.evaluation.features.exact_pairs`, which depends on
nothing but the two features. So the result is that of a stable sort by exact distances, on any device, for any
budget.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.errors import CrosswakeError
from crosswake.evaluation.counting import Targets
from crosswake.evaluation.features import Features, exact_pairs
from crosswake.evaluation.nearest import SLACK, Nearest
from crosswake.evaluation.space import Space

GIGABYTE = 2**30
LEAST_BUDGET = 2**25
TILE, STRIP = 32768, 1024
"""Most gallery entries, and most queries, in one matrix product."""
BYTES_PER_MATCH, BYTES_PER_CANDIDATE = 128, 96


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Who belongs to whom.

    Attributes:
        order: (G,), gallery indices, those of one identity together and ascending.
        start: (Q,), where the true matches of each query begin in ``order``.
        count: (Q,), how many they are.
    """

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]

    def of(self, query: int) -> NDArray[np.int64]:
        """The gallery indices of a query's true matches, ascending."""
        return self.order[self.start[query] : self.start[query] + self.count[query]]


def find_matches(query_ids: NDArray[Any], gallery_ids: NDArray[Any]) -> Matches:
    """Group the gallery by identity: O(Q + G) memory, where a table of pairs would take Q x G."""
    _, codes = np.unique(np.concatenate([query_ids, gallery_ids]), return_inverse=True)
    asked, sought = codes[: len(query_ids)], codes[len(query_ids) :]
    order = np.argsort(sought, kind="stable")
    ordered = sought[order]
    start, stop = (np.searchsorted(ordered, asked, side=side) for side in ("left", "right"))
    return Matches(order=order, start=start, count=stop - start)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What is left of a block of queries once the whole gallery has gone by.

    Attributes:
        rows: which queries.
        top: (n, k), gallery indices of the nearest, nearest first.
        top_distance: (n, k), their squared distances.
        farthest: (n,), the largest squared distance to any entry, to within the error bound.
        ranks: (m,), ranks of the true matches from 1, ascending, a query at a time; None if none were sought.
    """

    rows: slice
    top: NDArray[np.int64]
    top_distance: NDArray[np.float32]
    farthest: NDArray[np.float32]
    ranks: NDArray[np.int64] | None


def compare(
    query: Features,
    gallery: Features,
    matches: Matches | None = None,
    *,
    top: int,
    budget: int = GIGABYTE,
    device: str = "cpu",
    rough: bool = False,
) -> Iterator[Compared]:
    """Compare every query with the whole gallery; yield what is left, a block of queries at a time, in their order.

    Args:
        query: Q of them; Q may be 0.
        gallery: G of them, at least 1.
        matches: whose rank is sought; None for rank lists alone.
        top: length of the rank lists, at most G.
        budget: bytes to work in, features and results not counted; at least 32 MB.
        device: where the products are computed, a torch device; counting is done on the CPU.
        rough: distances in the rank lists need not be exact; their order is.

    Raises:
        CrosswakeError: a budget too small, a device that is not there.
    """
    import torch  # noqa: PLC0415

    if budget < LEAST_BUDGET:
        raise CrosswakeError(f"budget: {budget} bytes are too few to rank in; give at least {LEAST_BUDGET}")
    where = open_device(device)
    space = Space.of(query, gallery)
    tile = min(len(gallery), TILE, max(256, budget // 8 // (8 * query.width + 1)))
    strip = min(STRIP, max(1, budget // 8 // (4 * tile)))
    exact = partial(exact_pairs, threads=max(1, torch.get_num_threads()))
    with full_single_precision():
        for part in query_blocks(query, matches, top, budget // 2):
            nearest = Nearest(space, part, top, where, exact)
            numbers = range(part.start, part.stop)
            targets = Targets(space, part, map(matches.of, numbers), exact) if matches else None
            for first, start, similarity in similarities(space, part, tile, strip, where):
                nearest.visit(first, similarity, start)
                if targets:
                    targets.visit(first, similarity.cpu().numpy(), start)
            places, distance = nearest.lists(rough=rough)
            yield Compared(
                rows=part,
                top=places,
                top_distance=distance,
                farthest=nearest.farthest(),
                ranks=targets.ranks() if targets else None,
            )


def similarities(space: Space, part: slice, tile: int, strip: int, where: Any) -> Iterator[tuple[int, int, Any]]:
    """Every block of similarities: its first query, counted from that of ``part``, its first gallery entry, values."""
    import torch  # noqa: PLC0415

    asked = torch.from_numpy(space.query.scaled(part, space.scale)).to(where)
    room = torch.empty(min(strip, len(asked)) * tile, device=where)
    for start in range(0, len(space.gallery), tile):
        columns = slice(start, min(len(space.gallery), start + tile))
        sought = torch.from_numpy(space.gallery.scaled(columns, space.scale)).to(where)
        offset = space.offset(columns)
        for first in range(0, len(asked), strip):
            rows = asked[first : first + strip]
            block = room[: len(rows) * len(sought)].view(len(rows), len(sought))
            torch.mm(rows, sought.T, out=block)
            if offset is not None:
                block -= torch.from_numpy(offset).to(where)
            yield first, start, block


def query_blocks(query: Features, matches: Matches | None, top: int, budget: int) -> Iterator[slice]:
    """Parts of the queries whose features, lists and counts fit into ``budget`` bytes; one query at least."""
    needs = np.full(len(query), 4 * query.width + BYTES_PER_CANDIDATE * (top + SLACK))
    if matches is not None:
        needs = needs + BYTES_PER_MATCH * matches.count
    ends = np.cumsum(needs)
    start = 0
    while start < len(query):
        used = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, used + budget, side="right")))
        yield slice(start, stop)
        start = stop


def open_device(name: str) -> Any:
    """The torch device ``name``, tried out."""
    import torch  # noqa: PLC0415

    try:
        return torch.empty(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise CrosswakeError(f"device: torch cannot use '{name}' on this machine; take cpu") from error


@contextmanager
def full_single_precision() -> Iterator[None]:
    """Matrix products in true single precision: the error bound does not hold for TF32 or bfloat16."""
    import torch  # noqa: PLC0415

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
