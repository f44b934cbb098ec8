"""``crosswake train``: the loop, then the measurement."""

from typing import TYPE_CHECKING

from crosswake.settings.run import RunConfig
from crosswake.settings.train import TrainConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crosswake.data.check.facts import ChipFacts
    from crosswake.data.chips import Chip
    from crosswake.data.judgements import JudgedPair
    from crosswake.data.reid import ReidData


def run(config: TrainConfig) -> int:
    """Train, then measure the best epoch on the test split if there is one."""
    from crosswake.core.provenance import refuse_other
    from crosswake.data.check.chips import has_answers
    from crosswake.reports.evaluation import result_files
    from crosswake.tasks.reid.task import train

    refuse_other(result_files(config.output), {"command": "evaluate"}, overwrite=True)
    finished, task = train(config, gallery_judgements(config))
    if config.evaluate and finished.first_process and has_answers(task.data):
        measure_run(config, task.data, task.facts)
    return 0


def gallery_judgements(config: TrainConfig) -> "list[JudgedPair] | None":
    """The judgements of the gallery that the settings name; None where they name a table or none.

    Raises:
        CrosswakeError: it is a folder, but no gallery.
    """
    if config.judgements is None or not config.judgements.is_dir():
        return None
    from crosswake.gallery.catalogue import open_gallery
    from crosswake.gallery.judgements import judged_pairs

    return judged_pairs(open_gallery(config.judgements))


def measure_run(
    config: RunConfig, data: "ReidData", known: "Mapping[Chip, ChipFacts] | None" = None
) -> None:
    """Write numbers and report of the best epoch on the test split into the run's folder, and print
    them.

    Args:
        config: of the run.
        data: what to measure on.
        known: facts of the chips that were learnt from.
    """
    from crosswake.cli.evaluate import print_summary
    from crosswake.models.embedder import load
    from crosswake.reports.evaluation import evaluate_model
    from crosswake.tasks.reid.measure import MeasureOptions

    embedder = load(config.output / "best.pt", device=config.device, precision=config.precision)
    how = MeasureOptions(
        seed=config.seed, strict=config.strict, quiet=config.quiet, known=known or {}
    )
    evaluation = evaluate_model(embedder, data, config.output, how, overwrite=True)
    print_summary(evaluation, config.output)
