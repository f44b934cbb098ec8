"""``crosswake pretrain``: learn from optical-SAR pairs; then measure on places never seen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from crosswake.cli.sources import require_there
from crosswake.settings.parsing import Parser
from crosswake.settings.pretrain import PretrainConfig
from crosswake.settings.run_parser import make_settings_parser, parse_settings

if TYPE_CHECKING:
    from crosswake.data.reid import ReidData
    from crosswake.tasks.pretrain.task import PairJob

DESCRIPTION = """Pretrain on optical-SAR pairs of places: what both sensors show of one place
comes out alike. --config takes a recipe by name (pairs_transoss is the published one) or a YAML
file; every setting can be given as an option, and --print_config shows them all."""


def make_parser() -> Parser:
    """The parser of all settings of pretraining."""
    return make_settings_parser(PretrainConfig, DESCRIPTION)


def parse(words: list[str]) -> PretrainConfig:
    """Options as checked settings."""
    return parse_settings(PretrainConfig, make_parser(), words)


def run(words: list[str]) -> int:
    """Pretrain, then measure retrieval among places of another split, or of the held-out scenes."""
    config = parse(words)
    if config.data is not None:
        require_there(config.data)

    from crosswake.cli.train import measure
    from crosswake.tasks.pretrain.task import PairJob, pretrain

    finished = pretrain(config)
    if config.evaluate and finished.first_process and isinstance(finished.job, PairJob):
        unseen = unseen_pairs(finished.job)
        if unseen is None:
            finished.say(
                "no pairs of other scenes or another split to measure on; see crosswake evaluate"
            )
        else:
            measure(config, unseen)
    return 0


def unseen_pairs(job: "PairJob") -> "ReidData | None":
    """The pairs of the first split that was not learnt from, else those held out for validation,
    else nothing."""
    from crosswake.data.pair_chips import as_retrieval, pairs_to_measure

    declared = {pair.split for pair in job.data.pairs} - set(job.config.splits)
    for split in ("val", "test"):
        if split in declared and len(pairs_to_measure(job.data, split).pairs) > 1:
            return as_retrieval(pairs_to_measure(job.data, split))
    if len({pair.id for pair in job.held}) < 2:
        return None
    return as_retrieval(
        replace(job.data, name=f"{job.data.name}, scenes held out for validation", pairs=job.held)
    )
