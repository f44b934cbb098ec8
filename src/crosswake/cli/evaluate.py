"""``crosswake evaluate``: measure a model by the published protocols, with a report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.cli.printing import make_console, print_left_out, print_line
from crosswake.cli.sources import open_test, results_folder
from crosswake.settings.evaluate import EvaluateConfig

if TYPE_CHECKING:
    from crosswake.tasks.reid.results import Evaluation


def run(config: EvaluateConfig) -> int:
    """Evaluate, print; returns the exit code."""
    from crosswake.data.check.chips import require_answers
    from crosswake.data.reading import read_as
    from crosswake.reports.evaluation import evaluate_model
    from crosswake.tasks.reid.measure import MeasureOptions

    data, name = open_test(config.data, config.split)
    data = read_as(data, config.reading)
    require_answers(data)
    output = config.output or results_folder(config.checkpoint, "evaluation", name)

    from crosswake.batches.devices import pick_device
    from crosswake.models.embedder import load

    embedder = load(config.checkpoint, device=config.device, precision=config.precision)
    how = MeasureOptions(
        seed=config.seed,
        strict=config.strict,
        quiet=config.quiet,
        batch_size=config.batch_size,
        rerank=config.rerank,
        device=str(pick_device(config.device)),
    )
    evaluation = evaluate_model(embedder, data, output, how, config.overwrite)
    print_summary(evaluation, output)
    return 0


def print_summary(evaluation: "Evaluation", output: Path) -> None:
    """The table, what is doubtful, the files that were left out, and where the results are."""
    from crosswake.data.check.findings import summary_lines
    from crosswake.reports.summary import summary_tables

    make_console().print(*summary_tables(evaluation), sep="\n")
    for line in summary_lines(evaluation.findings):
        print(f"warning: {line}", file=sys.stderr)
    print_left_out([*evaluation.data.bad_files, *evaluation.unreadable], "metrics.json")
    print_line(f"report: {output / 'report.html'}")
