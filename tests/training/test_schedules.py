"""Promise: the learning rate of every epoch is the published one."""

import json

import pytest
from torch import nn

from crosswake.settings.run import RunConfig
from crosswake.training.distributed import make_fabric
from crosswake.training.optimisers import Optimisation
from tests.golden import golden
from tests.parsing import parse_pretraining, parse_training


@pytest.mark.parametrize(("part", "recipe"), [("finetune", "hoss"), ("pretrain", "pairs")])
def test_the_recipe_has_the_published_rate_in_every_epoch(part: str, recipe: str) -> None:
    words = ["--config", f"{recipe}_transoss", "--device=cpu"]
    config: RunConfig = (parse_training if part == "finetune" else parse_pretraining)(words)
    published = json.loads(golden("schedules.json").read_text())[part]
    assert (config.epochs, config.optimiser.lr) == (published["epochs"], published["base_lr"])
    optimisation = Optimisation(make_fabric(config), nn.Linear(2, 2), config)
    rates = [optimisation.set_rate(epoch) for epoch in range(1, config.epochs + 1)]
    assert rates == pytest.approx(published["lr_of_epoch_1_to_n"], rel=1e-9)


def test_a_bias_has_its_multiple_of_the_rate() -> None:
    config = parse_training(["--device=cpu", "--optimiser.bias_lr_factor=3"])
    optimisation = Optimisation(make_fabric(config), nn.Linear(2, 2), config)
    rate = optimisation.set_rate(1)
    of_shape = {
        group["params"][0].shape: group["lr"] for group in optimisation.optimiser.param_groups
    }
    assert of_shape == {(2, 2): rate, (2,): pytest.approx(3 * rate)}
