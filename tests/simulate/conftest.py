"""One small fleet, shared by the tests that only read it."""

from pathlib import Path

import pytest

from crosswake.simulate.writer import simulate_fleet

IDENTITIES, SIGHTINGS, SEED = 6, 4, 3


@pytest.fixture(scope="session")
def small_fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fleet") / "sea"
    simulate_fleet(
        root, identities=IDENTITIES, sightings=SIGHTINGS, seed=SEED, workers=1, quiet=True
    )
    return root
