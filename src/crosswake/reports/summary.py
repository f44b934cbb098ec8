"""The tables that an evaluation prints."""

import math

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from crosswake.core.text import counted
from crosswake.retrieval.protocols import METRICS, Estimate
from crosswake.tasks.reid.results import METRIC_TITLES, Evaluation, ProtocolOutcome

NOTE = "Percent, with 95 % bootstrap intervals over queries; chance is the exact expectation."
BY_MODALITY = (
    "By modality: all optical (SAR) queries against all SAR (optical) chips of the gallery, for "
    "the data has no subset/. Numbers on the subsets of HOSS ReID are of another protocol."
)
TIED = (
    "wrong chips are exactly as near as true matches for {}. mAP is the mean over all orders of "
    "equals; the other numbers take equals in the order of the gallery."
)


def summary_tables(evaluation: Evaluation) -> list[Table | Text]:
    """What it is measured on, and a table a protocol: model and baselines, in percent with 95 %
    intervals."""
    notes = [NOTE]
    if evaluation.rerank:
        notes.append(f"Re-ranked: the model's distances by {evaluation.rerank.words}.")
    return [
        Text(f"Measured on {evaluation.data.name} ({evaluation.data.root})", style="bold"),
        *map(protocol_table, evaluation.outcomes.values()),
        *(Text(note, style="dim") for note in [*notes, *protocol_notes(evaluation)]),
    ]


def protocol_notes(evaluation: Evaluation) -> list[str]:
    """Which protocols these are, and what to know where distances are equal."""
    outcomes = list(evaluation.outcomes.values())
    ships = evaluation.data.subject == "ship"
    notes = [BY_MODALITY] if ships and any(o.chosen_by == "modality" for o in outcomes) else []
    for outcome in outcomes:
        tied, queries = outcome.result.tied, outcome.result.queries
        own = int((outcome.result.ranking.compared < len(outcome.gallery)).sum())
        if own:
            count = counted(own, "query is", "queries are")
            notes.append(f"{outcome.title}: {count} in the gallery too; none answers itself.")
        if tied:
            share = f"{tied} of {queries} queries ({percent(tied / queries)} %)"
            notes.append(f"{outcome.title}: {TIED.format(share)}")
    return notes


def protocol_heading(outcome: ProtocolOutcome) -> str:
    """The protocol, and what chose its chips where that makes another protocol of it."""
    by = "" if outcome.chosen_by == "all" else f", by {outcome.chosen_by}"
    return f"{outcome.title}{by}"


def protocol_table(outcome: ProtocolOutcome) -> Table:
    """One protocol: the model in bold, the baselines below it."""
    result = outcome.result
    total = result.queries + result.left_out
    queries = counted(total, "query has", "queries have")
    counts = f"{result.queries:,} of {queries} a true match, gallery of {result.gallery:,}"
    if outcome.distractors:
        counts += f" ({outcome.distractors:,} of unknown ships)"
    if result.queries:
        rank = result.median_rank
        counts += (
            f"; median rank {rank_text(rank.value)} ({rank_text(rank.low)}–{rank_text(rank.high)})"
        )
    table = Table(
        pad_edge=False,
        title=f"{protocol_heading(outcome)}: {counts}",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
    )
    table.add_column("ranked by", no_wrap=True)
    for metric in METRICS:
        table.add_column(METRIC_TITLES[metric], justify="right", no_wrap=True)
    if not result.queries:
        table.add_row("no queries", *["–"] * len(METRICS))
        return table
    for name, metrics in outcome.rows:
        style = "bold" if name == "model" else ""
        table.add_row(name, *[cell(metrics[metric]) for metric in METRICS], style=style)
    return table


def cell(estimate: Estimate) -> str:
    """``57.4`` and below it ``52.1–62.3``, where there is an interval."""
    value = percent(estimate.value)
    if math.isnan(estimate.low):
        return value
    return f"{value}\n{percent(estimate.low)}–{percent(estimate.high)}"


def rank_text(rank: float) -> str:
    """A rank, or the mean of two, with a decimal where it needs one."""
    return f"{rank:.1f}".removesuffix(".0")


def percent(value: float) -> str:
    """A fraction in percent with one decimal."""
    return "–" if math.isnan(value) else f"{100 * value:.1f}"
