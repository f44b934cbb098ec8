"""The tables that an evaluation prints."""

import math

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from crosswake.core.text import counted
from crosswake.retrieval.protocols import METRICS, Estimate
from crosswake.tasks.reid.results import METRIC_TITLES, Evaluation, ProtocolOutcome

NOTE = "Percent, with 95 % bootstrap intervals over queries; chance is the exact expectation."


def summary_tables(evaluation: Evaluation) -> list[Table | Text]:
    """What it is measured on, and a table a protocol: model and baselines, in percent with 95 %
    intervals."""
    notes = [NOTE]
    if evaluation.rerank:
        notes.append(f"Re-ranked: the model's distances by {evaluation.rerank.words}.")
    return [
        Text(f"Measured on {evaluation.data.name} ({evaluation.data.root})", style="bold"),
        *map(protocol_table, evaluation.outcomes.values()),
        *(Text(note, style="dim") for note in notes),
    ]


def protocol_table(outcome: ProtocolOutcome) -> Table:
    """One protocol: the model in bold, the baselines below it."""
    result = outcome.result
    total = result.queries + result.left_out
    queries = counted(total, "query has", "queries have")
    counts = f"{result.queries:,} of {queries} a true match, gallery of {result.gallery:,}"
    if result.queries:
        rank = result.median_rank
        counts += f"; median rank {rank.value:g} ({rank.low:g}–{rank.high:g})"
    table = Table(
        pad_edge=False,
        title=f"{outcome.title}: {counts}",
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


def percent(value: float) -> str:
    """A fraction in percent with one decimal."""
    return "–" if math.isnan(value) else f"{100 * value:.1f}"
