"""``python -m benchmarks gallery``: what a gallery costs on this machine."""

from typing import Any

from jsonargparse.typing import PositiveInt

from benchmarks.options import add_common, bench_parser, shrunk
from crosswake.settings.parsing import Parser

QUICK = {"sightings": 1500, "width": 32, "searches": 2, "repeats": 1}


def make_parser() -> Parser:
    """The options."""
    parser = bench_parser(
        "gallery",
        "Build a gallery from made-up embeddings, index it, and time searches with and without "
        "filters beside NumPy on all embeddings in memory and LanceDB's own flat search.",
    )
    parser.add_argument("--sightings", type=PositiveInt, default=100_000, help="in the gallery")
    parser.add_argument("--width", type=PositiveInt, default=768, help="of an embedding")
    parser.add_argument("--searches", type=PositiveInt, default=20, help="in a repeat")
    parser.add_argument("--repeats", type=PositiveInt, default=3, help="of each way, in turn")
    add_common(parser)
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, measure, print; returns the exit code."""
    options: Any = shrunk(make_parser().parse_words(words), QUICK)
    from benchmarks.galleries import GallerySettings, bench_gallery
    from benchmarks.run_rank import report
    from crosswake.core.files import make_folder

    make_folder(options.output)
    settings = GallerySettings(
        sightings=options.sightings,
        width=options.width,
        searches=options.searches,
        repeats=options.repeats,
        seed=options.seed,
    )
    report(bench_gallery(settings, options.output, quiet=options.quiet), options.output)
    return 0
