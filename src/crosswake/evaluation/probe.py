"""What frozen features know of land cover: a linear probe (Alain and Bengio, arXiv 1610.01644)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crosswake.chips import Chip, read_pixels
from crosswake.datasets.pairs.chips import pair_chips
from crosswake.datasets.pairs.table import PairData
from crosswake.errors import CrosswakeError
from crosswake.evaluation.protocols import Estimate
from crosswake.progress import track
from crosswake.radiometry import to_uint8

FOLDS = 5
RESAMPLES = 2000
Floats = NDArray[np.float64]


class Embedder(Protocol):
    """What is asked of a model."""

    def embed(self, chips: Sequence[Chip], *, batch_size: int = 64, quiet: bool = True) -> NDArray[np.float32]:
        """(N, D) L2-normalised features."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a linear probe of some features reaches.

    Attributes:
        accuracy: share of pairs told right when they were not learnt from, with its 95 % interval.
        confusion: (classes, classes), pairs of each true class (rows) told to be each class.
    """

    accuracy: Estimate
    confusion: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """Linear probes of several features of the same pairs.

    Attributes:
        name: what it is measured on.
        classes: terrains, sorted.
        scenes: number of scenes of each.
        pairs: number of pairs.
        by_scene: whether no scene is both learnt from and told; otherwise the figures prove nothing.
        majority: share of the commonest class, which needs no features.
        probes: by feature: ``optical``, ``SAR``, ``both`` of the model, and ``mean and deviation`` of the pixels.
    """

    name: str
    classes: tuple[str, ...]
    scenes: tuple[int, ...]
    pairs: int
    by_scene: bool
    majority: float
    probes: Mapping[str, Probe]


def probe_terrain(embedder: Embedder, data: PairData, *, seed: int = 0, quiet: bool = False) -> ProbeResult:
    """Tell the terrain of pairs from frozen features, by scenes never learnt from where every class has two.

    Args:
        embedder: turns chips into features.
        data: pairs, some of them with a terrain.
        seed: of folds and intervals.
        quiet: show no progress.

    Raises:
        CrosswakeError: fewer than two terrains, or a terrain of a single pair.
        UnreadableChipError: a file cannot be read.
    """
    pairs = tuple(pair for pair in data.pairs if pair.terrain)
    terrain = np.array([pair.terrain for pair in pairs])
    scene = np.array([f"{pair.scene}" for pair in pairs])
    classes, counts = np.unique(terrain, return_counts=True)
    if len(classes) < 2 or counts.min() < 2:
        found = ", ".join(f"{count} of {name}" for name, count in zip(classes, counts, strict=True)) or "none"
        raise CrosswakeError(f"{data.root}: a probe needs two terrains of two pairs each; found {found}")
    scenes = tuple(len(set(scene[terrain == name])) for name in classes)
    by_scene = min(scenes) >= 2
    optical, radar = pair_chips(pairs)
    model = {"optical": embedder.embed(optical, quiet=quiet), "SAR": embedder.embed(radar, quiet=quiet)}
    plain = np.array(
        [
            plain_statistics(one, other)
            for one, other in track(list(zip(optical, radar, strict=True)), len(pairs), "reading", "pairs", quiet)
        ]
    )
    features = {**model, "both": np.hstack(list(model.values())), "mean and deviation of pixels": plain}
    groups = scene if by_scene else np.arange(len(pairs)).astype(str)
    folds = make_folds(terrain, groups, min(FOLDS, *(scenes if by_scene else counts)), seed)
    return ProbeResult(
        name=data.name,
        classes=tuple(map(str, classes)),
        scenes=scenes,
        pairs=len(pairs),
        by_scene=by_scene,
        majority=float(counts.max() / len(pairs)),
        probes={name: probe(rows, terrain, groups, folds, seed) for name, rows in features.items()},
    )


def plain_statistics(optical: Chip, radar: Chip) -> Floats:
    """(12,), mean and deviation of the channels of both images, as 8 bit: what needs no model."""
    pictures = [to_uint8(read_pixels(chip.path, chip.box), chip.modality, "log") for chip in (optical, radar)]
    return np.concatenate([part for picture in pictures for part in (picture.mean((0, 1)), picture.std((0, 1)))])


def make_folds(terrain: NDArray[Any], groups: NDArray[Any], count: int, seed: int) -> NDArray[np.int64]:
    """(pairs,), the fold of each, classes shared out evenly and no group in two folds."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    fold = np.zeros(len(terrain), np.int64)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    for number, (_, told) in enumerate(splitter.split(terrain, terrain, groups)):
        fold[told] = number
    return fold


def probe(
    features: NDArray[Any], terrain: NDArray[Any], groups: NDArray[Any], folds: NDArray[np.int64], seed: int
) -> Probe:
    """Logistic regression on standardised features, every fold told from the others."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.metrics import confusion_matrix  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    told = np.empty_like(terrain)
    for number in np.unique(folds):
        mine = folds == number
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        told[mine] = classifier.fit(features[~mine], terrain[~mine]).predict(features[mine])
    return Probe(accuracy=by_group(told == terrain, groups, seed), confusion=confusion_matrix(terrain, told))


def by_group(right: NDArray[np.bool_], groups: NDArray[Any], seed: int) -> Estimate:
    """Mean with a bootstrap interval over whole groups, for pairs of one scene are not independent."""
    _, number = np.unique(groups, return_inverse=True)
    hits, sizes = np.bincount(number, right), np.bincount(number)
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(RESAMPLES, len(sizes)))
    low, high = np.percentile(hits[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    return Estimate(value=float(right.mean()), low=float(low), high=float(high))
