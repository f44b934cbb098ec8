"""How well heights are measured: the contest's delta, and errors in metres."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.results import TileResult
from crosswake.retrieval.metrics import Floats

GROUND_HEIGHT, NEGATIVE_HEIGHT = 1e-5, 999.0
"""What the contest takes for a height of 0, and for a negative one."""
RATIO = 1.25
DELTAS = ("delta_1", "delta_2", "delta_3")
ERRORS = ("MAE", "MSE", "RMSE")
HEIGHT_METRICS = (*DELTAS, *ERRORS)


def delta_shares(prediction: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """(3,) share of all pixels whose heights differ by less than 1.25, 1.25^2 and 1.25^3 times.

    As the contest's scoring program has it: a height of 0 is 1e-5, so ground counts only where
    exactly 0 was predicted; a negative prediction is 999 and lost. A prediction that is no number
    is lost too.
    """
    p = np.asarray(prediction, dtype=np.float64)
    t = np.asarray(reference, dtype=np.float64)
    p = np.where(p == 0, GROUND_HEIGHT, np.where(p < 0, NEGATIVE_HEIGHT, p))
    t = np.where(t > 0, t, GROUND_HEIGHT)
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = np.maximum(p / t, t / p)
        return np.array([np.mean(ratio < RATIO**k) for k in (1, 2, 3)])


def height_values(
    prediction: NDArray[np.floating] | None, reference: NDArray[np.floating]
) -> Floats:
    """(5,) of one tile: the three shares, mean absolute and mean squared error in metres.

    Errors are of the heights as submitted; a true height below 0 is ground. A tile whose heights
    are missing is wrong in every pixel, and for the errors flat ground.
    """
    t = np.maximum(np.nan_to_num(np.asarray(reference, dtype=np.float64), nan=0.0), 0.0)
    if prediction is None:
        return np.array([0.0, 0.0, 0.0, np.mean(t), np.mean(t**2)])
    error = np.asarray(prediction, dtype=np.float64) - t
    return np.array([*delta_shares(prediction, t), np.mean(np.abs(error)), np.mean(error**2)])


def tile_heights(
    references: Sequence[TileResult], predictions: Mapping[int, TileResult], flat: bool = False
) -> Floats:
    """(I, 5): :func:`height_values` of each tile; NaN for a tile without true heights.

    Args:
        references: what truly stands on the tiles.
        predictions: by image id.
        flat: of an all-zero map instead.
    """
    rows = np.full((len(references), len(DELTAS) + 2), np.nan)
    for row, one in enumerate(references):
        if one.height is None:
            continue
        found = predictions.get(one.image_id)
        height = np.zeros_like(one.height) if flat else found.height if found else None
        rows[row] = height_values(height, one.height)
    return rows


def mean_heights(values: Floats, draws: NDArray[np.int64]) -> dict[str, Floats]:
    """(R,) of each metric: the mean over the tiles of each draw that have true heights.

    RMSE is the root of the mean squared error over all pixels."""
    there = ~np.isnan(values[:, 0])
    counts = draws[:, there]
    total = counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (counts @ values[there]) / total[:, None]
    found = dict(zip((*DELTAS, "MAE", "MSE"), means.T, strict=True))
    return found | {"RMSE": np.sqrt(found["MSE"])}
