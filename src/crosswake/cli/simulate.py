"""``crosswake simulate``: make a fleet of simulated ships, or traffic of them."""

from crosswake.cli.printing import print_line
from crosswake.settings.data import SimulateConfig


def run(config: SimulateConfig) -> int:
    """Simulate a fleet or traffic, or draw a preview of it, or both."""
    if config.out is not None:
        from crosswake.core.lock import only_writer

        with only_writer(config.out.parent, config.out.name, "OUT"):
            simulate(config)
        print_line(config.out)
    if config.preview is not None:
        draw_picture(config)
        print_line(config.preview)
    return 0


def simulate(config: SimulateConfig) -> None:
    """Write the chips and their tables."""
    assert config.out is not None
    if config.traffic:
        from crosswake.simulate.traffic import simulate_traffic

        simulate_traffic(
            config.out,
            config.without_rest(),
            seed=config.seed,
            workers=config.workers,
            quiet=config.quiet,
        )
        return
    from crosswake.simulate.writer import simulate_fleet

    simulate_fleet(
        config.out,
        identities=config.identities,
        sightings=config.sightings,
        seed=config.seed,
        workers=config.workers,
        quiet=config.quiet,
    )


def draw_picture(config: SimulateConfig) -> None:
    """Draw the fleet's contact sheet, or the traffic's map."""
    assert config.preview is not None
    if config.traffic:
        from crosswake.simulate.traffic_map import draw_traffic

        draw_traffic(config.preview, config.without_rest(), config.seed, config.overwrite)
        return
    from crosswake.simulate.preview import draw_preview

    draw_preview(config.preview, seed=config.seed, overwrite=config.overwrite)
