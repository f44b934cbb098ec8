"""Make simulated ships in the HOSS ReID layout, and a picture of some of them.

python examples/simulate_fleet.py runs/ships --identities 30
"""

import argparse
from pathlib import Path

import crosswake
from crosswake.data.reid import identities
from crosswake.simulate.preview import draw_preview


def main() -> None:
    """Simulate, draw, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="new folder")
    parser.add_argument("--identities", type=int, default=30, help="two thirds for training")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same ships")
    options = parser.parse_args()

    crosswake.simulate_fleet(
        options.folder, identities=options.identities, sightings=4, seed=options.seed
    )
    draw_preview(options.folder.with_suffix(".png"), seed=options.seed)

    data = crosswake.open_chips(options.folder)
    print(f"training: {len(data.train)} chips of {len(identities(data.train))} ships")
    print(f"test: {len(data.query)} queries, {len(data.gallery)} gallery chips")


if __name__ == "__main__":  # the simulator starts processes, which import this file
    main()
