"""``crosswake simulate``: make a fleet of simulated ships."""

from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.settings.parsing import Parser


def make_parser() -> Parser:
    """The options of ``crosswake simulate``."""
    parser = Parser("simulate", "Make a fleet of simulated ships in the HOSS ReID layout.")
    parser.add_argument(
        "out", nargs="?", type=str, help="folder to make; it must not exist or be empty"
    )
    parser.add_argument(
        "--identities", type=int, default=400, help="ships, two thirds of them for training"
    )
    parser.add_argument(
        "--sightings", type=int, default=6, help="chips a ship, optical and SAR in turn"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")
    parser.add_argument("--preview", type=str, help="also draw some of the ships to this PNG")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def run(words: list[str]) -> int:
    """Simulate a fleet, or draw a preview of one, or both."""
    options = make_parser().parse_words(words)
    if options.out is None and options.preview is None:
        raise CrosswakeError(
            "simulate: name a folder to write, or --preview FILE.png (crosswake simulate --help)"
        )
    if options.out is not None:
        from crosswake.simulate.writer import simulate_fleet

        simulate_fleet(
            Path(options.out),
            identities=options.identities,
            sightings=options.sightings,
            seed=options.seed,
            workers=options.workers,
            quiet=options.quiet,
        )
        print(options.out)
    if options.preview is not None:
        from crosswake.simulate.preview import draw_preview

        draw_preview(Path(options.preview), seed=options.seed)
        print(options.preview)
    return 0
