"""Sums of minima of sparse vectors: the one loop of re-ranking that pays to be compiled."""

from typing import Any

from numpy.typing import NDArray

TYPES = "void({0}[::1], {0}[::1], f4[::1], {0}[::1], {0}[::1], f4[::1], f4[:, ::1])"
"""Of :func:`add_minima`, by the type of indices."""


def add_minima(
    starts: NDArray[Any],
    columns: NDArray[Any],
    weights: NDArray[Any],
    sought_starts: NDArray[Any],
    places: NDArray[Any],
    values: NDArray[Any],
    total: NDArray[Any],
) -> None:
    """Add to ``total`` (n, G) the sums of minima of n sparse rows and G sparse columns, entry after
    entry.

    Args:
        starts: (n + 1,), where each row begins, as in a CSR array.
        columns: of the rows' entries.
        weights: of the rows' entries.
        sought_starts: (N + 1,), where the entries of each column number begin.
        places: (of the G) of those entries.
        values: of those entries.
        total: written to.
    """
    for row in range(len(starts) - 1):
        for entry in range(starts[row], starts[row + 1]):
            weight, column = weights[entry], columns[entry]
            for other in range(sought_starts[column], sought_starts[column + 1]):
                total[row, places[other]] += min(weight, values[other])
