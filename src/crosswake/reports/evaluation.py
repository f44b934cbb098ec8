"""A whole evaluation: measured, then written as numbers, rank lists and a report."""

from pathlib import Path

from crosswake.core.files import make_folder
from crosswake.data.reid import ReidData
from crosswake.reports.html import write_report
from crosswake.reports.results import write_metrics, write_rankings
from crosswake.settings.evaluate import RerankConfig
from crosswake.tasks.reid.measure import Embedder, measure
from crosswake.tasks.reid.results import Evaluation


def evaluate_model(
    embedder: Embedder,
    data: ReidData,
    output: Path,
    *,
    seed: int = 0,
    strict: bool = False,
    quiet: bool = False,
    batch_size: int = 64,
    rerank: RerankConfig | None = None,
    device: str = "cpu",
) -> Evaluation:
    """Measure by all protocols; write ``metrics.json``, ``rankings.parquet`` and ``report.html`` to
    ``output``.

    Args:
        embedder: turns chips into features.
        data: queries and galleries; its training part is not touched.
        output: a folder, made if need be; existing results in it are replaced.
        seed: of the bootstrap and of the drawings.
        strict: stop at the first unreadable file, in place of leaving it out.
        quiet: show no progress.
        batch_size: chips embedded at a time.
        rerank: settings of k-reciprocal re-ranking, whose numbers then stand beside the model's.
        device: where features are compared.

    Raises:
        CrosswakeError: no test chips, none readable, a folder that cannot be made, features not
            finite.
    """
    make_folder(output)
    evaluation = measure(
        embedder,
        data,
        seed=seed,
        strict=strict,
        quiet=quiet,
        batch_size=batch_size,
        rerank=rerank,
        device=device,
    )
    write_metrics(output / "metrics.json", evaluation)
    write_rankings(output / "rankings.parquet", evaluation)
    write_report(output / "report.html", evaluation, embedder)
    return evaluation
