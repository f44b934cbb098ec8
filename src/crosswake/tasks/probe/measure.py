"""What frozen features know of land cover: a linear probe (Alain and Bengio, arXiv 1610.01644)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import track
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.pair_chips import images_of, pair_chips
from crosswake.data.pairs import Pair, PairData, Pairs
from crosswake.data.pixels import read_pixels
from crosswake.data.radiometry import to_uint8
from crosswake.data.reid import BadFile, chips_fingerprint
from crosswake.retrieval.protocols import Estimate
from crosswake.tasks.reid.measure import Embedder, embed

BATCH = 64
FOLDS = 5
RESAMPLES = 2000
Floats = NDArray[np.float64]


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
        data: what it is measured on.
        fingerprint: of both images of the pairs that know their terrain, see
            :func:`crosswake.data.reid.chips_fingerprint`.
        unreadable: files of these pairs that were left out, and why.
        classes: terrains, sorted.
        scenes: number of scenes of each.
        pairs: number of pairs, those with an unreadable half apart.
        by_scene: whether no scene is both learnt from and told; otherwise the figures prove
            nothing.
        majority: share of the commonest class, which needs no features.
        probes: by feature: ``optical``, ``SAR``, ``both`` of the model, and ``mean and deviation``
            of the pixels.
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
    embedder: Embedder, data: PairData, *, seed: int = 0, strict: bool = False, quiet: bool = False
) -> ProbeResult:
    """Tell the terrain of pairs from frozen features, by scenes never learnt from where every class
    has two.

    Args:
        embedder: turns chips into features.
        data: pairs, some of them with a terrain.
        seed: of folds and intervals.
        strict: stop at the first bad file, in place of leaving its pair out.
        quiet: show no progress.

    Raises:
        CrosswakeError: fewer than two terrains, or a terrain of a single pair; or ``strict`` and a
            file is bad.
    """
    if strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    asked = terrain_pairs(data)
    unreadable: list[BadFile] = []
    features = features_of(embedder, asked, unreadable, strict=strict, quiet=quiet)
    require_classes(data, tuple(features), unreadable)
    terrain, scene = (
        np.array([getattr(pair, name) for pair in features]) for name in ("terrain", "scene")
    )
    classes, counts = np.unique(terrain, return_counts=True)
    scenes = tuple(len(set(scene[terrain == name])) for name in classes)
    by_scene = min(scenes) >= 2
    groups = scene if by_scene else np.arange(len(terrain)).astype(str)
    folds = make_folds(terrain, groups, min(FOLDS, *(scenes if by_scene else counts)), seed)
    return ProbeResult(
        data=data,
        fingerprint=chips_fingerprint(chip for part in pair_chips(asked) for chip in part),
        unreadable=tuple(dict.fromkeys(unreadable)),
        classes=tuple(map(str, classes)),
        scenes=scenes,
        pairs=len(features),
        by_scene=by_scene,
        majority=float(counts.max() / len(features)),
        probes={
            kind: probe(
                np.array([row[kind] for row in features.values()]), terrain, groups, folds, seed
            )
            for kind in ("optical", "SAR", "both", "mean and deviation of pixels")
        },
    )


def terrain_pairs(data: PairData) -> Pairs:
    """The pairs that know their terrain.

    Raises:
        CrosswakeError: fewer than two terrains, or a terrain of a single pair.
    """
    pairs = tuple(pair for pair in data.pairs if pair.terrain)
    require_classes(data, pairs, [])
    return pairs


def require_classes(data: PairData, pairs: Pairs, unreadable: list[BadFile]) -> None:
    """Raise unless there are two terrains of two pairs each."""
    counts = Counter(pair.terrain for pair in pairs)
    if len(counts) < 2 or min(counts.values()) < 2:
        found = ", ".join(f"{count} of {name}" for name, count in sorted(counts.items())) or "none"
        bad = "".join(f"; left out is {one.path}: {one.reason}" for one in unreadable[:1])
        raise CrosswakeError(
            f"{data.root}: a probe needs two terrains of two pairs each; found {found}{bad}"
        )


def features_of(
    embedder: Embedder, pairs: Pairs, unreadable: list[BadFile], *, strict: bool, quiet: bool
) -> dict[Pair, dict[str, NDArray[Any]]]:
    """All features of each pair whose images can be read, by kind; bad files are appended to
    ``unreadable``."""
    plain = read_plain(pairs, unreadable, strict=strict, quiet=quiet)
    embedded: dict[Chip, NDArray[np.float32]] = {}
    for chips in pair_chips(tuple(plain)):
        embedded |= embed(embedder, chips, unreadable, batch_size=BATCH, strict=strict, quiet=quiet)
    features: dict[Pair, dict[str, NDArray[Any]]] = {}
    for pair, statistics in plain.items():
        rows = [embedded[chip] for chip in images_of(pair) if chip in embedded]
        if len(rows) == 2:
            both = {"optical": rows[0], "SAR": rows[1], "both": np.hstack(rows)}
            features[pair] = both | {"mean and deviation of pixels": statistics}
    return features


def read_plain(
    pairs: Pairs, unreadable: list[BadFile], *, strict: bool, quiet: bool
) -> dict[Pair, Floats]:
    """What needs no model, of each pair whose images can be read."""
    plain: dict[Pair, Floats] = {}
    for pair in track(pairs, len(pairs), "reading", "pairs", quiet):
        try:
            plain[pair] = plain_statistics(*images_of(pair))
        except UnreadableChipError as error:
            if strict:
                raise
            unreadable.append(BadFile(path=error.path, reason=error.reason))
    return plain


def plain_statistics(optical: Chip, radar: Chip) -> Floats:
    """(12,), mean and deviation of the channels of both images, as 8 bit: what needs no model."""
    pictures = [
        to_uint8(read_pixels(chip.path, chip.box), chip.modality, "log")
        for chip in (optical, radar)
    ]
    return np.concatenate(
        [part for picture in pictures for part in (picture.mean((0, 1)), picture.std((0, 1)))]
    )


def make_folds(
    terrain: NDArray[Any], groups: NDArray[Any], count: int, seed: int
) -> NDArray[np.int64]:
    """(pairs,), the fold of each, classes shared out evenly and no group in two folds."""
    from sklearn.model_selection import StratifiedGroupKFold

    fold = np.zeros(len(terrain), np.int64)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    for number, (_, told) in enumerate(splitter.split(terrain, terrain, groups)):
        fold[told] = number
    return fold


def probe(
    features: NDArray[Any],
    terrain: NDArray[Any],
    groups: NDArray[Any],
    folds: NDArray[np.int64],
    seed: int,
) -> Probe:
    """Logistic regression on standardised features, every fold told from the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import confusion_matrix
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    told = np.empty_like(terrain)
    for number in np.unique(folds):
        mine = folds == number
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        told[mine] = classifier.fit(features[~mine], terrain[~mine]).predict(features[mine])
    return Probe(
        accuracy=by_group(told == terrain, groups, seed), confusion=confusion_matrix(terrain, told)
    )


def by_group(right: NDArray[np.bool_], groups: NDArray[Any], seed: int) -> Estimate:
    """Mean with a bootstrap interval over whole groups, for pairs of one scene are not
    independent."""
    _, number = np.unique(groups, return_inverse=True)
    hits, sizes = np.bincount(number, right), np.bincount(number)
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(RESAMPLES, len(sizes)))
    low, high = np.percentile(hits[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    return Estimate(value=float(right.mean()), low=float(low), high=float(high))
