"""Chooses what the report shows: which queries, which chips, which pairs; seeded wherever it
samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import cross_modal_identities, identities
from crosswake.retrieval.baselines import chance_curve
from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.ranking import distance_rows
from crosswake.tasks.reid.results import Evaluation, ProtocolOutcome

SHOWN = 10
EXAMPLES = 2
MAPPED = 1200
QUERIES_FOR_HISTOGRAM, GALLERY_FOR_HISTOGRAM = 400, 4000
TSNE_FROM = 30
PAIRS = (
    ("optical – optical", Modality.OPTICAL, Modality.OPTICAL),
    ("SAR – SAR", Modality.SAR, Modality.SAR),
    ("optical – SAR", Modality.OPTICAL, Modality.SAR),
)


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One entry of a rank list."""

    chip: Chip
    rank: int
    distance: float
    correct: bool


@dataclass(frozen=True, kw_only=True)
class Example:
    """One query and its nearest chips; ``first`` is its first true match where that comes later."""

    query: Chip
    average_precision: float
    first_match: int
    matches: int
    hits: tuple[Hit, ...]
    first: Hit | None


def examples(outcome: ProtocolOutcome, evaluation: Evaluation) -> dict[str, list[Example]]:
    """Queries of highest, median and lowest average precision, two each where there are enough."""
    ranking = outcome.result.ranking
    used = np.flatnonzero(ranking.used)
    order = used[np.argsort(-ranking.average_precision[used], kind="stable")]
    count = min(EXAMPLES, max(1, len(order) // 3))
    middle = max(0, (len(order) - count) // 2)
    parts = {
        "best": order[:count],
        "median": order[middle : middle + count],
        "worst": order[-count:],
    }
    if len(order) < 3:
        parts = {"best": order[:1], "worst": order[1:]}
    return {
        name: [example(outcome, evaluation, int(row)) for row in rows]
        for name, rows in parts.items()
        if len(rows)
    }


def example(outcome: ProtocolOutcome, evaluation: Evaluation, row: int) -> Example:
    """The rank list of one query."""
    ranking, query = outcome.result.ranking, outcome.query[row]
    hits = tuple(
        hit(outcome.gallery[index], query, place, float(distance))
        for place, (index, distance) in enumerate(
            zip(ranking.top[row, :SHOWN], ranking.top_distance[row], strict=False), start=1
        )
    )
    first = None
    if ranking.first_match[row] > SHOWN:
        candidates = tuple(chip for chip in outcome.gallery if chip.identity == query.identity)
        (distance,) = distance_rows(evaluation.rows_of((query,)), evaluation.rows_of(candidates))
        nearest = int(np.argmin(distance))
        first = hit(
            candidates[nearest], query, int(ranking.first_match[row]), float(distance[nearest])
        )
    return Example(
        query=query,
        average_precision=float(ranking.average_precision[row]),
        first_match=int(ranking.first_match[row]),
        matches=int(ranking.matches[row]),
        hits=hits,
        first=first,
    )


def hit(chip: Chip, query: Chip, place: int, distance: float) -> Hit:
    """One entry."""
    return Hit(chip=chip, rank=place, distance=distance, correct=chip.identity == query.identity)


def distance_groups(evaluation: Evaluation) -> dict[str, tuple[Floats, Floats]]:
    """Squared distances of same and of different identities by modality pair, query to gallery of
    the first protocol.

    Large sets are sampled.
    """
    outcome = next(iter(evaluation.outcomes.values()))
    generator = np.random.default_rng(evaluation.seed)
    query = sample(outcome.query, QUERIES_FOR_HISTOGRAM, generator)
    gallery = sample(outcome.gallery, GALLERY_FOR_HISTOGRAM, generator)
    if not query or not gallery:
        return {}
    distance = np.stack(list(distance_rows(evaluation.rows_of(query), evaluation.rows_of(gallery))))
    same = np.array([c.identity for c in query])[:, None] == np.array([c.identity for c in gallery])
    asks = np.array([c.modality for c in query])[:, None]
    sought = np.array([c.modality for c in gallery])
    groups = {}
    for title, one, other in PAIRS:
        pair = ((asks == one) & (sought == other)) | ((asks == other) & (sought == one))
        if pair.any():
            groups[title] = (
                distance[pair & same].astype(np.float64),
                distance[pair & ~same].astype(np.float64),
            )
    return groups


def sample(chips: tuple[Chip, ...], count: int, generator: np.random.Generator) -> tuple[Chip, ...]:
    """At most ``count`` of ``chips``, in their order."""
    if len(chips) <= count:
        return chips
    return tuple(chips[i] for i in np.sort(generator.choice(len(chips), count, replace=False)))


def plane(evaluation: Evaluation, chosen: list[str]) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Places on a plane, (n, 2); which chips they are, (n,); and the method's name.

    At most 1,200 chips, those of the ``chosen`` identities among them. t-SNE (van der Maaten and
    Hinton, JMLR 2008) from 30 chips on, principal components below."""
    rows = np.arange(len(evaluation.chips))
    if len(rows) > MAPPED:
        wanted = np.array([chip.identity in chosen for chip in evaluation.chips])
        rest = np.random.default_rng(evaluation.seed).permutation(rows[~wanted])
        rows = np.sort(np.concatenate([rows[wanted], rest])[:MAPPED])
    features = np.asarray(evaluation.features[rows], dtype=np.float64)
    if len(rows) < TSNE_FROM:
        from sklearn.decomposition import PCA

        size = min(2, *features.shape)
        places = PCA(size, random_state=evaluation.seed).fit_transform(features)
        return np.pad(places, ((0, 0), (0, 2 - size))), rows, "principal components"
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(rows) - 1) / 3)
    start = (
        "pca" if features.std(axis=0).any() else "random"
    )  # PCA of a single point divides by zero
    mapper = TSNE(perplexity=perplexity, init=start, random_state=evaluation.seed % 2**32)
    return mapper.fit_transform(features), rows, f"t-SNE, perplexity {perplexity:.0f}"


def coloured_identities(evaluation: Evaluation, count: int = 12) -> list[str]:
    """A seeded dozen of the identities, those seen in both modalities first, sorted."""
    generator = np.random.default_rng(evaluation.seed)
    both = cross_modal_identities(evaluation.chips)
    others = sorted(set(identities(evaluation.chips)) - set(both))
    mixed = [*generator.permutation(both), *generator.permutation(others)] if both or others else []
    return sorted(str(name) for name in mixed[:count])


def attention_chips(evaluation: Evaluation, count: int = 4) -> tuple[Chip, ...]:
    """Of up to ``count`` identities one optical and one SAR chip each, one after the other."""
    shown = []
    for identity in coloured_identities(evaluation)[:count]:
        for modality in Modality:
            of_identity = (
                c for c in evaluation.chips if c.identity == identity and c.modality is modality
            )
            shown += list(of_identity)[:1]
    return tuple(shown)


def chance_curves(outcomes: list[ProtocolOutcome]) -> list[Floats]:
    """The CMC curve that chance is expected to give, by protocol."""
    return [chance_curve(o.result.ranking, len(o.result.curve)) for o in outcomes]
