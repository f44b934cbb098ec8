"""Measures a model: reads and embeds every test chip once, then ranks by each protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.decode import in_batches
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.provenance import command_line, versions
from crosswake.core.text import counted
from crosswake.data.check.chips import judge_chips, require_answers
from crosswake.data.check.facts import ChipFacts, facts_of
from crosswake.data.chips import Chip
from crosswake.data.pixels import Pixels
from crosswake.data.reid import (
    BadFile,
    Chips,
    ProtocolName,
    ReidData,
    chips_fingerprint,
    match_labels,
    own_rows,
)
from crosswake.models.base import ChipEmbedder, require_finite
from crosswake.retrieval.baselines import (
    PlainFeatures,
    chance,
    chance_curve,
    plain_features,
    rank_by_size,
)
from crosswake.retrieval.metrics import Ranking
from crosswake.retrieval.products import RankOptions
from crosswake.retrieval.protocols import Estimate, ProtocolResult, evaluate_protocol, of_queries
from crosswake.retrieval.ranking import rank, rank_rows
from crosswake.retrieval.rerank import rerank_rows
from crosswake.settings.evaluate import RerankConfig
from crosswake.tasks.reid.results import Evaluation, Metrics, ProtocolOutcome

MAX_GROUPS = 40
"""Scenes or terrains that results are broken down by; with more, nobody would read the table."""


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """How to measure.

    Attributes:
        seed: of the bootstrap and of what the report draws at random.
        strict: stop at the first bad file, in place of leaving it out.
        quiet: show no progress.
        batch_size: chips embedded at a time.
        rerank: settings of k-reciprocal re-ranking, whose numbers are then given beside the
            model's; None for none.
        device: where features are compared.
        known: facts of the chips that the model learnt from, if they were decoded just before.
    """

    seed: int = 0
    strict: bool = False
    quiet: bool = False
    batch_size: int = 64
    rerank: RerankConfig | None = None
    device: str = "cpu"
    known: Mapping[Chip, ChipFacts] = field(default_factory=dict)


MEASURE_DEFAULTS = MeasureOptions()


@dataclass(frozen=True, kw_only=True)
class ChipFeatures:
    """What every readable test chip is compared by.

    Attributes:
        model: the embedding of each.
        plain: the model-free features of each.
        facts: what is known of the pixels of each.
        bad_files: the chips that could not be read, and why.
    """

    model: dict[Chip, NDArray[np.float32]]
    plain: dict[Chip, PlainFeatures]
    facts: dict[Chip, ChipFacts]
    bad_files: tuple[BadFile, ...]


def measure(
    embedder: ChipEmbedder, data: ReidData, options: MeasureOptions = MEASURE_DEFAULTS
) -> Evaluation:
    """Measure by all protocols that the data has.

    Raises:
        CrosswakeError: no test chips, none readable, no query with a true match, features not
            finite; or a file is bad and ``options.strict`` is set.
    """
    require_answers(data)
    if options.strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    chips = chips_to_measure(data)
    features = read_features(embedder, chips, options)
    if not features.model:
        raise CrosswakeError(
            f"{data.root}: not one of {len(chips)} test chips is readable; see {chips[0].path}"
        )
    findings = judge_chips(data, features.facts, options.strict, options.known)
    outcomes = {name: run_protocol(name, data, features, options) for name in data.protocols}
    if not any(outcome.result.queries for outcome in outcomes.values()):
        first = features.bad_files[0]
        raise CrosswakeError(
            f"{data.root}: no query has a true match among the chips that can be read; the first "
            f"of {counted(len(features.bad_files), 'bad file')}: {first.path}: {first.reason}"
        )
    return Evaluation(
        data=data,
        fingerprint=chips_fingerprint(chips),
        outcomes=outcomes,
        findings=findings,
        chips=tuple(features.model),
        features=np.stack(list(features.model.values())),
        unreadable=features.bad_files,
        model=embedder.describe(),
        versions=versions(),
        seed=options.seed,
        command=command_line(),
        rerank=options.rerank,
    )


def chips_to_measure(data: ReidData) -> Chips:
    """Every chip that is a query or in the gallery of a protocol, once."""
    parts = (part for name in data.protocols for part in data.protocol(name))
    return tuple(dict.fromkeys(chip for part in parts for chip in part))


def read_features(embedder: ChipEmbedder, chips: Chips, options: MeasureOptions) -> ChipFeatures:
    """Read every chip once, for the model's and the model-free features and to judge it."""
    model: dict[Chip, NDArray[np.float32]] = {}
    plain: dict[Chip, PlainFeatures] = {}
    facts: dict[Chip, ChipFacts] = {}

    def look(chip: Chip, pixels: Pixels) -> tuple[PlainFeatures, ChipFacts]:
        return plain_features(chip, pixels), facts_of(chip, pixels)

    bad_files: list[BadFile] = []
    batches = embedder.embed_batches(
        in_batches(chips, options.batch_size), look=look, strict=options.strict
    )
    with Progress(len(chips), "embedding", quiet=options.quiet) as progress:
        for _, batch in batches:
            require_finite(batch.features, batch.chips)
            model |= dict(zip(batch.chips, batch.features, strict=True))
            for chip, seen in zip(batch.chips, batch.seen, strict=True):
                plain[chip], facts[chip] = seen
            bad_files += batch.bad_files
            progress.advance(len(batch.chips) + len(batch.bad_files))
    return ChipFeatures(model=model, plain=plain, facts=facts, bad_files=tuple(bad_files))


