"""Chooses what the report shows of an evaluation: queries, chips, distances. What is drawn at
random is seeded."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import (
    UNKNOWN,
    cross_modal_identities,
    identities,
    match_labels,
    own_rows,
)
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
    """One query and its nearest chips.

    Attributes:
        query: the query.
        average_precision: of its rank list.
        first_match: rank of its first true match.
        matches: how many true matches the gallery has.
        hits: its nearest chips.
        first: its first true match, where that comes later.
    """

    query: Chip
    average_precision: float
    first_match: int
    matches: int
    hits: tuple[Hit, ...]
    first: Hit | None

    @property
    def digits(self) -> int:
        """Decimals by which different distances of the list look different."""
        hits = [*self.hits, *filter(None, (self.first,))]
        distances = {hit.distance for hit in hits}
        enough = (n for n in range(2, 7) if len({round(d, n) for d in distances}) == len(distances))
        return next(enough, 7)


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
        name: [make_example(outcome, evaluation, int(row)) for row in rows]
        for name, rows in parts.items()
        if len(rows)
    }


def make_example(outcome: ProtocolOutcome, evaluation: Evaluation, row: int) -> Example:
    """The rank list of one query."""
    ranking, query = outcome.result.ranking, outcome.query[row]

    def hit(chip: Chip, rank: int, distance: float) -> Hit:
        correct = chip.identity == query.identity != UNKNOWN
        return Hit(chip=chip, rank=rank, distance=float(distance), correct=correct)

    nearest = zip(ranking.top[row, :SHOWN], ranking.top_distance[row], strict=False)
    hits = [hit(outcome.gallery[i], rank, d) for rank, (i, d) in enumerate(nearest, start=1)]
    first, first_match = None, int(ranking.first_match[row])
    if first_match > SHOWN:
        matches = tuple(
            chip for chip in outcome.gallery if chip.identity == query.identity and chip != query
        )
        (distance,) = distance_rows(evaluation.rows_of((query,)), evaluation.rows_of(matches))
        place = int(np.argmin(distance))
        first = hit(matches[place], first_match, distance[place])
    return Example(
        query=query,
        average_precision=float(ranking.average_precision[row]),
        first_match=first_match,
        matches=int(ranking.matches[row]),
        hits=tuple(hits),
        first=first,
    )


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
    labels = match_labels(query, gallery)
    same = labels[0][:, None] == labels[1]
    apart = own_rows(query, gallery)[:, None] != np.arange(len(gallery))
    of_query = np.array([c.modality for c in query])[:, None]
    of_gallery = np.array([c.modality for c in gallery])
    groups, values = {}, distance.astype(np.float64)
    for title, one, other in PAIRS:
        pair = (of_query == one) & (of_gallery == other) | (of_query == other) & (of_gallery == one)
        if (pair & apart).any():
            groups[title] = values[pair & same & apart], values[pair & ~same]
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
    # where all points are one, PCA would divide by zero
    start = "pca" if features.std(axis=0).any() else "random"
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
    first = {(chip.identity, chip.modality): chip for chip in reversed(evaluation.chips)}
    wanted = [(name, kind) for name in coloured_identities(evaluation)[:count] for kind in Modality]
    return tuple(first[key] for key in wanted if key in first)
