"""Promise: a seed stands for the same fleet in every version; published results depend on it.

Bytes may differ in the last digit with another FFT or processor, so images are compared by their
mean and std. The table, rounded as it is written, is compared as it is.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from crosswake.data.pixels import read_pixels
from crosswake.simulate.fleet import SHIP_TYPES, draw_vessel
from tests.simulate.conftest import IDENTITIES, SEED, SIGHTINGS

GOLDEN = Path(__file__).with_name("golden.json")
"""Made by ``python -m tests.simulate.test_golden`` when the fleet is meant to change."""


def describe_fleet(root: Path) -> dict[str, object]:
    """The table of a fleet, and mean and std of its images."""
    images = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.tif"))
    return {
        "table": hashlib.sha256((root / "sightings.csv").read_bytes()).hexdigest(),
        "images": {
            name: [float(f(read_pixels(root / name).astype(float))) for f in (np.mean, np.std)]
            for name in images
        },
    }


def describe_ships() -> dict[str, list[float]]:
    """Of one ship of each type: number of parts, sum of their coordinates, and of its bright
    points."""
    found = {}
    for name in SHIP_TYPES:
        ship = draw_vessel(np.random.default_rng(7), name)
        places = [(part.s0, part.s1, part.t0, part.t1, part.top, part.width) for part in ship.parts]
        found[name] = [len(ship.parts), float(np.sum(places)), float(ship.scatterers.sum())]
    return found


def test_the_fleet_of_a_seed(small_fleet: Path) -> None:
    golden = json.loads(GOLDEN.read_text())["fleet"]
    found = describe_fleet(small_fleet)
    assert found["table"] == golden["table"]
    assert found["images"] == {
        name: pytest.approx(values, rel=1e-4) for name, values in golden["images"].items()
    }


def test_the_ships_of_a_seed() -> None:
    golden = json.loads(GOLDEN.read_text())["ships"]
    assert describe_ships() == {
        name: pytest.approx(values, rel=1e-9) for name, values in golden.items()
    }


def make_golden() -> None:
    """Write the values of the present code."""
    import tempfile

    from crosswake.simulate.writer import simulate_fleet

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "sea"
        size = {"identities": IDENTITIES, "sightings": SIGHTINGS}
        simulate_fleet(root, **size, seed=SEED, workers=1, quiet=True)
        golden = {"fleet": describe_fleet(root), "ships": describe_ships()}
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    make_golden()
