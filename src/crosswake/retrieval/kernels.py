"""The loops of ranking and re-ranking, compiled by numba, which is imported with this module.

A kernel works on the rows that it is given and does not hold the interpreter's lock, so that
threads can share the rows."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

STRETCH = 4096
"""Similarities of one query that are compared with all its true matches before the next ones are
read; 16 KB of them stay in the fastest cache."""


F = TypeVar("F", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[F], F]:
    """A decorator that compiles a function and stores the result where numba may write to disk."""

    def decorate(function: F) -> F:
        try:
            found: F = njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # numba found no folder that it can write to
            found = njit(nogil=True, **options)(function)
        return found

    return decorate


class Targets(NamedTuple):
    """The m true matches of n queries.

    ``begin`` (n + 1,) says where the matches of each query begin; ``column`` (m,) is their place
    in the gallery, ``similarity`` (m,) their similarity to the query, ``before`` (m,) the number
    of gallery entries in front of each so far, ``above`` (m,) of those that are more similar, and
    ``equal`` (m,) of those exactly as similar, itself among them.
    """

    begin: NDArray[np.int64]
    column: NDArray[np.int64]
    similarity: NDArray[np.float32]
    before: NDArray[np.int64]
    above: NDArray[np.int64]
    equal: NDArray[np.int64]


class Nearest(NamedTuple):
    """The most similar entries of n queries so far.

    ``column`` and ``similarity`` (n, k) are heaps with the worst entry first; ``least`` (n,) is
    the smallest similarity to any entry.
    """

    column: NDArray[np.int64]
    similarity: NDArray[np.float32]
    least: NDArray[np.float32]


class Sparse(NamedTuple):
    """A sparse matrix by rows, as in SciPy's CSR arrays."""

    begin: NDArray[Any]
    column: NDArray[Any]
    value: NDArray[np.float32]


@compiled()
def compare(
    block: NDArray[np.float32], start: int, size: int, targets: Targets, nearest: Nearest
) -> None:
    """Compare n queries with the gallery entries of a block.

    Args:
        block: (n, at least ``size``) similarities; what is behind ``size`` is padding.
        start: place of the first column in the gallery.
        size: number of gallery entries in the block.
        targets: true matches, whose ``before`` is added to.
        nearest: entries so far, replaced by better ones. Of equal ones the lower place is better;
            blocks must come in the order of the gallery.
    """
    for row in range(len(block)):
        count_before(block[row], start, size, targets, row)
        update_nearest(block[row], start, size, nearest, row)


@compiled()
def count_before(
    values: NDArray[np.float32], start: int, size: int, targets: Targets, row: int
) -> None:
    """Count the entries in front of every true match of a query.

    A plain count for each match takes a vector instruction for eight entries, which is faster than
    to find each entry's place among the matches, up to some hundred of them."""
    for first in range(0, size, STRETCH):
        last = min(size, first + STRETCH)
        for match in range(targets.begin[row], targets.begin[row + 1]):
            limit = targets.similarity[match]
            own = min(max(targets.column[match] - start, first), last)
            above = np.int32(0)
            lower, higher = np.int32(0), np.int32(0)  # equal ones on either side of the match
            for place in range(first, own):  # an equal entry is in front if its place is lower
                above = np.int32(above + np.int32(values[place] > limit))
                lower = np.int32(lower + np.int32(values[place] == limit))
            for place in range(own, last):
                above = np.int32(above + np.int32(values[place] > limit))
                higher = np.int32(higher + np.int32(values[place] == limit))
            targets.before[match] += above + lower
            targets.above[match] += above
            targets.equal[match] += lower + higher


@compiled()
def update_nearest(
    values: NDArray[np.float32], start: int, size: int, nearest: Nearest, row: int
) -> None:
    """Put every entry that is better than the heap's worst in its place."""
    heap, columns, least = nearest.similarity[row], nearest.column[row], nearest.least[row]
    for place in range(size):
        value = values[place]
        least = min(least, value)
        if len(heap) and value > heap[0]:
            replace_worst(heap, columns, value, start + place)
    nearest.least[row] = least


@compiled()
def replace_worst(
    heap: NDArray[np.float32], columns: NDArray[np.int64], value: float, column: int
) -> None:
    """Take the first entry out of a heap and put another one in."""
    hole, child = 0, 1
    while child < len(heap):
        other = child + 1
        if other < len(heap) and (
            heap[other] < heap[child]
            or (heap[other] == heap[child] and columns[other] > columns[child])
        ):
            child = other
        if value < heap[child] or (value == heap[child] and column > columns[child]):
            break
        heap[hole], columns[hole] = heap[child], columns[child]
        hole, child = child, 2 * child + 1
    heap[hole], columns[hole] = value, column


@compiled(fastmath={"reassoc"})  # lets the sum be split over a vector
def inner_products(
    features: NDArray[np.float32], first: int, last: int, where: Sparse, result: NDArray[np.float32]
) -> None:
    """Write the inner products of features with each other where a sparse matrix has entries, from
    row ``first`` to before ``last``."""
    for row in range(first, last):
        for entry in range(where.begin[row], where.begin[row + 1]):
            one, other = features[row], features[where.column[entry]]
            total = np.float32(0)
            for place in range(len(one)):
                total += one[place] * other[place]
            result[entry] = total


@compiled()
def add_minima(query: Sparse, gallery: Sparse, total: NDArray[np.float32], half: bool) -> None:
    """Add the sums of minima of n sparse vectors and G others to ``total`` (n, G).

    Args:
        query: n vectors, by rows.
        gallery: the other vectors turned, that is, a row lists all that are not zero in a column.
        total: (n, G), zeros at first.
        half: round every sum to half precision.
    """
    for row in range(len(query.begin) - 1):
        for entry in range(query.begin[row], query.begin[row + 1]):
            weight, column = query.value[entry], query.column[entry]
            for other in range(gallery.begin[column], gallery.begin[column + 1]):
                place = gallery.column[other]
                found = np.float32(total[row, place] + min(weight, gallery.value[other]))
                if half:  # to the nearest number of 11 bits; of two as near, to the even one
                    bits = found.view(np.int32)
                    bits += 0x0FFF + ((bits >> 13) & 1)
                    found = np.int32(bits & ~0x1FFF).view(np.float32)
                total[row, place] = found
