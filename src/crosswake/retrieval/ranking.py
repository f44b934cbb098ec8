"""Exact ranks of true matches, and the nearest gallery entries, without a sort of the gallery.

Average precision, CMC and mINP need only the rank of each true match, and a rank is one more than
the number of gallery entries in front: a count, not a sort. So similarities are computed for a
strip of queries at a time, counted, and overwritten by those of the next strip. See
:mod:`crosswake.retrieval.products` for why the result does not depend on the budget."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crosswake.retrieval.features import Features, check_counts, prepare
from crosswake.retrieval.metrics import Hits, Ints, Ranking
from crosswake.retrieval.products import (
    QUERIES,
    STRIP_BYTES,
    Products,
    RankOptions,
    in_threads,
    threads,
)

if TYPE_CHECKING:
    from crosswake.retrieval.kernels import Nearest, Targets

DEFAULTS = RankOptions()


def rank(
    query: ArrayLike,
    gallery: ArrayLike,
    query_identity: Sequence[Any] | NDArray[Any],
    gallery_identity: Sequence[Any] | NDArray[Any],
    options: RankOptions = DEFAULTS,
    own: Ints | None = None,
) -> Ranking:
    """Rank the gallery for every query by Euclidean distance; of equals, the lower index first.

    Args:
        query: (Q, D) features of any floating type, which may be a memory map; Q may be 0.
        gallery: (G, D) features, likewise; G may be 0.
        query_identity: Q identities.
        gallery_identity: G identities.
        options: length of the rank lists, and where and in how much memory to work.
        own: (Q,), where in the gallery each query stands itself, -1 where it does not. It is no
            answer to itself: neither a match nor in the rank list.

    Raises:
        CrosswakeError: features that are not finite, counts that do not fit each other, a device
            that is not there.
    """
    query_ids, gallery_ids = np.asarray(query_identity), np.asarray(gallery_identity)
    check_counts(query, gallery, len(query_ids), len(gallery_ids))
    result = Ranking.empty(len(query_ids), len(gallery_ids), options.top, own)
    if len(query_ids) and len(gallery_ids):
        features = prepare(query, gallery, options.normalise)
        wanted = find_matches(query_ids, gallery_ids, own)
        for found in search(*features, options, wanted):
            write(result, found, features[0])
    return result


def rank_rows(
    rows: Iterable[NDArray[Any]],
    query_identity: Sequence[Any] | NDArray[Any],
    gallery_identity: Sequence[Any] | NDArray[Any],
    top: int = 50,
    own: Ints | None = None,
) -> Ranking:
    """:func:`rank` by distances that are given, such as re-ranked ones.

    Args:
        rows: the (G,) distances of each query in turn; they are compared in single precision.
        query_identity: Q identities.
        gallery_identity: G identities.
        top: length of the rank lists.
        own: as in :func:`rank`.
    """
    query_ids, gallery_ids = np.asarray(query_identity), np.asarray(gallery_identity)
    result = Ranking.empty(len(query_ids), len(gallery_ids), top, own)
    if not len(query_ids) or not len(gallery_ids):
        return result
    matches = find_matches(query_ids, gallery_ids, own)
    count, start, rest = max(1, STRIP_BYTES // (4 * len(gallery_ids))), 0, iter(rows)
    while part := list(islice(rest, count)):
        block = -np.asarray(part, dtype=np.float32)
        found = Found.of(slice(start, start + len(part)), len(gallery_ids), top, matches)
        found.read(block, 0)
        found.compare(block, 0)
        write(result, found)
        start += len(part)
    return result


def write(result: Ranking, found: "Found", query: Features | None = None) -> None:
    """Write what was found for a strip of queries; without features similarities are distances
    below zero."""
    column, similarity = found.nearest_first()
    result.top[found.rows] = column
    result.top_distance[found.rows] = (
        query.distance(found.rows, similarity) if query else -similarity
    )
    result.write(found.rows, found.hits())


def distance_rows(
    query: ArrayLike, gallery: ArrayLike, options: RankOptions = DEFAULTS
) -> Iterator[NDArray[np.float32]]:
    """Yield the (G,) squared distances of each query in turn, as :func:`rank` has them.

    Arguments as there; of the options ``top`` does not count."""
    if not len(np.asarray(query)) or not len(np.asarray(gallery)):
        yield from np.zeros((len(np.asarray(query)), len(np.asarray(gallery))), dtype=np.float32)
        return
    yield from strip_distances(*prepare(query, gallery, options.normalise), options)


def strip_distances(
    query: Features, gallery: Features, options: RankOptions
) -> Iterator[NDArray[np.float32]]:
    """:func:`distance_rows` of features that are prepared."""
    products = Products(query, gallery, options, len(gallery))
    for rows in products.strips():
        block = products.fill(rows, 0)[:, : len(gallery)]
        for row, similarity in enumerate(block, rows.start):
            yield query.distance(slice(row, row + 1), similarity)[0].astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Which gallery entries have the identity of which query.

    Attributes:
        order: (G,), gallery indices, those of one identity together and ascending.
        start: (Q,), where the entries of each query's identity begin in ``order``.
        count: (Q,), how many they are.
        own: (Q,), where in the gallery each query stands itself, else -1.
    """

    order: Ints
    start: Ints
    count: Ints
    own: Ints

    def of(self, rows: slice) -> tuple[Ints, Ints]:
        """(n + 1,) where the matches of each of the queries begin; (m,) their gallery indices."""
        counts, own = self.count[rows], self.own[rows]
        row = np.repeat(np.arange(len(counts)), counts)
        shift = self.start[rows] - (np.cumsum(counts) - counts)
        column = self.order[np.arange(len(row)) + shift[row]]
        other = column != own[row]
        counts = np.bincount(row[other], minlength=len(counts))
        return np.append(0, np.cumsum(counts)), column[other]


