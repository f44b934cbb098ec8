"""What can be had without a model: chance, the ship's size, and plain correlation of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.data.chips import Chip, Modality
from crosswake.data.pixels import Pixels
from crosswake.retrieval.metrics import Floats, Ints, Ranking
from crosswake.retrieval.products import RankOptions
from crosswake.retrieval.protocols import CMC_RANKS, METRICS
from crosswake.retrieval.ranking import rank

PATCH_HEIGHT, PATCH_WIDTH = 64, 32


@dataclass(frozen=True, kw_only=True)
class PlainFeatures:
    """Features of one chip that need no model.

    Attributes:
        size: (2,), logarithm of width and height in metres.
        gradient: (2048,), gradient magnitudes of the shrunk image, zero mean and unit length, so
            that the product of two is their correlation.
    """

    size: Floats
    gradient: NDArray[np.float32]


def plain_features(chip: Chip, pixels: Pixels) -> PlainFeatures:
    """Both model-free features of one chip, from its pixels as stored: (H, W) or (H, W, 3)."""
    size = np.log(np.asarray(chip.ground_extent(*pixels.shape[:2]), dtype=np.float64))
    return PlainFeatures(
        size=size, gradient=gradient_feature(pixels, chip.modality).astype(np.float32)
    )


def rank_by_size(
    query: Sequence[PlainFeatures],
    gallery: Sequence[PlainFeatures],
    query_identity: Sequence[Any] | NDArray[Any],
    gallery_identity: Sequence[Any] | NDArray[Any],
    own: Ints | None = None,
) -> Ranking:
    """Rank by size alone. Sizes are not normalised: of those only the shape would be left."""
    one, other = (np.array([chip.size for chip in part]) for part in (query, gallery))
    plain = RankOptions(normalise=False)
    return rank(one, other, query_identity, gallery_identity, plain, own)


def gradient_feature(pixels: Pixels, modality: Modality) -> Floats:
    """Gradient magnitude of the grey image at 64 x 32, as a vector of zero mean and unit length.

    SAR amplitudes span several decades, so they are taken by their logarithm.
    """
    grey = np.nan_to_num(np.asarray(pixels, dtype=np.float64), posinf=0, neginf=0)
    grey = grey.mean(axis=2) if grey.ndim == 3 else grey
    if modality == Modality.SAR:
        grey = np.maximum(grey, 0)
        typical = np.median(grey[grey > 0]) if (grey > 0).any() else 1.0
        grey = np.log1p(grey / typical)
    down, across = np.gradient(shrink(grey))
    magnitude = np.hypot(down, across).ravel()
    magnitude -= magnitude.mean()
    length = np.linalg.norm(magnitude)
    return np.asarray(magnitude / length if length > 0 else magnitude)


def shrink(grey: Floats) -> Floats:
    """(64, 32) from any (H, W), bilinear with antialiasing."""
    from PIL import Image

    image = Image.fromarray(grey.astype(np.float32)).resize(
        (PATCH_WIDTH, PATCH_HEIGHT), Image.Resampling.BILINEAR
    )
    return np.asarray(image, dtype=np.float64)


def chance(ranking: Ranking) -> dict[str, float]:
    """Expected metrics of a gallery in random order, exactly; NaN where no query has a true match.

    Averages over the used queries, each with its own number of true matches.
    """
    kinds, weights = kinds_of_query(ranking)
    expected = [chance_of_query(matches, gallery) for matches, gallery in kinds]
    if not expected:
        return dict.fromkeys(METRICS, float("nan"))
    return {
        name: float(np.average([e[name] for e in expected], weights=weights)) for name in METRICS
    }


def kinds_of_query(ranking: Ranking) -> tuple[list[tuple[int, int]], Ints]:
    """The different numbers of true matches and of chips compared with, among the used queries; and
    how many have each."""
    both = np.stack([ranking.matches, ranking.compared], axis=1)[ranking.used]
    kinds, weights = np.unique(both, axis=0, return_counts=True)
    return [(int(matches), int(compared)) for matches, compared in kinds], weights


def chance_of_query(matches: int, gallery: int) -> dict[str, float]:
    """Expectations over all orders of ``gallery`` chips of which ``matches`` are true.

    Average precision: position k holds a match with probability M/G, and an earlier one does so
    besides with (M-1)/(G-1), so E = 1/G sum_k [1/k + (1 - 1/k) (M-1)/(G-1)] = [H_G + (G - H_G)
    (M-1)/(G-1)] / G, where H_G is the harmonic number. CMC at k: 1 - C(G-M, k) / C(G, k). Inverse
    negative penalty: the last match is at rank r with probability C(r-1, M-1) / C(G, M), and the
    penalty's inverse is then M / r."""
    positions = np.arange(1, gallery + 1)
    harmonic = float(np.sum(1 / positions))
    share = (matches - 1) / (gallery - 1) if gallery > 1 else 0.0
    expected = {"mAP": (harmonic + (gallery - harmonic) * share) / gallery}
    curve = chance_curve_of_query(matches, gallery, max(CMC_RANKS))
    expected |= {f"rank{k}": float(curve[k - 1]) for k in CMC_RANKS}
    last = np.arange(matches, gallery + 1)
    expected["mINP"] = float(
        np.sum(last_match_probability(matches, gallery, last) * matches / last)
    )
    return expected


def chance_curve(ranking: Ranking, length: int) -> Floats:
    """(length,): expected CMC of a gallery in random order; NaN where no query has a true match."""
    kinds, weights = kinds_of_query(ranking)
    if not kinds:
        return np.full(length, np.nan)
    curves = [chance_curve_of_query(matches, gallery, length) for matches, gallery in kinds]
    return np.asarray(np.average(curves, axis=0, weights=weights))


def chance_curve_of_query(matches: int, gallery: int, length: int) -> Floats:
    """(length,): P(a match among the first k) = 1 - C(G-M, k) / C(G, k), as a product of misses."""
    drawn = np.minimum(np.arange(length), gallery - 1)
    missed = np.clip((gallery - matches - drawn) / (gallery - drawn), 0, 1)
    return np.asarray(1 - np.cumprod(missed))


def last_match_probability(matches: int, gallery: int, last: Ints) -> NDArray[np.float64]:
    """P(the last of ``matches`` is at rank ``last``) = C(last-1, M-1) / C(G, M), by logarithms."""
    from scipy.special import gammaln

    def log_choose(n: NDArray[np.int64] | int, k: int) -> Floats:
        return np.asarray(gammaln(np.add(n, 1)) - gammaln(k + 1) - gammaln(np.subtract(n, k) + 1))

    return np.asarray(np.exp(log_choose(last - 1, matches - 1) - log_choose(gallery, matches)))
