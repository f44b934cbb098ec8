"""``crosswake simulate``: make a fleet of simulated ships."""

from crosswake.cli.printing import print_line
from crosswake.settings.data import SimulateConfig


def run(config: SimulateConfig) -> int:
    """Simulate a fleet, or draw a preview of one, or both."""
    if config.out is not None:
        from crosswake.core.lock import only_writer
        from crosswake.simulate.writer import simulate_fleet

        with only_writer(config.out.parent, config.out.name, "OUT"):
            simulate_fleet(
                config.out,
                identities=config.identities,
                sightings=config.sightings,
                seed=config.seed,
                workers=config.workers,
                quiet=config.quiet,
            )
        print_line(config.out)
    if config.preview is not None:
        from crosswake.simulate.preview import draw_preview

        draw_preview(config.preview, seed=config.seed, overwrite=config.overwrite)
        print_line(config.preview)
    return 0
