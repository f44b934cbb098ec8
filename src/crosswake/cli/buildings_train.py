"""``crosswake buildings train``: the loop, then the measurement."""

from crosswake.cli.sources import require_there
from crosswake.settings.buildings_train import BuildingsTrainConfig


def run(config: BuildingsTrainConfig) -> int:
    """Train, then measure the best epoch on tiles that were not learnt from."""
    if config.data is not None:
        require_there(config.data)

    from crosswake.tasks.buildings.task import train_buildings

    train_buildings(config)
    return 0
