"""What an evaluation yields, as plain data for files, terminal and report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from crosswake.core.provenance import Origin
from crosswake.data.check.facts import Finding
from crosswake.data.chips import Chip
from crosswake.data.reid import UNKNOWN, BadFile, Chips, ProtocolName, ReidData
from crosswake.retrieval.metrics import Floats
from crosswake.retrieval.protocols import Estimate, ProtocolResult
from crosswake.settings.evaluate import RerankConfig

PROTOCOL_TITLES: Mapping[ProtocolName, str] = {
    "all": "all to all",
    "o2s": "optical to SAR",
    "s2o": "SAR to optical",
}
METRIC_TITLES = {
    "mAP": "mAP",
    "rank1": "rank-1",
    "rank5": "rank-5",
    "rank10": "rank-10",
    "mINP": "mINP",
}
Metrics = Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class ProtocolOutcome:
    """One protocol: the model's result, the chips its indices refer to, and the baselines beside
    it.

    Attributes:
        result: the model's numbers.
        query: the readable queries, in the order of ``result.ranking``.
        gallery: the readable gallery, which ``result.ranking.top`` indexes.
        fixed: whether the data set says which chips take part, as HOSS ReID does in ``subset/``.
        baselines: metrics by baseline; the interval of an exact expectation is NaN.
        curves: CMC from rank 1 on by baseline, as long as ``result.curve``.
        breakdown: by ``terrain`` and ``scene``, where the chips know theirs: the result of the
            queries of each, among the whole gallery.
        reranked: the model's numbers after k-reciprocal re-ranking; None without it.
    """

    result: ProtocolResult
    query: Chips
    gallery: Chips
    baselines: Mapping[str, Metrics]
    curves: Mapping[str, Floats] = field(default_factory=dict)
    breakdown: Mapping[str, Mapping[str, ProtocolResult]] = field(default_factory=dict)
    reranked: ProtocolResult | None = None
    fixed: bool = False

    @property
    def chosen_by(self) -> str:
        """What says which queries and gallery chips take part; the numbers of one choice are not
        those of another."""
        if self.result.name == "all":
            return "all"
        return "subset of the data set" if self.fixed else "modality"

    @property
    def distractors(self) -> int:
        """Gallery chips of unknown ships."""
        return sum(chip.identity == UNKNOWN for chip in self.gallery)

    @property
    def title(self) -> str:
        """The protocol in words."""
        return PROTOCOL_TITLES[self.result.name]

    @property
    def rows(self) -> list[tuple[str, Metrics]]:
        """Metrics by what ranked the gallery, the model first."""
        reranked = [("re-ranked", self.reranked.metrics)] if self.reranked else []
        return [("model", self.result.metrics), *reranked, *self.baselines.items()]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything one evaluation measured, and on what.

    Attributes:
        data: the data set.
        fingerprint: of the test chips, see :func:`crosswake.data.reid.chips_fingerprint`.
        outcomes: by protocol, in the order ``all``, ``o2s``, ``s2o``.
        findings: what is the matter with the test chips, as ``data check`` has it.
        chips: every readable test chip, once.
        features: (N, D) float32, the embedding of each of ``chips``.
        unreadable: test files that were left out, and why.
        model: the embedder's own description.
        versions: of Python and the packages that numbers depend on.
        seed: of the bootstrap and of the drawings.
        command: the command line of this process.
        rerank: settings of re-ranking; None without it.
        origin: what the results were made from, as their files say it.
    """

    data: ReidData
    fingerprint: str
    outcomes: Mapping[ProtocolName, ProtocolOutcome]
    findings: tuple[Finding, ...]
    chips: Chips
    features: NDArray[Any]
    unreadable: tuple[BadFile, ...]
    model: Mapping[str, object]
    versions: Mapping[str, str]
    seed: int
    command: str
    rerank: RerankConfig | None = None
    origin: Origin = field(default_factory=dict)

    def __repr__(self) -> str:
        """The numbers in place of the chips."""
        lines = [f"<Evaluation on {self.data.name!r}, {len(self.chips):,} chips>"]
        for outcome in self.outcomes.values():
            numbers = ", ".join(
                f"{METRIC_TITLES[name]} {100 * estimate.value:.1f}"
                for name, estimate in outcome.result.metrics.items()
            )
            counts = f"queries {outcome.result.queries:,}, gallery {outcome.result.gallery:,}"
            lines.append(f"  {outcome.title}: {numbers} % ({counts})")
        return "\n".join(lines)

    def to_pandas(self) -> Any:
        """A DataFrame with a row for each number: protocol, what ranked the gallery, metric, value
        and its 95 % interval, as fractions.

        Raises:
            CrosswakeError: pandas is not installed.
        """
        from crosswake.core.extras import data_frame

        rows = [
            (protocol, ranked_by, metric, one.value, one.low, one.high)
            for protocol, outcome in self.outcomes.items()
            for ranked_by, metrics in outcome.rows
            for metric, one in metrics.items()
        ]
        names = ("protocol", "ranked_by", "metric", "value", "low", "high")
        return data_frame({name: [row[i] for row in rows] for i, name in enumerate(names)})

    def rows_of(self, chips: tuple[Chip, ...]) -> NDArray[Any]:
        """(n, D): the embeddings of ``chips``."""
        place = {chip: row for row, chip in enumerate(self.chips)}
        return self.features[[place[chip] for chip in chips]]
