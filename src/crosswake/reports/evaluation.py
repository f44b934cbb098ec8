"""A whole evaluation: measured, then written as numbers, rank lists and a report."""

from pathlib import Path

from crosswake.core.files import make_folder
from crosswake.data.reid import ReidData
from crosswake.models.base import ChipEmbedder
from crosswake.reports.html import write_report
from crosswake.reports.results import write_metrics, write_rankings
from crosswake.tasks.reid.measure import MEASURE_DEFAULTS, MeasureOptions, measure
from crosswake.tasks.reid.results import Evaluation


def evaluate_model(
    embedder: ChipEmbedder, data: ReidData, output: Path, options: MeasureOptions = MEASURE_DEFAULTS
) -> Evaluation:
    """Measure by all protocols; write ``metrics.json``, ``rankings.parquet`` and ``report.html``.

    Args:
        embedder: turns chips into features.
        data: queries and galleries; its training part is not touched.
        output: a folder, made if need be; results of an earlier evaluation in it are replaced.
        options: how to measure.

    Raises:
        CrosswakeError: no test chips, none readable, a folder that cannot be made, features not
            finite.
    """
    make_folder(output)
    evaluation = measure(embedder, data, options)
    write_metrics(output / "metrics.json", evaluation)
    write_rankings(output / "rankings.parquet", evaluation)
    write_report(output / "report.html", evaluation, embedder)
    return evaluation
