"""What the ranks of true matches say about every query: average precision, CMC, mINP.

Sources: average precision and CMC as in Zheng et al., "Scalable Person Re-identification: A
Benchmark", ICCV 2015, section 4.2; inverse negative penalty from Ye et al., "Deep Learning for
Person Re-identification: A Survey and Outlook", TPAMI 2021, section 4.1. No gallery entry is left
out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.extras import data_frame
from crosswake.core.text import counted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What the rank lists of Q queries show.

    Attributes:
        average_precision: (Q,), over the whole gallery; NaN for a query without a true match.
        first_match: (Q,), rank of the first true match, from 1; 0 without one.
        inverse_negative_penalty: (Q,), true matches divided by the rank of the last one; NaN
            without one.
        matches: (Q,), number of true matches in the gallery.
        top: (Q, k), gallery indices of the k nearest, nearest first.
        top_distance: (Q, k), their squared distances.
        gallery: number of gallery chips.
    """

    average_precision: Floats
    first_match: Ints
    inverse_negative_penalty: Floats
    matches: Ints
    top: Ints
    top_distance: Floats
    gallery: int

    @classmethod
    def empty(cls, queries: int, gallery: int, top: int) -> "Ranking":
        """A ranking in which no query has a true match yet; ``top`` is cut to the gallery."""
        shape = (queries, min(top, gallery))
        return cls(
            average_precision=np.full(queries, np.nan),
            first_match=np.zeros(queries, dtype=np.int64),
            inverse_negative_penalty=np.full(queries, np.nan),
            matches=np.zeros(queries, dtype=np.int64),
            top=np.zeros(shape, dtype=np.int64),
            top_distance=np.zeros(shape),
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

    def write(self, rows: slice, ranks: Ints, counts: Ints) -> None:
        """Write what follows from the ranks of true matches.

        Args:
            rows: n of the queries.
            ranks: (m,), of the matches of all these queries, ascending for each query.
            counts: (n,), number of true matches of each query.
        """
        ends = np.cumsum(counts)
        starts = ends - counts
        row = np.repeat(np.arange(len(counts)), counts)
        precision = (np.arange(1, len(ranks) + 1) - starts[row]) / ranks
        total = np.bincount(row, weights=precision, minlength=len(counts))
        some = counts > 0
        self.matches[rows] = counts
        self.average_precision[rows][some] = total[some] / counts[some]
        self.first_match[rows][some] = ranks[starts[some]]
        self.inverse_negative_penalty[rows][some] = counts[some] / ranks[ends[some] - 1]