def find_matches(
    query_ids: NDArray[Any], gallery_ids: NDArray[Any], own: Ints | None = None
) -> Matches:
    """Group the gallery by identity: O(Q + G) memory, where a table of pairs would take Q x G."""
    _, codes = np.unique(np.concatenate([query_ids, gallery_ids]), return_inverse=True)
    order = np.argsort(codes[len(query_ids) :], kind="stable")
    ordered = codes[len(query_ids) :][order]
    start, stop = (
        np.searchsorted(ordered, codes[: len(query_ids)], side=side) for side in ("left", "right")
    )
    none = np.full(len(query_ids), -1)
    return Matches(order=order, start=start, count=stop - start, own=none if own is None else own)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is known about a strip of queries; its arrays are written to.

    Attributes:
        rows: which queries.
        size: number of gallery entries.
        own: (n,), where in the gallery each query stands itself, else -1.
        targets: their true matches.
        nearest: the best entries so far.
    """

    rows: slice
    size: int
    own: Ints
    targets: "Targets"
    nearest: "Nearest"

    @classmethod
    def of(cls, rows: slice, size: int, top: int, matches: Matches | None) -> "Found":
        """A strip of queries that no gallery entry has been compared with yet."""
        from crosswake.retrieval.kernels import Nearest, Targets

        count = rows.stop - rows.start
        begin = np.zeros(count + 1, dtype=np.int64)
        column = np.zeros(0, dtype=np.int64)
        own = np.full(count, -1)
        if matches:
            (begin, column), own = matches.of(rows), matches.own[rows]
            top = min(top, size - int((matches.own >= 0).any()))
        top = min(top, size)
        return cls(
            rows=rows,
            size=size,
            own=own,
            targets=Targets(
                begin,
                column,
                np.zeros(len(column), np.float32),
                *(np.zeros(len(column), np.int64) for _ in range(3)),
            ),
            nearest=Nearest(
                np.full((count, top), size),
                np.full((count, top), -np.inf, np.float32),
                np.full(count, np.inf, np.float32),
            ),
        )

    def hide_own(self, block: NDArray[np.float32], first: int) -> None:
        """Put every query behind all others in its own rank list."""
        row = np.flatnonzero((self.own >= first) & (self.own < first + block.shape[1]))
        block[row, self.own[row] - first] = -np.inf

    def read(self, block: NDArray[np.float32], first: int) -> None:
        """Take the similarities of true matches from a block of columns from ``first`` on."""
        row = np.repeat(np.arange(len(block)), np.diff(self.targets.begin))
        column = self.targets.column - first
        here = (column >= 0) & (column < block.shape[1])
        self.targets.similarity[here] = block[row[here], column[here]]

    def compare(self, block: NDArray[np.float32], first: int) -> None:
        """Count a block's entries and take the best; :meth:`read` must have seen all blocks."""
        from crosswake.retrieval import kernels

        self.hide_own(block, first)
        size = min(block.shape[1], self.size - first)

        def visit(start: int) -> None:
            part = slice(start, min(start + share, len(block)))
            targets = self.targets._replace(begin=self.targets.begin[part.start : part.stop + 1])
            column, similarity, least = self.nearest
            nearest = kernels.Nearest(column[part], similarity[part], least[part])
            kernels.compare(block[part], first, size, targets, nearest)

        share = -(-len(block) // threads())
        in_threads(visit, range(0, len(block), share), threads())

    def nearest_first(self) -> tuple[Ints, NDArray[np.float32]]:
        """(n, k): the nearest entries in order, of equals the lower index first; similarities."""
        column, similarity = self.nearest.column, self.nearest.similarity
        order = np.lexsort((column, -similarity), axis=1)
        return np.take_along_axis(column, order, 1), np.take_along_axis(similarity, order, 1)

    def hits(self) -> Hits:
        """The true matches, by ascending rank for each query."""
        targets = self.targets
        counts = np.diff(targets.begin)
        order = np.lexsort((targets.before, np.repeat(np.arange(len(counts)), counts)))
        return Hits(
            counts=counts,
            ranks=targets.before[order] + 1,
            above=targets.above[order],
            equal=targets.equal[order],
        )


def search(
    query: Features, gallery: Features, options: RankOptions, matches: Matches | None = None
) -> Iterator[Found]:
    """Compare every query with the whole gallery; yield what was found, strip by strip.

    Where the budget holds no strip of the whole gallery, its parts are computed twice: once to read
    the similarities of true matches, and once to count."""
    products = Products(query, gallery, options, options.budget // (8 * QUERIES))
    parts = range(0, len(gallery), products.width)
    for rows in products.strips():
        found = Found.of(rows, len(gallery), options.top, matches)
        read = len(found.targets.column) > 0
        if read:
            for first in parts:
                block = products.fill(rows, first)
                found.read(block, first)
        for first in parts:
            if not read or len(parts) > 1:
                block = products.fill(rows, first)
            found.compare(block, first)
        yield found
