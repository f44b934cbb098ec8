"""Whether probabilities come true: reliability diagram, expected calibration error, Brier score.

Sources: DeGroot and Fienberg, "The Comparison and Evaluation of Forecasters", The Statistician
1983 (the diagram); Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
AAAI 2015, section 2 (the error, with bins of equal width); Brier, "Verification of Forecasts
Expressed in Terms of Probability", Monthly Weather Review 1950."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.protocols import Estimate
from crosswake.retrieval.resampling import reflected_interval

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """What was said beside what came true, in bins of equal width from 0 to 1.

    Attributes:
        said: (bins,), mean probability; NaN in an empty bin.
        true: (bins,), share that came true, likewise.
        share: (bins,), of all probabilities; adds up to 1.
        error: expected calibration error, sum of share x |said - true|, with its interval.
    """

    said: Floats
    true: Floats
    share: Floats
    error: Estimate

    @property
    def record(self) -> dict[str, object]:
        """As plain JSON; what an empty bin says is null."""
        return {
            name: [None if np.isnan(one) else round(float(one), 6) for one in getattr(self, name)]
            for name in ("said", "true", "share")
        } | {"error": vars(self.error)}


def reliability(
    probability: Floats, outcome: Floats, draws: NDArray[np.int32], weight: Floats | None = None
) -> Reliability:
    """The reliability of (Q,) probabilities.

    Args:
        probability: what was said, 0 to 1.
        outcome: what came true: 0 or 1, or a share.
        draws: (resamples, Q), from :func:`crosswake.retrieval.resampling.draw_identities`.
        weight: (Q,), how much each counts; all alike if None.
    """
    weight = np.ones(len(probability)) if weight is None else weight
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    member = np.zeros((len(probability), BINS))
    member[np.arange(len(place)), place] = weight
    sums = [member.sum(0), probability @ member, outcome @ member]
    drawn = [
        draws @ member,
        draws @ (member * probability[:, None]),
        draws @ (member * outcome[:, None]),
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        said, true = sums[1] / sums[0], sums[2] / sums[0]
        value = float(gap(*sums))
        resampled = np.asarray(gap(*drawn))
    return Reliability(
        said=said,
        true=true,
        share=sums[0] / max(sums[0].sum(), 1e-300),
        error=reflected_interval(value, resampled),
    )


def gap(weight: Floats, said: Floats, true: Floats) -> Floats:
    """(...): sum over the last axis of |said - true|, sums of a bin, by the weight of all bins."""
    return np.asarray(np.abs(said - true).sum(-1) / weight.sum(-1))
