"""Data and finished runs that several files look at and none changes."""

import pytest

from tests.tiny import tiny_hoss
from tests.training.small import Small, run, write_places


@pytest.fixture(scope="session")
def train_small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    data = tiny_hoss(tmp_path_factory.mktemp("tiny"), train=12, test=4)
    whole = tmp_path_factory.mktemp("train") / "whole"
    run("train", data, whole, "--epochs=4")
    return Small("train", data, whole)


@pytest.fixture(scope="session")
def pretrain_small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    data = write_places(tmp_path_factory.mktemp("places"))
    whole = tmp_path_factory.mktemp("pretrain") / "whole"
    run("pretrain", data, whole, "--epochs=4")
    return Small("pretrain", data, whole)


@pytest.fixture(params=["train", "pretrain"])
def small(request: pytest.FixtureRequest) -> Small:
    """Either command."""
    found: Small = request.getfixturevalue(f"{request.param}_small")
    return found
