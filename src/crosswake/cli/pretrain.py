"""``crosswake pretrain``: learn from optical-SAR pairs; then measure on places never seen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from crosswake.cli.sources import require_there
from crosswake.settings.pretrain import PretrainConfig

if TYPE_CHECKING:
    from crosswake.data.reid import ReidData
    from crosswake.tasks.pretrain.task import PairJob


def run(config: PretrainConfig) -> int:
    """Pretrain, then measure retrieval among places of another split, or of the held-out scenes."""
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
