"""Options that the benchmarks of chips share."""

import os
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt

from crosswake.settings.parsing import Parser


def bench_parser(name: str, description: str) -> Parser:
    """A parser that gives its name as ``python -m benchmarks NAME``."""
    parser = Parser(name, f"{description} Writes bench-{name}.json and bench-{name}.png.")
    parser.prog = f"python -m benchmarks {name}"
    return parser


def add_sizes(parser: Parser, *, chips: int, batch: int) -> None:
    """Which chips, how many, and in which batches."""
    parser.add_argument(
        "--data", type=Path | None, help="training chips, a folder or table (default: noise)"
    )
    parser.add_argument("--chips", type=PositiveInt, default=chips, help="chips of noise to make")
    parser.add_argument("--batch", type=PositiveInt, default=batch, help="chips in a batch")
    parser.add_argument(
        "--image_size",
        type=PositiveInt,
        nargs=2,
        default=[256, 128],
        help="height and width in pixels",
    )
    parser.add_argument("--repeats", type=PositiveInt, default=3, help="runs of each way")


def add_common(parser: Parser) -> None:
    """Where to run and where to write."""
    parser.add_argument("--quick", action="store_true", help="one run at a tiny size, as a test")
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of random chips and order")
    parser.add_argument(
        "--device", type=Literal["auto", "cpu", "cuda", "mps"], default="auto", help="where to run"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/bench"), help="folder for the results"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def add_workers(parser: Parser) -> None:
    """Processes of the usual loader."""
    parser.add_argument(
        "--workers", type=NonNegativeInt | None, help="of the usual loader (default: one a core)"
    )


def workers_of(options: Any) -> int:
    """The number given, else one for each core."""
    return (os.cpu_count() or 1) if options.workers is None else int(options.workers)


def shrunk(options: Any, quick: dict[str, Any]) -> Any:
    """The options, with the sizes of ``--quick`` if that is given."""
    if options.quick:
        for name, value in quick.items():
            setattr(options, name, value)
    return options
