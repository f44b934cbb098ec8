"""What frozen features know of land cover: a linear probe (Alain and Bengio, arXiv 1610.01644)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.decode import in_batches
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.data.chips import Chip
from crosswake.data.pair_chips import images_of, pair_chips
from crosswake.data.pairs import Pair, PairData, Pairs
from crosswake.data.pixels import Pixels
from crosswake.data.radiometry import to_uint8
from crosswake.data.reid import BadFile, chips_fingerprint
from crosswake.models.base import ChipEmbedder, require_finite
from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.protocols import RESAMPLES, Estimate, wilson
from crosswake.tasks.reid.measure import MEASURE_DEFAULTS, MeasureOptions

FOLDS = 5
PIXEL_STATISTICS = "mean and std of pixels"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a linear probe of some features reaches.

    Attributes:
        accuracy: share of pairs predicted right, each by a classifier that has not learnt from it,
            with its 95 % interval.
        confusion: (classes, classes), counts of pairs: true classes down, predicted ones across.
    """

    accuracy: Estimate
    confusion: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """Linear probes of several features of the same pairs.

    Attributes:
        data: what it is measured on.
        fingerprint: of both images of the pairs that know their terrain, see
            :func:`crosswake.data.reid.chips_fingerprint`.
        unreadable: files of these pairs that were left out, and why.
        classes: terrains, sorted.
        scenes: number of scenes of each.
        pairs: number of pairs of which both images could be read.
        by_scene: whether no scene is both learnt from and predicted; otherwise the figures prove
            nothing.
        majority: share of the commonest class, which needs no features.
        probes: by feature: ``optical``, ``SAR``, ``both`` of the model, and
            :data:`PIXEL_STATISTICS`.
    """

    data: PairData
    fingerprint: str
    unreadable: tuple[BadFile, ...]
    classes: tuple[str, ...]
    scenes: tuple[int, ...]
    pairs: int
    by_scene: bool
    majority: float
    probes: Mapping[str, Probe]


def probe_terrain(
    embedder: ChipEmbedder, data: PairData, options: MeasureOptions = MEASURE_DEFAULTS
) -> ProbeResult:
    """Predict the terrain of pairs from frozen features.

    Where every class has two scenes or more, folds are made of whole scenes, so that a scene is
    never both learnt from and predicted; otherwise of pairs, which proves nothing.

    Args:
        embedder: turns chips into features.
        data: pairs, some of them with a terrain.
        options: seed of folds and intervals, whether to stop at the first bad file, batches.

    Raises:
        CrosswakeError: fewer than two terrains, or a terrain of a single pair; or a file is bad and
            ``options.strict`` is set.
    """
    if options.strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    pairs = terrain_pairs(data)
    features, bad_files = features_of(embedder, pairs, options)
    require_classes(data, tuple(features), bad_files)
    terrain, scene = (
        np.array([getattr(pair, name) for pair in features]) for name in ("terrain", "scene")
    )
    classes, counts = np.unique(terrain, return_counts=True)
    scenes = tuple(len(set(scene[terrain == name])) for name in classes)
    by_scene = min(scenes) >= 2
    groups = scene if by_scene else np.arange(len(terrain)).astype(str)
    count = min(FOLDS, *(scenes if by_scene else counts))
    folds = make_folds(terrain, groups, count, options.seed)
    probes = {}
    for kind in ("optical", "SAR", "both", PIXEL_STATISTICS):
        rows = np.array([row[kind] for row in features.values()])
        predicted = predict(rows, terrain, folds)
        probes[kind] = score_predictions(terrain, predicted, groups, options.seed)
    return ProbeResult(
        data=data,
        fingerprint=chips_fingerprint(chip for part in pair_chips(pairs) for chip in part),
        unreadable=bad_files,
        classes=tuple(map(str, classes)),
        scenes=scenes,
        pairs=len(features),
        by_scene=by_scene,
        majority=float(counts.max() / len(features)),
        probes=probes,
    )


def terrain_pairs(data: PairData) -> Pairs:
    """The pairs that know their terrain.

    Raises:
        CrosswakeError: fewer than two terrains, or a terrain of a single pair.
    """
    pairs = tuple(pair for pair in data.pairs if pair.terrain)
    require_classes(data, pairs, ())
    return pairs


