"""``python -m benchmarks embed``: what embedding costs on this machine."""

from pathlib import Path
from typing import Any

from jsonargparse.typing import PositiveInt

from benchmarks.options import add_common, add_sizes, bench_parser, shrunk
from crosswake.settings.parsing import Parser

QUICK = {"chips": 8, "batch": 4, "image_size": [32, 16], "width": 64, "depth": 2, "repeats": 1}


def make_parser() -> Parser:
    """The options."""
    parser = bench_parser(
        "embed",
        "Time embedding by PyTorch in float32 as a share of the rate of float32 products, and the "
        "exported graph with 8-bit products beside it.",
    )
    parser.add_argument(
        "--checkpoint", type=Path | None, help="weights (default: random, of the sizes below)"
    )
    add_sizes(parser, chips=64, batch=32)
    parser.add_argument("--width", type=PositiveInt, default=768, help="of a token, 64 a head")
    parser.add_argument("--depth", type=PositiveInt, default=12, help="blocks")
    add_common(parser)
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, measure, print; returns the exit code."""
    options: Any = shrunk(make_parser().parse_words(words), QUICK)
    from benchmarks.embedding import EmbedSettings, bench_embed
    from benchmarks.run_rank import report
    from crosswake.core.files import make_folder
    from crosswake.settings.model import ModelConfig

    height, width = options.image_size
    settings = EmbedSettings(
        checkpoint=options.checkpoint,
        model=ModelConfig(
            image_size=(height, width),
            width=options.width,
            depth=options.depth,
            heads=max(1, options.width // 64),
        ),
        data=options.data,
        chips=options.chips,
        batch=options.batch,
        repeats=options.repeats,
        seed=options.seed,
        device=options.device,
    )
    make_folder(options.output)
    bench, missing = bench_embed(settings, quiet=options.quiet)
    report(bench, options.output)
    if missing:
        print(missing)
    return 0