def run_protocol(
    name: ProtocolName, data: ReidData, features: ChipFeatures, options: MeasureOptions
) -> ProtocolOutcome:
    """Rank by the model, re-ranked if that is set, and by each baseline."""
    query, gallery = (tuple(c for c in part if c in features.model) for part in data.protocol(name))
    query_ids, gallery_ids = match_labels(query, gallery)
    own = own_rows(query, gallery)
    rank_options = RankOptions(device=options.device)

    def judged(ranking: Ranking) -> ProtocolResult:
        return evaluate_protocol(name, ranking, seed=options.seed)

    def ranked(rows: Mapping[Chip, Any]) -> ProtocolResult:
        of_query, of_gallery = (np.array([rows[c] for c in part]) for part in (query, gallery))
        return judged(rank(of_query, of_gallery, query_ids, gallery_ids, rank_options, own))

    result = ranked(features.model)
    reranked = None
    if options.rerank:
        distances = rerank_rows(
            np.array([features.model[chip] for chip in query]),
            np.array([features.model[chip] for chip in gallery]),
            options.rerank,
            ([c.modality for c in query], [c.modality for c in gallery]),
            rank_options,
        )
        reranked = judged(rank_rows(distances, query_ids, gallery_ids, own=own))
    gradients = {chip: plain.gradient for chip, plain in features.plain.items()}
    plain = {"pixel correlation": ranked(gradients)}
    if any(chip.box is None for chip in query):  # windows are cut to one size, which tells nothing
        sizes = [features.plain[c] for c in query], [features.plain[c] for c in gallery]
        plain["size only"] = judged(rank_by_size(*sizes, query_ids, gallery_ids, own))
    return ProtocolOutcome(
        result=result,
        query=query,
        gallery=gallery,
        fixed=name in data.subsets and data.subject == "ship",
        baselines={name: one.metrics for name, one in plain.items()}
        | {"chance": chance_metrics(result.ranking)},
        curves={name: one.curve for name, one in plain.items()}
        | {"chance": chance_curve(result.ranking, len(result.curve))},
        breakdown=breakdown(name, query, result.ranking, options.seed),
        reranked=reranked,
    )


def chance_metrics(ranking: Ranking) -> Metrics:
    """The exact expectation of a gallery in random order, which has no interval."""
    nan = float("nan")
    return {
        name: Estimate(value=value, low=nan, high=nan) for name, value in chance(ranking).items()
    }


def breakdown(
    name: ProtocolName, query: Chips, ranking: Ranking, seed: int
) -> dict[str, dict[str, ProtocolResult]]:
    """Results by terrain and by scene, where there are several and few enough to read."""
    found: dict[str, dict[str, ProtocolResult]] = {}
    for kind in ("terrain", "scene"):
        names = np.array([getattr(chip, kind) for chip in query])
        groups = sorted(set(names.tolist()) - {""})
        if 1 < len(groups) <= MAX_GROUPS:
            found[kind] = {
                group: evaluate_protocol(name, of_queries(ranking, names == group), seed=seed)
                for group in groups
            }
    return found
