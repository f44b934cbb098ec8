"""From a query to its candidates: filters first, then every sighting that is left is compared; an
index only where nothing was filtered and the gallery is large."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from crosswake.core.earth import great_circle_km
from crosswake.core.errors import CrosswakeError
from crosswake.gallery.catalogue import PICTURES_APART, ROW_ID, Gallery
from crosswake.gallery.evidence import Evidence, Fleet, Weighing, weigh
from crosswake.gallery.facts import sighting_facts
from crosswake.gallery.filters import Filters, box_around, counted_steps, sql_bbox
from crosswake.gallery.index import VectorIndex, index_of, indexed
from crosswake.gallery.judgements import verdicts
from crosswake.gallery.left import (
    KeptSightings,
    Left,
    fleet_where,
    kept_sightings,
    left_in_rows,
    read_left,
    sampled_fleet,
)
from crosswake.gallery.products import cosines, embeddings_in
from crosswake.retrieval.calibration import Calibration
from crosswake.retrieval.metrics import Floats
from crosswake.settings.evidence import EvidenceConfig

INDEX_FROM = 50_000
"""Sightings from which on the index is used; of fewer each is compared in less time."""
INDEX_CANDIDATES = 1000
"""Sightings that an index, or products in half precision, give for a query; evidence is weighed on
these."""


@dataclass(frozen=True, kw_only=True)
class GallerySearchOptions:
    """How a gallery is searched.

    Attributes:
        filters: which sightings are candidates.
        within_km: of these only those so near to the query; None for any distance.
        top: candidates for each query.
        evidence: how evidence is weighed.
        calibration: of the model; without one there are ranks by cosine, and no probability.
        use_index: whether candidates may be chosen by an index, or by products in half precision,
            before they are compared exactly.
    """

    filters: Filters = field(default_factory=Filters)
    within_km: float | None = None
    top: int = 20
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    calibration: Calibration | None = None
    use_index: bool = True


@dataclass(frozen=True, kw_only=True)
class QueryAnswer:
    """What was found for one query.

    Attributes:
        query: the query's columns.
        steps: what each filter left that depends on the query, by name.
        candidates: the columns of each candidate, best first.
        not_there: probability that the ship is not in the gallery; None without a calibration.
    """

    query: Mapping[str, Any]
    steps: Mapping[str, int]
    candidates: Sequence[Mapping[str, Any]]
    not_there: float | None


@dataclass(frozen=True, kw_only=True)
class GallerySearch:
    """What a search found.

    Attributes:
        there: sightings in the gallery.
        steps: how many each filter left, by name, in order.
        rule: how candidates were found and ordered, in a sentence.
        calibrated: whether there are probabilities.
        answers: one for each query.
    """

    there: int
    steps: Mapping[str, int]
    rule: str
    calibrated: bool
    answers: Sequence[QueryAnswer]


def search_gallery(
    gallery: Gallery, queries: pa.Table, options: GallerySearchOptions
) -> GallerySearch:
    """Search a gallery.

    Args:
        gallery: where.
        queries: a row for each query, with ``id``, ``embedding`` and what is known of it, by the
            columns of a sighting. The sighting with a query's id is no candidate for it.
        options: how.

    Raises:
        CrosswakeError: the gallery is empty, the filters leave nothing, or a condition is wrong.
    """
    conditions = options.filters.conditions()
    there = gallery.count()
    if not there:
        raise CrosswakeError(f"{gallery.place}: the gallery is empty; crosswake gallery add")
    steps = {name: gallery.count(sql) for name, sql in counted_steps(conditions)}
    last = min(steps.values(), default=there)
    if not last:
        said = ", ".join(f"{name} {left:,}" for name, left in steps.items())
        raise CrosswakeError(f"the filters leave none of {there:,} sightings ({said}); widen them")
    where = " AND ".join(sql for _, sql in conditions)
    chosen = options.use_index and not where and options.within_km is None and last >= INDEX_FROM
    index = (kept_sightings(gallery) or index_of(gallery)) if chosen else None
    judged = verdicts(gallery)
    if index:
        answers = [one_of_nearest(gallery, index, row, options) for row in single_rows(queries)]
        rule = rule_of_choice(index, last)
    else:
        answers = by_comparison(gallery, queries, where, options)
        rule = f"each of {last:,} sightings was compared exactly"
    calibrated = any(answer.not_there is not None for answer in answers)
    rule += "; ordered by evidence" if calibrated else "; ordered by similarity"
    answers = completed_answers(gallery, answers, judged)
    return GallerySearch(
        there=there, steps=steps, rule=rule, calibrated=calibrated, answers=answers
    )


def single_rows(table: pa.Table) -> list[pa.Table]:
    """A table for each row."""
    return [table.slice(row, 1) for row in range(table.num_rows)]


def by_comparison(
    gallery: Gallery, queries: pa.Table, where: str, options: GallerySearchOptions
) -> list[QueryAnswer]:
    """Answers by comparing all sightings that meet a condition; around a single query only those in
    the box around it are read."""
    fleet = None
    near = circle_condition(queries, options.within_km) if queries.num_rows == 1 else ""
    if near:
        fleet = fleet_where(gallery, where)
        where = " AND ".join(filter(None, (where, near)))
    left = read_left(gallery, where)
    fleet = fleet or Fleet.of(left.facts)
    features = embeddings_in(queries)
    return [
        answer
        for start, similarity in cosines(features, left.features)
        for answer in (
            answer_one(queries.slice(start + row, 1), (left, fleet), values, options)
            for row, values in enumerate(similarity)
        )
    ]


def circle_condition(query: pa.Table, km: float | None) -> str:
    """The condition of the box around a circle about a query; empty without one."""
    if km is None:
        return ""
    place = sighting_facts(query)
    if np.isnan(place.lon[0]):
        return ""
    return sql_bbox(box_around(float(place.lon[0]), float(place.lat[0]), km))


def rule_of_choice(index: KeptSightings | VectorIndex, count: int) -> str:
    """How candidates were chosen of all sightings, in a sentence."""
    if isinstance(index, VectorIndex):
        return index.described(INDEX_CANDIDATES)
    return (
        f"each of {count:,} sightings was compared in half precision, and the nearest "
        f"{INDEX_CANDIDATES:,} exactly"
    )


def one_of_nearest(
    gallery: Gallery,
    index: KeptSightings | VectorIndex,
    query: pa.Table,
    options: GallerySearchOptions,
) -> QueryAnswer:
    """One answer of the nearest, by an index or in memory; these are compared and weighed."""
    features = embeddings_in(query)
    if isinstance(index, KeptSightings):
        left = index.nearest(features[0], INDEX_CANDIDATES)
    else:
        left = left_in_rows(gallery, indexed(gallery, index, features[0], INDEX_CANDIDATES, ROW_ID))
    _, similarity = next(iter(cosines(features, left.features)))
    return answer_one(query, (left, sampled_fleet(gallery)), similarity[0], options)


def answer_one(
    query: pa.Table, among: tuple[Left, Fleet], similarity: Floats, options: GallerySearchOptions
) -> QueryAnswer:
    """Weigh what is left for one query, beside what a fleet has by chance; only row numbers and
    evidence of the candidates are filled in."""
    left, fleet = among
    own = query["id"][0].as_py()
    facts = sighting_facts(query)
    counted = np.flatnonzero(left.ids != own)
    steps: dict[str, int] = {}
    if options.within_km is not None:
        km = great_circle_km(
            facts.lon[0], facts.lat[0], left.facts.lon[counted], left.facts.lat[counted]
        )
        counted = counted[km <= options.within_km]
        steps["within"] = len(counted)
    known = query["modality"][0].as_py() is not None
    how = Weighing(
        config=options.evidence,
        calibration=options.calibration if known else None,
        fleet=fleet,
    )
    evidence = weigh(facts, left.facts.take(counted), similarity[counted].astype(float), how)
    steps["max_speed"] = len(counted) - evidence.impossible
    candidates = [
        {ROW_ID: int(left.rows[counted[row]]), "rank": rank, **evidence_of(evidence, int(row))}
        for rank, row in enumerate(evidence.order()[: options.top], 1)
    ]
    row = query.drop_columns(["embedding"]).to_pylist()[0]
    not_there = evidence.not_there if evidence.calibrated else None
    return QueryAnswer(query=row, steps=steps, candidates=candidates, not_there=not_there)


def evidence_of(evidence: Evidence, row: int) -> dict[str, float | None]:
    """The evidence on one candidate; None for what is not known."""
    columns = {"cosine": evidence.cosine, **evidence.to_columns()}
    values = {name: float(column[row]) for name, column in columns.items()}
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def completed_answers(
    gallery: Gallery, answers: Sequence[QueryAnswer], judged: Mapping[frozenset[str], str]
) -> list[QueryAnswer]:
    """The answers with all columns of each candidate, and what people found of it."""
    rows = sorted({one[ROW_ID] for answer in answers for one in answer.candidates})
    found = gallery.take(rows, [*PICTURES_APART, "thumbnail"]).to_pylist() if rows else []
    whole = {row.pop(ROW_ID): row for row in found}
    return [
        QueryAnswer(
            query=answer.query,
            steps=answer.steps,
            candidates=[
                {
                    **row,
                    **{name: value for name, value in one.items() if name != ROW_ID},
                    "judged": judged.get(frozenset((answer.query["id"], row["id"]))),
                }
                for one in answer.candidates
                for row in (whole[one[ROW_ID]],)
            ],
            not_there=answer.not_there,
        )
        for answer in answers
    ]
