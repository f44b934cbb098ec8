"""``python -m benchmarks rerank``: what k-reciprocal re-ranking costs on this machine."""

from typing import Any

from benchmarks.options import bench_parser
from benchmarks.run_rank import add_options, report, settings_of
from crosswake.settings.parsing import Parser


def make_parser() -> Parser:
    """The options of ``python -m benchmarks rerank``."""
    from jsonargparse.typing import ClosedUnitInterval, PositiveInt

    parser = bench_parser(
        "rerank",
        "Time k-reciprocal re-ranking on made-up features beside the usual way, with (Q+G) x "
        "(Q+G) arrays.",
    )
    add_options(parser, queries=1000, gallery=5000)
    parser.add_argument("--k1", type=PositiveInt, default=50, help="reciprocal neighbours")
    parser.add_argument("--k2", type=PositiveInt, default=15, help="vectors averaged; 1 for none")
    parser.add_argument(
        "--lambda",
        dest="lambda_",
        type=ClosedUnitInterval,
        default=0.3,
        help="of original distance",
    )
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, measure, print; returns the exit code."""
    options: Any = make_parser().parse_words(words)
    from benchmarks.ranks import bench_rerank
    from crosswake.core.files import make_folder
    from crosswake.settings.evaluate import RerankConfig

    make_folder(options.output)
    config = RerankConfig(k1=options.k1, k2=options.k2, lambda_=options.lambda_)
    report(bench_rerank(settings_of(options), config, quiet=options.quiet), options.output)
    return 0
