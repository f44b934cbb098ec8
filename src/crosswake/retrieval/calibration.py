"""What makes a probability of a similarity: the calibration of one model, a file beside it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, file_hash
from crosswake.retrieval.curves import KnownPairs, RatioCurve, fit_curve
from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.reliability import Reliability, reliability
from crosswake.retrieval.resampling import draw_identities

CALIBRATION_FILE = "calibration.json"
CALIBRATION_FORMAT = "crosswake calibration 1"
MODALITY_PAIRS = ("optical-optical", "optical-sar", "sar-sar")
CALIBRATION_FOLDS = 5
LEARNT_KINDS = ("appearance", "size", "reachability")
"""Evidence whose weights are learnt; those of claims are set."""
RELIABILITY_DRAWS = 200
USUAL_NOT_THERE = 0.3
"""Prior that a ship is not in the gallery, where neither user nor calibration says one."""


@dataclass(frozen=True, kw_only=True)
class SizeSpread:
    """How far sizes measured on one ship lie apart, from pairs of sightings of one ship.

    Attributes:
        optical: standard deviation of the logarithm of one measured length, and of one width.
        sar: likewise.
        sar_longer: mean logarithm by which a SAR length exceeds the optical one, and a width.
    """

    optical: tuple[float, float]
    sar: tuple[float, float]
    sar_longer: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How ships move between two sightings.

    Attributes:
        still: share that lies at anchor or in port, or drifts.
        drift_knots: standard deviation of the speed of these.
        slow: exponent of the density of those under way, (1 - d / reach) ** slow; the higher, the
            slower they are.
        forget_hours: after this time only exp(-1) of what the first place tells is left, for ships
            turn, and call at ports.
    """

    still: float = 0.25
    drift_knots: float = 0.5
    slow: float = 1.0
    forget_hours: float = 240.0


USUAL_MOTION = Motion()


@dataclass(frozen=True, kw_only=True)
class EvidenceWeights:
    """What the log ratios count for when they are added, and how the prior is shifted, so that the
    sum is calibrated though what is added is not independent.

    Attributes:
        appearance: factor of that log ratio, 0 or more.
        size: likewise.
        reachability: likewise.
        absent: added to the log prior odds of "not in this gallery".
        nest: exponent of the mean ratio over all candidates where they stand together against "not
            there"; less than 1 says that who it is can be told better than whether it is there.
        peak: likewise, how much it speaks for "there" that few candidates share the evidence.
    """

    appearance: float = 1.0
    size: float = 1.0
    reachability: float = 1.0
    absent: float = 0.0
    nest: float = 1.0
    peak: float = 0.0


UNWEIGHTED = EvidenceWeights()


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """One model's way from similarities to probabilities.

    Attributes:
        curves: log ratio by pair of modalities, see :data:`MODALITY_PAIRS`; those that the data
            had no pairs for are missing.
        weights: of the evidence when it is added, by the kinds that there are, such as
            ``appearance+size``; for a gallery of the other modality alone ``o2s:appearance+size``.
        spread: of measured sizes; None where none were known.
        motion: of ships between sightings; as usual where nothing was learnt of it.
        not_there: prior that a ship is not in the gallery.
        model: SHA-256 of the weights.
        facts: what it was made on, for people: data, split, identities, pairs, reliability.
    """

    curves: Mapping[str, RatioCurve]
    model: str
    weights: Mapping[str, EvidenceWeights] = field(default_factory=dict)
    spread: SizeSpread | None = None
    motion: Motion = USUAL_MOTION
    not_there: float = USUAL_NOT_THERE
    facts: Mapping[str, Any] = field(default_factory=dict)

    def weights_for(self, kinds: Iterable[str], direction: str = "all") -> EvidenceWeights:
        """The weights where there is evidence of these kinds; of kinds that the data of the
        calibration did not have, the weight is 1.

        Args:
            kinds: of :data:`LEARNT_KINDS`.
            direction: ``o2s`` or ``s2o`` where all candidates are of the other modality.
        """
        learnt = {kind for name in self.weights for kind in name.split(":")[-1].split("+")}
        name = "+".join(kind for kind in LEARNT_KINDS if kind in learnt & set(kinds))
        among_all = self.weights.get(name, UNWEIGHTED)
        return self.weights.get(weights_name(direction, name), among_all)

    def log_ratio(self, cosine: Floats, sar: NDArray[np.bool_], other: bool) -> Floats:
        """(N,) log-likelihood ratios of "same ship"; 0 for modalities without a curve.

        Args:
            cosine: (N,).
            sar: (N,), whether the candidates are SAR.
            other: whether the query is.
        """
        ratio = np.zeros(len(cosine))
        for value in (False, True):
            curve = self.curves.get(MODALITY_PAIRS[int(value) + int(other)])
            if curve is not None and (sar == value).any():
                rows = sar == value
                ratio[rows] = curve(cosine[rows])
        return ratio


def weights_name(direction: str, kinds: str) -> str:
    """Under what the weights of some kinds are kept, for a protocol."""
    return kinds if direction == "all" else f"{direction}:{kinds}"


