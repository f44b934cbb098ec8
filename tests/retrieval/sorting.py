"""Rankings by a plain sort, to compare with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval.metrics import Hits, Ranking

Case = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def sorted_ranking(case: Case, top: int, normalise: bool = True) -> Ranking:
    """By a stable sort of distances in double precision, which are the same for equal features."""
    query, gallery = (part.astype(np.float64) for part in case[:2])
    if normalise:
        query, gallery = (
            part / np.linalg.norm(part, axis=1, keepdims=True) for part in (query, gallery)
        )
    distance = ((query[:, None] - gallery) ** 2).sum(axis=2)
    order = np.argsort(distance, axis=1, kind="stable")
    result = Ranking.empty(len(query), len(gallery), top)
    result.top[:] = order[:, :top]
    result.top_distance[:] = np.take_along_axis(distance, order, 1)[:, :top]
    for row, identity in enumerate(case[2]):
        ranks = np.flatnonzero(case[3][order[row]] == identity) + 1
        result.write(slice(row, row + 1), hits_of(distance[row], order[row], ranks))
    return result


def hits_of(distance: NDArray[Any], order: NDArray[Any], ranks: NDArray[Any]) -> Hits:
    """The true matches of one query at given ranks, with their equals."""
    own = distance[order[ranks - 1]].astype(np.float32)
    values = distance.astype(np.float32)
    return Hits(
        counts=np.array([len(ranks)]),
        ranks=ranks,
        above=np.array([(values < value).sum() for value in own], dtype=np.int64),
        equal=np.array([(values == value).sum() for value in own], dtype=np.int64),
    )


def assert_same(one: Ranking, other: Ranking, tolerance: float = 0) -> None:
    for name, value in vars(one).items():
        if name in ("ranks", "equal"):
            for mine, theirs in zip(value, getattr(other, name), strict=True):
                np.testing.assert_array_equal(mine, theirs, err_msg=name)
        elif name == "top_distance" and tolerance:
            np.testing.assert_allclose(value, other.top_distance, atol=tolerance)
        else:
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)
