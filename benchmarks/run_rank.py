"""``python -m benchmarks rank``: what exact ranking costs on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.options import bench_parser
from crosswake.settings.parsing import Parser

if TYPE_CHECKING:
    from benchmarks.record import Bench

QUICK = {"queries": 100, "gallery": 1000, "width": 64, "repeats": 1}


def make_parser() -> Parser:
    """The options of ``python -m benchmarks rank``."""
    parser = bench_parser(
        "rank",
        "Time exact ranking on made-up features beside the usual ways: NumPy's argsort in a loop "
        "over queries, and of a Q x G matrix with a compiled loop over the matches. With faiss "
        "installed, also its exact search.",
    )
    add_options(parser, queries=3000, gallery=20000)
    return parser


def add_options(parser: Parser, *, queries: int, gallery: int) -> None:
    """What both benchmarks have in common."""
    from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

    parser.add_argument("--queries", type=PositiveInt, default=queries, help="number of queries")
    parser.add_argument(
        "--gallery", type=PositiveInt, default=gallery, help="number of gallery chips"
    )
    parser.add_argument("--width", type=PositiveInt, default=768, help="of a feature")
    parser.add_argument("--repeats", type=PositiveInt, default=3, help="of every way, in turn")
    parser.add_argument(
        "--budget", type=PositiveFloat, default=1.0, help="gigabytes that our way may work in"
    )
    parser.add_argument(
        "--alone", action="store_true", help="ours only: for sizes the usual ways cannot hold"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small size once, to see that it runs"
    )
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of the features")
    parser.add_argument(
        "--device", type=Literal["auto", "cpu", "cuda", "mps"], default="auto", help="where to run"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/bench"), help="folder for the results"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(words: list[str]) -> int:
    """Parse ``words``, measure, print; returns the exit code."""
    options: Any = make_parser().parse_words(words)
    from benchmarks.ranks import bench_rank
    from crosswake.core.files import make_folder

    make_folder(options.output)
    report(bench_rank(settings_of(options), quiet=options.quiet), options.output)
    return 0


def settings_of(options: Any) -> Any:
    """The benchmark's settings; ``--quick`` replaces the sizes."""
    from benchmarks.ranks import RankSettings
    from crosswake.batches.devices import pick_device
    from crosswake.retrieval.products import GIGABYTE

    sizes = QUICK if options.quick else {name: getattr(options, name) for name in QUICK}
    return RankSettings(
        **sizes,
        seed=options.seed,
        device=str(pick_device(options.device)),
        budget=int(options.budget * GIGABYTE),
        alone=options.alone,
    )


def report(bench: "Bench", output: Path) -> None:
    """Print what was found and where it is written."""
    from benchmarks.record import lines_of, write_bench

    print("\n".join(lines_of(bench)))
    for path in write_bench(output, bench):
        print(path)
