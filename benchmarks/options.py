"""What the benchmarks of chips have in common on the command line."""

from pathlib import Path
from typing import Any, Literal

from crosswake.settings.parsing import Parser


def add_sizes(parser: Parser, *, chips: int, batch: int) -> None:
    """Chips, their files, and the batch."""
    from jsonargparse.typing import PositiveInt

    parser.add_argument(
        "--data", type=Path | None, help="training chips, a folder or table (default: made-up ones)"
    )
    parser.add_argument("--chips", type=PositiveInt, default=chips, help="how many to make up")
    parser.add_argument("--batch", type=PositiveInt, default=batch, help="chips in a batch")
    parser.add_argument(
        "--image_size",
        type=PositiveInt,
        nargs=2,
        default=[256, 128],
        help="height and width in pixels",
    )
    parser.add_argument("--repeats", type=PositiveInt, default=3, help="of every way, in turn")


def add_common(parser: Parser) -> None:
    """Where to run and write."""
    from jsonargparse.typing import NonNegativeInt

    parser.add_argument(
        "--quick", action="store_true", help="a small size once, to see that it runs"
    )
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of what is made up")
    parser.add_argument(
        "--device", type=Literal["auto", "cpu", "cuda", "mps"], default="auto", help="where to run"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/bench"), help="folder for the results"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def add_workers(parser: Parser) -> None:
    """Of the usual loader."""
    from jsonargparse.typing import NonNegativeInt

    parser.add_argument(
        "--workers",
        type=NonNegativeInt | None,
        help="processes of the usual loader (default: cores)",
    )


def workers_of(options: Any) -> int:
    """As given, else one a core."""
    import os

    return (os.cpu_count() or 1) if options.workers is None else int(options.workers)


def shrunk(options: Any, quick: dict[str, Any]) -> Any:
    """The options, with the sizes of ``--quick`` if that is given."""
    if options.quick:
        for name, value in quick.items():
            setattr(options, name, value)
    return options
