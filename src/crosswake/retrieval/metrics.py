"""What the ranks of true matches say about every query: average precision, CMC, mINP.

Sources: average precision and CMC as in Zheng et al., "Scalable Person Re-identification: A
Benchmark", ICCV 2015, section 4.2; inverse negative penalty from Ye et al., "Deep Learning for
Person Re-identification: A Survey and Outlook", TPAMI 2021, section 4.1; average precision among
equals from McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently
in the Presence of Tied Scores", ECIR 2008. No gallery entry is left out but the query itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.extras import data_frame
from crosswake.core.text import counted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Hits:
    """The m true matches of n queries: those of a query together, by ascending rank.

    Attributes:
        counts: (n,), number of true matches of each query.
        ranks: (m,), from 1; of equals the lower index is in front.
        above: (m,), gallery entries that are nearer.
        equal: (m,), gallery entries that are exactly as near, itself among them.
    """

    counts: Ints
    ranks: Ints
    above: Ints
    equal: Ints

    @property
    def row(self) -> Ints:
        """(m,), the query of each match."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def starts(self) -> Ints:
        """(n,), where the matches of each query begin."""
        return np.asarray(np.cumsum(self.counts) - self.counts)

    @property
    def place(self) -> Ints:
        """(m,), which match of its query each is, from 0."""
        return np.arange(len(self.ranks)) - np.repeat(self.starts, self.counts)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What the rank lists of Q queries show.

    Attributes:
        average_precision: (Q,), over the whole gallery; NaN for a query without a true match.
        expected_precision: (Q,), its mean over all orders of entries that are exactly as near; the
            same where there are none.
        tied: (Q,), whether a wrong entry is exactly as near as a true match, so that the order of
            the gallery decides which is in front.
        first_match: (Q,), rank of the first true match, from 1; 0 without one.
        inverse_negative_penalty: (Q,), true matches divided by the rank of the last one; NaN
            without one.
        matches: (Q,), number of true matches in the gallery.
        ranks: (Q,), the ranks of the true matches of each, an array each.
        equal: (Q,), for each of these how many entries are as near, itself among them.
        top: (Q, k), gallery indices of the k nearest, nearest first.
        top_distance: (Q, k), their squared distances.
        compared: (Q,), number of gallery chips that each was compared with.
        gallery: number of gallery chips.
    """

    average_precision: Floats
    expected_precision: Floats
    tied: NDArray[np.bool_]
    first_match: Ints
    inverse_negative_penalty: Floats
    matches: Ints
    ranks: NDArray[np.object_]
    equal: NDArray[np.object_]
    top: Ints
    top_distance: Floats
    compared: Ints
    gallery: int

    @classmethod
    def empty(cls, queries: int, gallery: int, top: int, own: Ints | None = None) -> "Ranking":
        """A ranking in which no query has a true match yet; ``top`` is cut to the gallery.

        Args:
            queries: Q.
            gallery: number of chips.
            top: length of the rank lists.
            own: (Q,), where in the gallery each query stands itself, -1 where it does not.
        """
        hidden = np.zeros(queries, dtype=np.int64) if own is None else np.where(own < 0, 0, 1)
        shape = (queries, min(top, gallery - hidden.max(initial=0)))
        return cls(
            average_precision=np.full(queries, np.nan),
            expected_precision=np.full(queries, np.nan),
            tied=np.zeros(queries, dtype=np.bool_),
            first_match=np.zeros(queries, dtype=np.int64),
            inverse_negative_penalty=np.full(queries, np.nan),
            matches=np.zeros(queries, dtype=np.int64),
            ranks=np.full(queries, None),
            equal=np.full(queries, None),
            top=np.zeros(shape, dtype=np.int64),
            top_distance=np.zeros(shape),
            compared=gallery - hidden,
            gallery=gallery,
        )

    def __repr__(self) -> str:
        """What the numbers say in place of the numbers."""
        size = f"{counted(len(self.matches), 'query')}, gallery of {self.gallery:,}"
        if not self.used.any():
            return f"<Ranking: {size}; no query has a true match>"
        mean = self.average_precision[self.used].mean()
        first = (self.first_match[self.used] == 1).mean()
        return f"<Ranking: {size}; mAP {mean:.3f}, rank-1 {first:.3f}>"

    def to_pandas(self) -> Any:
        """A DataFrame with a row for each query: average precision, rank of the first true match,
        inverse negative penalty and number of true matches; missing where there is no match.

        Raises:
            CrosswakeError: pandas is not installed.
        """
        one = ("average_precision", "first_match", "inverse_negative_penalty", "matches")
        frame = data_frame({name: getattr(self, name) for name in one})
        return frame.assign(first_match=frame["first_match"].where(self.used))

    @property
    def used(self) -> NDArray[np.bool_]:
        """(Q,), true for the queries that count: those with a true match in the gallery."""
        return self.matches > 0

    def write(self, rows: slice, hits: Hits) -> None:
        """Write what follows from the true matches of some of the queries."""
        counts, ranks, starts = hits.counts, hits.ranks, hits.starts
        total = np.bincount(hits.row, (hits.place + 1) / ranks, minlength=len(counts))
        some = counts > 0
        self.matches[rows] = counts
        self.average_precision[rows][some] = total[some] / counts[some]
        self.expected_precision[rows] = self.average_precision[rows]
        self.first_match[rows][some] = ranks[starts[some]]
        last = ranks[starts[some] + counts[some] - 1]
        self.inverse_negative_penalty[rows][some] = counts[some] / last
        bounds = starts[1:]
        self.ranks[rows] = of_each(ranks, bounds)
        self.equal[rows] = of_each(hits.equal, bounds)
        above = np.split(hits.above, bounds)
        for place in np.flatnonzero(np.bincount(hits.row, hits.equal > 1, minlength=len(counts))):
            row = rows.start + place
            expected, self.tied[row] = among_equals(above[place], self.equal[row])
            if self.tied[row]:
                self.expected_precision[row] = expected


def of_each(values: Ints, bounds: Ints) -> NDArray[np.object_]:
    """(n,): an array of the values of each query, cut at ``bounds``."""
    parts = np.split(values, bounds)
    result = np.empty(len(parts), dtype=object)
    for place, part in enumerate(parts):
        result[place] = part
    return result


def among_equals(above: Ints, equal: Ints) -> tuple[float, bool]:
    """Average precision of one query, expected over all orders of equals.

    Args:
        above: (n,), entries nearer than each true match, ascending.
        equal: (n,), entries exactly as near as each, itself among them.

    Returns:
        the expectation, and whether there are wrong entries among the equals at all.

    Of t equals of which r are true matches, behind b entries of which c are true matches, the i-th
    is true with probability r / t, and then c + 1 + (i - 1) s of the first b + i are expected to
    be, where s = (r - 1) / (t - 1). The sum of these precisions over i is s t + (c + 1 - s (b + 1))
    (H_(b + t) - H_b), with harmonic numbers H."""
    from scipy.special import digamma

    before, first, true = np.unique(above, return_index=True, return_counts=True)
    size, found = equal[first], np.cumsum(true) - true
    slope = (true - 1) / np.maximum(size - 1, 1)
    harmonic = digamma(before + size + 1) - digamma(before + 1)
    precision = slope * size + (found + 1 - slope * (before + 1)) * harmonic
    return float(np.sum(true / size * precision) / len(above)), bool((size > true).any())
