"""The exact place of true matches in rankings that are never made: blocks of similarities, counted
and dropped.

Average precision, CMC and mINP need the rank of each true match only, and a rank is one more than
the number of gallery entries before it: a count, not a sort. Similarities come from
single-precision matrix products, whose last bits depend on the device and on the block. Their error
is bounded: |computed - true| <= D u |q| |g| in whatever order a product adds its D terms, u = 2^-24
(Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1). Entries farther than
that bound from a true match are counted as they are; those within it, and the candidates for the
rank list, are settled by :func:`crosswake.retrieval.features.exact_pairs`, which depends on nothing
but the two features. So the result is that of a stable sort by exact distances, on any device, for
any budget."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval.counting import Targets
from crosswake.retrieval.features import Features, exact_pairs
from crosswake.retrieval.nearest import SLACK, Nearest
from crosswake.retrieval.space import Space

GIGABYTE = 2**30
LEAST_BUDGET = 2**25
TILE, STRIP = 32768, 2048
"""Most gallery entries, and most queries, in one matrix product."""
SQUARE = 16384
"""Most features compared with each other in one go."""
MIRRORED = 768
"""Rows multiplied at a time there; more would waste more on the diagonal, fewer leave the cores
idle."""
GROUP = 16
"""Settling all of a row of similarities takes so many times its memory."""
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
class Sizes:
    """How much is multiplied at a time.

    Attributes:
        tile: gallery entries.
        strip: queries.
        square: features that are compared with each other in one go.
        group: queries whose lists are settled together.
    """

    tile: int
    strip: int
    square: int
    group: int

    @classmethod
    def of(cls, space: Space, budget: int) -> "Sizes":
        """What fits into half of ``budget`` bytes."""
        tile = min(len(space.gallery), TILE, max(256, budget // 8 // (8 * space.gallery.width + 1)))
        strip = min(STRIP, max(1, budget // 8 // (4 * tile)))
        square = min(SQUARE, math.isqrt(budget // 16))
        return cls(tile=tile, strip=strip, square=square, group=max(1, strip // GROUP))


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What is left of a block of queries once the whole gallery has gone by.

    Attributes:
        rows: which queries.
        top: (n, k), gallery indices of the nearest, nearest first.
        top_distance: (n, k), their squared distances.
        farthest: (n,), the largest squared distance to any entry, to within the error bound.
        ranks: (m,), ranks of the true matches from 1, ascending, a query at a time; None if none
            were sought.
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
    cuts: Sequence[int] | None = None,
) -> Iterator[Compared]:
    """Compare every query with the whole gallery; yield what is left, a block of queries at a time,
    in their order.

    Args:
        query: Q of them; Q may be 0.
        gallery: G of them, at least 1.
        matches: whose rank is sought; None for rank lists alone.
        top: length of the rank lists, at most G.
        budget: bytes to work in, features and results not counted; at least 32 MB.
        device: where the products are computed, a torch device; counting is done on the CPU.
        cuts: lengths of the beginnings of rank lists that must be exact as sets; None wants all in
            exact order.

    Raises:
        CrosswakeError: a budget too small, a device that is not there.
    """
    import torch

    if budget < LEAST_BUDGET:
        raise CrosswakeError(
            f"budget: {budget} bytes are too few to rank in; give at least {LEAST_BUDGET}"
        )
    where = open_device(device)
    space = Space.of(query, gallery)
    sizes = Sizes.of(space, budget)
    threads = max(1, torch.get_num_threads())
    exact = partial(exact_pairs, threads=threads)
    with full_single_precision():
        for part in query_blocks(query, matches, top, budget // 2):
            nearest = Nearest(space, part, top, where, exact, tile=sizes.tile, group=sizes.group)
            numbers = range(part.start, part.stop)
            targets = (
                Targets(space, part, map(matches.of, numbers), exact, threads=threads)
                if matches
                else None
            )
            for first, start, similarity in similarities(space, part, sizes, where):
                nearest.visit(first, similarity, start)
                if targets:
                    targets.visit(first, similarity.cpu().numpy(), start)
            places, distance = nearest.lists(cuts)
            yield Compared(
                rows=part,
                top=places,
                top_distance=distance,
                farthest=nearest.farthest(),
                ranks=targets.ranks() if targets else None,
            )


def similarities(
    space: Space, part: slice, sizes: Sizes, where: Any
) -> Iterator[tuple[int, int, Any]]:
    """Every block of similarities: its first query, counted from that of ``part``, its first
    gallery entry, values.

    A block is good until the next is asked for.
    """
    import torch

    asked = torch.from_numpy(space.query.scaled(part, space.scale)).to(where)
    if space.query is space.gallery and len(asked) == len(space.gallery) <= sizes.square:
        yield 0, 0, less(mirrored(asked), space.offset(slice(None)))
        return
    # NumPy asks the system for large pages, which PyTorch does not.
    room = torch.from_numpy(np.empty(min(sizes.strip, len(asked)) * sizes.tile, np.float32)).to(
        where
    )
    for start in range(0, len(space.gallery), sizes.tile):
        columns = slice(start, min(len(space.gallery), start + sizes.tile))
        sought = torch.from_numpy(space.gallery.scaled(columns, space.scale)).to(where)
        offset = space.offset(columns)
        for first in range(0, len(asked), sizes.strip):
            rows = asked[first : first + sizes.strip]
            block = room[: len(rows) * len(sought)].view(len(rows), len(sought))
            yield first, start, less(torch.mm(rows, sought.T, out=block), offset)


def mirrored(rows: Any) -> Any:
    """(n, n): inner products of rows with each other, half of them computed."""
    import torch

    result = torch.from_numpy(np.empty((len(rows), len(rows)), np.float32)).to(rows.device)
    parts = [slice(start, start + MIRRORED) for start in range(0, len(rows), MIRRORED)]
    for number, one in enumerate(parts):
        for other in parts[number:]:
            torch.mm(rows[one], rows[other].T, out=result[one, other])
            if other is not one:
                result[other, one] = result[one, other].T
    return result


def less(block: Any, offset: NDArray[np.float32] | None) -> Any:
    """The block less an offset a column, in place."""
    import torch

    return block if offset is None else block.sub_(torch.from_numpy(offset).to(block.device))


def query_blocks(
    query: Features, matches: Matches | None, top: int, budget: int
) -> Iterator[slice]:
    """Parts of the queries whose features, lists and counts fit into ``budget`` bytes; one query at
    least."""
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
    import torch

    try:
        return torch.empty(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise CrosswakeError(
            f"device: torch cannot use '{name}' on this machine; take cpu"
        ) from error


@contextmanager
def full_single_precision() -> Iterator[None]:
    """Matrix products in true single precision: the error bound does not hold for TF32 or
    bfloat16."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