@dataclass(frozen=True, kw_only=True)
class CrossFit:
    """Curves for ships that they were not fitted on: the identities are cut into folds, and the
    curve of a fold is fitted on the pairs that no ship of it is part of.

    Attributes:
        fold: by number of the ship.
        curves: by fold; None where its rest has not both kinds of pairs.
    """

    fold: NDArray[np.int64]
    curves: tuple[RatioCurve | None, ...]

    @classmethod
    def of(cls, pairs: KnownPairs, fold: NDArray[np.int64], seed: int) -> "CrossFit":
        """Fit as many curves as there are folds."""
        curves: list[RatioCurve | None] = []
        for number in range(CALIBRATION_FOLDS):
            rest = pairs.take((fold[pairs.first] != number) & (fold[pairs.second] != number))
            both = rest.same.any() and not rest.same.all()
            curves.append(fit_curve(rest, seed) if both else None)
        return cls(fold=fold, curves=tuple(curves))

    def log_ratio(self, similarity: Floats, first: NDArray[np.int64]) -> Floats:
        """(n,) by the curves that do not know the first ship; NaN where there is none."""
        ratio = np.full(len(similarity), np.nan)
        for number, curve in enumerate(self.curves):
            rows = self.fold[first] == number
            if curve is not None:
                ratio[rows] = curve(similarity[rows])
        return ratio

    def reliability(self, pairs: KnownPairs, seed: int) -> Reliability:
        """Whether half of the pairs with log ratio 0 are of one ship, and so on: both kinds of
        pairs weigh alike."""
        ratio = self.log_ratio(pairs.similarity, pairs.first)
        known = ~np.isnan(ratio)
        judged = pairs.take(known)
        draws = draw_identities(judged.first, seed=seed, resamples=RELIABILITY_DRAWS)
        probability = 1 / (1 + np.exp(-ratio[known]))
        return reliability(probability, judged.same.astype(np.float64), draws, judged.balance)


def deal_folds(ships: int, seed: int) -> NDArray[np.int64]:
    """(ships,): which of the :data:`CALIBRATION_FOLDS` each ship is in."""
    return np.asarray(np.random.default_rng(seed).permutation(ships) % CALIBRATION_FOLDS)


def write_calibration(path: Path, calibration: Calibration, origin: Origin) -> None:
    """Write a calibration for people and programs."""
    content = {
        "format": CALIBRATION_FORMAT,
        "model": calibration.model,
        "not_there": calibration.not_there,
        "weights": {name: asdict(one) for name, one in calibration.weights.items()},
        "size_spread": asdict(calibration.spread) if calibration.spread else None,
        "motion": asdict(calibration.motion),
        "curves": {
            pair: {
                "method": curve.method,
                "similarity": [round(float(one), 6) for one in curve.similarity],
                "log_ratio": [round(float(one), 6) for one in curve.ratio],
            }
            for pair, curve in calibration.curves.items()
        },
        "made_on": dict(calibration.facts),
        ORIGIN_KEY: dict(origin),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        CrosswakeError: the file is missing, damaged or none of ours.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CrosswakeError(f"{path}: cannot be read ({error.strerror}); correct it") from error
    except ValueError as error:
        raise CrosswakeError(f"{path}: is no JSON; make it with crosswake calibrate") from error
    if not isinstance(content, dict) or content.get("format") != CALIBRATION_FORMAT:
        raise CrosswakeError(f"{path}: is no calibration; make one with crosswake calibrate")
    try:
        return from_record(content)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CrosswakeError(f"{path}: is damaged ({error}); run crosswake calibrate") from error


def from_record(content: Mapping[str, Any]) -> Calibration:
    """A calibration from its plain data.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: something is missing or wrong.
    """
    curves = {}
    for pair, one in content["curves"].items():
        curve = RatioCurve(
            similarity=np.array(one["similarity"], np.float64),
            ratio=np.array(one["log_ratio"], np.float64),
            method=str(one["method"]),
        )
        rising = np.all(np.diff(curve.similarity) > 0) and np.all(np.diff(curve.ratio) >= 0)
        if pair not in MODALITY_PAIRS or not rising or not np.isfinite(curve.ratio).all():
            raise ValueError(f"the curve of {pair} is none")
        curves[pair] = curve
    weights = {name: EvidenceWeights(**one) for name, one in content["weights"].items()}
    for one in weights.values():
        factors = (one.appearance, one.size, one.reachability, one.nest)
        if not np.isfinite([*factors, one.absent, one.peak]).all() or min(factors) < 0:
            raise ValueError("a weight is not finite or below 0")
    if not 0 < content["not_there"] < 1:
        raise ValueError("not_there must lie between 0 and 1")
    spread, motion = content["size_spread"], Motion(**content["motion"])
    if not (0 < motion.still < 1 and min(vars(motion).values()) > 0):
        raise ValueError("the motion is none")
    return Calibration(
        curves=curves,
        model=str(content["model"]),
        weights=weights,
        spread=SizeSpread(**{k: (float(v[0]), float(v[1])) for k, v in spread.items()})
        if spread
        else None,
        motion=motion,
        not_there=float(content["not_there"]),
        facts=content["made_on"],
    )


def calibration_beside(checkpoint: Path) -> Calibration | None:
    """The calibration in a checkpoint's folder; None where there is none.

    Raises:
        CrosswakeError: it is damaged, or of other weights.
    """
    path = checkpoint.with_name(CALIBRATION_FILE)
    return calibration_of(path, checkpoint) if path.exists() else None


def calibration_of(path: Path, checkpoint: Path) -> Calibration:
    """A calibration that was made for a checkpoint.

    Raises:
        CrosswakeError: it is damaged, or of other weights.
    """
    calibration = read_calibration(path)
    if calibration.model != file_hash(checkpoint):
        raise CrosswakeError(
            f"{path}: was made for other weights than {checkpoint}; run crosswake calibrate"
        )
    return calibration
