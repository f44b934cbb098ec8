"""``crosswake train``: settings from a recipe, a file or options; then the loop, then the
measurement."""

from typing import TYPE_CHECKING

from crosswake.settings.parsing import Parser
from crosswake.settings.run import RunConfig
from crosswake.settings.run_parser import make_settings_parser, parse_settings
from crosswake.settings.train import TrainConfig

if TYPE_CHECKING:
    from crosswake.data.reid import ReidData

DESCRIPTION = """Train a re-identification model. --config takes a recipe by name (hoss_transoss is
the published one) or a YAML file; every setting can be given as an option, and --print_config shows
them all."""


def make_parser() -> Parser:
    """The parser of all settings of training."""
    return make_settings_parser(TrainConfig, DESCRIPTION)


def parse(words: list[str]) -> TrainConfig:
    """Options as checked settings."""
    return parse_settings(TrainConfig, make_parser(), words)


def run(words: list[str]) -> int:
    """Train, then measure the best epoch on the test split if there is one."""
    config = parse(words)
    from crosswake.tasks.reid.task import ReidJob, train

    finished = train(config)
    data = finished.job.data if isinstance(finished.job, ReidJob) else None
    if config.evaluate and finished.first_process and data and data.query and data.gallery:
        measure(config, data)
    return 0


def measure(config: RunConfig, data: "ReidData") -> None:
    """Write numbers and report of the best epoch on the test split into the run's folder, and print
    them."""
    from crosswake.cli.evaluate import print_summary
    from crosswake.models.embedder import load
    from crosswake.reports.evaluation import evaluate_model
    from crosswake.tasks.reid.measure import MeasureOptions

    embedder = load(config.output / "best.pt", device=config.device, precision=config.precision)
    how = MeasureOptions(seed=config.seed, strict=config.strict, quiet=config.quiet)
    evaluation = evaluate_model(embedder, data, config.output, how)
    print_summary(evaluation, config.output)
