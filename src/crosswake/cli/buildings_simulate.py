"""``crosswake buildings simulate``: make simulated tiles of towns."""

from crosswake.cli.printing import print_line
from crosswake.settings.buildings_simulate import BuildingsSimulateConfig


def run(config: BuildingsSimulateConfig) -> int:
    """Simulate tiles, or draw a preview of some, or both."""
    if config.out is not None:
        from crosswake.core.lock import only_writer
        from crosswake.simulate.tile_writer import simulate_tiles

        with only_writer(config.out.parent, config.out.name, "OUT"):
            simulate_tiles(
                config.out,
                tiles=config.tiles,
                seed=config.seed,
                tile_size=config.tile_size,
                workers=config.workers,
                quiet=config.quiet,
            )
        print_line(config.out)
    if config.preview is not None:
        from crosswake.simulate.town_preview import draw_towns

        how = {"overwrite": config.overwrite, "quiet": config.quiet}
        draw_towns(config.preview, seed=config.seed, **how)
        print_line(config.preview)
    return 0
