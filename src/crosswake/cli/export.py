"""``crosswake export``: a model as one file that runs without this package."""

from pathlib import Path
from typing import Any

from crosswake.cli.sources import require_there
from crosswake.settings.parsing import Parser


def make_parser() -> Parser:
    """The options of ``crosswake export``."""
    from jsonargparse.typing import ClosedUnitInterval, PositiveInt

    parser = Parser(
        "export",
        "Write a model as one ONNX file or PyTorch program: any batch, both modalities, 8-bit "
        "pictures in, embeddings "
        "of length 1 out. The file is run beside PyTorch, and written only if the two agree.",
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="weights: ours, or published ones"
    )
    parser.add_argument(
        "--format",
        choices=["onnx", "onnx-int8", "torch-export"],
        default="onnx",
        help="int8: 8-bit matrix products",
    )
    parser.add_argument(
        "--output",
        type=Path | None,
        help="the file (default: beside the weights, under their name)",
    )
    parser.add_argument(
        "--data",
        type=Path | None,
        help="compare on chips of this folder, pairs or table (default: generated pictures)",
    )
    parser.add_argument("--chips", type=PositiveInt, default=32, help="how many to compare on")
    parser.add_argument(
        "--min_cosine",
        type=ClosedUnitInterval | None,
        help="least cosine to PyTorch of any chip (default: 0.99999; onnx-int8: 0.99)",
    )
    parser.add_argument("--quiet", action="store_true", help="print only the file's name")
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, export, say how well it agrees; returns the exit code."""
    options: Any = make_parser().parse_words(words)
    from crosswake.core.progress import byte_text
    from crosswake.exporting.run import default_output, export

    output: Path = options.output or default_output(options.checkpoint, options.format)
    if options.data is not None:
        require_there(options.data, "folder or table")
    agreement = export(
        options.checkpoint,
        options.format,
        output,
        data=options.data,
        chips=options.chips,
        min_cosine=options.min_cosine,
        quiet=options.quiet,
    )
    if not options.quiet:
        print(f"{options.format}, {byte_text(output.stat().st_size)}, {agreement.line()}")
    print(output)
    return 0
