"""Measures a model: embeds every test chip once, then ranks by each protocol."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress, track
from crosswake.core.provenance import command_line, versions
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.pixels import read_pixels
from crosswake.data.reid import BadFile, Chips, ProtocolName, ReidData, chips_fingerprint
from crosswake.retrieval.baselines import PlainFeatures, chance, plain_features, rank_by_size
from crosswake.retrieval.metrics import Ranking
from crosswake.retrieval.products import RankOptions
from crosswake.retrieval.protocols import Estimate, ProtocolResult, evaluate_protocol, of_queries
from crosswake.retrieval.ranking import rank, rank_rows
from crosswake.retrieval.rerank import rerank_rows
from crosswake.settings.evaluate import RerankConfig
from crosswake.tasks.reid.results import Evaluation, Metrics, ProtocolOutcome

BATCHES_AT_ONCE = 8
GROUPS_AT_MOST = 40
"""Scenes or terrains that results are broken down by."""
Rows = Callable[[Chips], NDArray[Any]]


class Embedder(Protocol):
    """What is asked of a model; :class:`crosswake.models.base.ChipEmbedder` is one."""

    def embed(
        self, chips: Sequence[Chip], *, batch_size: int = 64, quiet: bool = True
    ) -> NDArray[np.float32]:
        """(N, D) L2-normalised features; raises UnreadableChipError."""

    def attention_maps(self, chips: Sequence[Chip]) -> NDArray[np.float32] | None:
        """(N, rows, columns), how much of the image each patch contributed; None where the model
        cannot tell."""

    def describe(self) -> dict[str, object]:
        """Settings and provenance of the model, for the report."""


def measure(
    embedder: Embedder,
    data: ReidData,
    *,
    seed: int = 0,
    strict: bool = False,
    quiet: bool = False,
    batch_size: int = 64,
    rerank: RerankConfig | None = None,
    device: str = "cpu",
) -> Evaluation:
    """Measure by all protocols; arguments as
    :func:`crosswake.reports.evaluation.evaluate_model`."""
    data.require_test()
    if strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    chips = test_chips(data)
    unreadable: list[BadFile] = []
    plain = read_plain(chips, unreadable, strict=strict, quiet=quiet)
    features = embed(
        embedder, tuple(plain), unreadable, batch_size=batch_size, strict=strict, quiet=quiet
    )
    if not features:
        raise CrosswakeError(
            f"{data.root}: not one of {len(chips)} test chips is readable; see {chips[0].path}"
        )
    outcomes: dict[ProtocolName, ProtocolOutcome] = {}
    for name in data.protocols:
        query, gallery = (tuple(c for c in part if c in features) for part in data.protocol(name))
        outcomes[name] = run_protocol(name, query, gallery, features, plain, seed, rerank, device)
    return Evaluation(
        data=data,
        fingerprint=chips_fingerprint(chips),
        outcomes=outcomes,
        chips=tuple(features),
        features=np.stack(list(features.values())),
        unreadable=tuple(unreadable),
        model=embedder.describe(),
        versions=versions(),
        seed=seed,
        command=command_line(),
        rerank=rerank,
    )


def test_chips(data: ReidData) -> Chips:
    """Every chip that a protocol asks or searches, once."""
    parts = (part for name in data.protocols for part in data.protocol(name))
    return tuple(dict.fromkeys(chip for part in parts for chip in part))


def read_plain(
    chips: Chips, unreadable: list[BadFile], *, strict: bool, quiet: bool
) -> dict[Chip, PlainFeatures]:
    """The model-free features of every readable chip; the others are appended to ``unreadable``."""
    plain = {}
    for chip in track(chips, len(chips), "reading", quiet=quiet):
        try:
            plain[chip] = plain_features(chip, read_pixels(chip.path, chip.box))
        except UnreadableChipError as error:
            if strict:
                raise
            unreadable.append(BadFile(path=error.path, reason=error.reason))
    return plain


def embed(
    embedder: Embedder,
    chips: Chips,
    unreadable: list[BadFile],
    *,
    batch_size: int,
    strict: bool,
    quiet: bool,
) -> dict[Chip, NDArray[np.float32]]:
    """The embedding of every chip that the model can read; the others are appended to
    ``unreadable``."""
    features: dict[Chip, NDArray[np.float32]] = {}
    size = batch_size * BATCHES_AT_ONCE
    with Progress(len(chips), "embedding", quiet=quiet) as progress:
        for start in range(0, len(chips), size):
            block = chips[start : start + size]
            left = block
            while left:
                try:
                    rows = embedder.embed(left, batch_size=batch_size, quiet=True)
                    features |= dict(zip(left, rows, strict=True))
                    break
                except UnreadableChipError as error:
                    rest = tuple(chip for chip in left if chip.path != error.path)
                    if strict or len(rest) == len(left):
                        raise
                    unreadable.append(BadFile(path=error.path, reason=error.reason))
                    left = rest
            progress.advance(len(block))
    return features


def run_protocol(
    name: ProtocolName,
    query: Chips,
    gallery: Chips,
    features: dict[Chip, NDArray[np.float32]],
    plain: dict[Chip, PlainFeatures],
    seed: int,
    rerank: RerankConfig | None = None,
    device: str = "cpu",
) -> ProtocolOutcome:
    """Rank by the model, re-ranked if asked for, and by each baseline."""
    query_ids, gallery_ids = [c.identity for c in query], [c.identity for c in gallery]

    def ranked(rows: Rows) -> Ranking:
        options = RankOptions(device=device)
        return rank(rows(query), rows(gallery), query_ids, gallery_ids, options)

    def metrics_of(ranking: Ranking) -> Metrics:
        return evaluate_protocol(name, ranking, seed=seed).metrics

    def embeddings(part: Chips) -> NDArray[Any]:
        return np.array([features[c] for c in part])

    result = evaluate_protocol(name, ranked(embeddings), seed=seed)
    reranked = None
    if rerank:
        distances = rerank_rows(
            embeddings(query),
            embeddings(gallery),
            rerank,
            ([c.modality for c in query], [c.modality for c in gallery]),
            RankOptions(device=device),
        )
        reranked = evaluate_protocol(name, rank_rows(distances, query_ids, gallery_ids), seed=seed)
    nan = float("nan")
    expected = chance(result.ranking)
    baselines = {
        "pixel correlation": metrics_of(
            ranked(lambda part: np.array([plain[c].gradient for c in part]))
        )
    }
    if any(chip.box is None for chip in query):  # windows are cut to one size, which tells nothing
        sizes = [plain[c] for c in query], [plain[c] for c in gallery]
        baselines["size only"] = metrics_of(rank_by_size(*sizes, query_ids, gallery_ids))
    baselines["chance"] = {
        key: Estimate(value=value, low=nan, high=nan) for key, value in expected.items()
    }
    return ProtocolOutcome(
        result=result,
        query=query,
        gallery=gallery,
        baselines=baselines,
        breakdown=breakdown(name, query, result.ranking, seed),
        reranked=reranked,
    )


def breakdown(
    name: ProtocolName, query: Chips, ranking: Ranking, seed: int
) -> dict[str, dict[str, ProtocolResult]]:
    """Results by terrain and by scene, where there are several and few enough to read."""
    found: dict[str, dict[str, ProtocolResult]] = {}
    for kind, names in (
        ("terrain", np.array([chip.terrain for chip in query])),
        ("scene", np.array([chip.scene for chip in query])),
    ):
        groups = sorted(set(names.tolist()) - {""})
        if 1 < len(groups) <= GROUPS_AT_MOST:
            parts = {group: of_queries(ranking, names == group) for group in groups}
            found[kind] = {
                group: evaluate_protocol(name, part, seed=seed) for group, part in parts.items()
            }
    return found