def require_classes(data: PairData, pairs: Pairs, bad_files: tuple[BadFile, ...]) -> None:
    """Raise unless there are two terrains of two pairs each."""
    counts = Counter(pair.terrain for pair in pairs)
    if len(counts) < 2 or min(counts.values()) < 2:
        found = ", ".join(f"{count} of {name}" for name, count in sorted(counts.items())) or "none"
        bad = "".join(f"; left out is {one.path}: {one.reason}" for one in bad_files[:1])
        raise CrosswakeError(
            f"{data.root}: a probe needs two terrains of two pairs each; found {found}{bad}"
        )


def features_of(
    embedder: ChipEmbedder, pairs: Pairs, options: MeasureOptions
) -> tuple[dict[Pair, dict[str, NDArray[Any]]], tuple[BadFile, ...]]:
    """All features of each pair of which both images can be read, by kind; and the bad files.

    Every image is read once, for the model and for :func:`plain_statistics`."""
    found: dict[Chip, tuple[NDArray[np.float32], Floats]] = {}
    bad_files: list[BadFile] = []
    optical, radar = pair_chips(pairs)
    with Progress(len(optical) + len(radar), "embedding", quiet=options.quiet) as progress:
        for chips in (optical, radar):
            for _, batch in embedder.embed_batches(
                in_batches(chips, options.batch_size), look=plain_statistics, strict=options.strict
            ):
                require_finite(batch.features, batch.chips)
                rows = zip(batch.features, batch.seen, strict=True)
                found |= dict(zip(batch.chips, rows, strict=True))
                bad_files += batch.bad_files
                progress.advance(len(batch.chips) + len(batch.bad_files))
    features: dict[Pair, dict[str, NDArray[Any]]] = {}
    for pair in pairs:
        rows_of_pair = [found[chip] for chip in images_of(pair) if chip in found]
        if len(rows_of_pair) == 2:
            embeddings, statistics = zip(*rows_of_pair, strict=True)
            features[pair] = {
                "optical": embeddings[0],
                "SAR": embeddings[1],
                "both": np.hstack(embeddings),
                PIXEL_STATISTICS: np.hstack(statistics),
            }
    return features, tuple(dict.fromkeys(bad_files))


def plain_statistics(chip: Chip, pixels: Pixels) -> Floats:
    """(6,), mean and std of the channels of an image in 8 bit: what needs no model."""
    picture = to_uint8(pixels, chip.modality, "log")
    return np.concatenate([picture.mean((0, 1)), picture.std((0, 1))])


def make_folds(
    terrain: NDArray[Any], groups: NDArray[Any], count: int, seed: int
) -> NDArray[np.int64]:
    """(pairs,), the fold of each: classes are spread evenly, and no group is in two folds."""
    from sklearn.model_selection import StratifiedGroupKFold

    fold = np.zeros(len(terrain), np.int64)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    for number, (_, members) in enumerate(splitter.split(terrain, terrain, groups)):
        fold[members] = number
    return fold


def predict(
    features: NDArray[Any], terrain: NDArray[Any], folds: NDArray[np.int64]
) -> NDArray[Any]:
    """(pairs,), the terrain of each by logistic regression on standardised features, learnt from
    the other folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted = np.empty_like(terrain)
    for number in np.unique(folds):
        mine = folds == number
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        predicted[mine] = classifier.fit(features[~mine], terrain[~mine]).predict(features[mine])
    return predicted


def score_predictions(
    terrain: NDArray[Any], predicted: NDArray[Any], groups: NDArray[Any], seed: int
) -> Probe:
    """Accuracy and confusion. The interval is a bootstrap over whole groups, for pairs of one scene
    are not independent; Wilson's of as many groups where all or none are right."""
    from sklearn.metrics import confusion_matrix

    right = predicted == terrain
    _, number = np.unique(groups, return_inverse=True)
    hits, sizes = np.bincount(number, right), np.bincount(number)
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(RESAMPLES, len(sizes)))
    low, high = np.percentile(hits[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    share = float(right.mean())
    spread = Estimate(value=share, low=float(low), high=float(high))
    return Probe(
        accuracy=wilson(share, len(sizes)) if share in (0, 1) else spread,
        confusion=confusion_matrix(terrain, predicted),
    )
