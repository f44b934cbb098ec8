"""``crosswake pretrain``: learn from optical-SAR pairs; then measure on places never seen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from crosswake.cli.sources import require_there
from crosswake.settings.pretrain import PretrainConfig

if TYPE_CHECKING:
    from crosswake.data.reid import ReidData
    from crosswake.tasks.pretrain.task import PairTask


def run(config: PretrainConfig) -> int:
    """Pretrain, then measure retrieval among places of another split, or of the held-out scenes."""
    if config.data is not None:
        require_there(config.data)

    from crosswake.cli.train import measure_run
    from crosswake.tasks.pretrain.task import pretrain

    finished, task = pretrain(config)
    if config.evaluate and finished.first_process:
        unseen = unseen_pairs(task)
        if unseen is None:
            finished.say(
                "no pairs of other scenes or another split to measure on; see crosswake evaluate"
            )
        else:
            measure_run(config, unseen)
    return 0


def unseen_pairs(task: "PairTask") -> "ReidData | None":
    """The pairs of the first split that was not learnt from, else those held out for validation,
    else nothing."""
    from crosswake.data.pair_chips import as_retrieval, pairs_to_measure

    declared = {pair.split for pair in task.data.pairs} - set(task.config.splits)
    for split in ("val", "test"):
        if split in declared and len(pairs_to_measure(task.data, split).pairs) > 1:
            return as_retrieval(pairs_to_measure(task.data, split))
    if len({pair.id for pair in task.held}) < 2:
        return None
    return as_retrieval(
        replace(
            task.data, name=f"{task.data.name}, scenes held out for validation", pairs=task.held
        )
    )
