"""``crosswake embed``: embed a folder, table or list of images into one Parquet file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crosswake.cli.printing import print_left_out
from crosswake.cli.sources import require_there
from crosswake.core.text import counted
from crosswake.settings.parsing import Parser

if TYPE_CHECKING:
    from crosswake.embedding.job import Outcome
    from crosswake.embedding.settings import EmbedSettings


def make_parser() -> Parser:
    """The options of ``crosswake embed``."""
    from jsonargparse.typing import PositiveInt

    parser = Parser(
        "embed",
        "Embed images into one Parquet file: id, path, embedding in fp16, and what is known of "
        "each chip. Run again "
        "after an interruption, it goes on.",
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="weights, or an exported ONNX file"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="a HOSS-layout folder, pairs, any folder of images, a CSV table, or a .txt file with "
        "a path on each line",
    )
    parser.add_argument("--output", type=Path, required=True, help="the Parquet file")
    parser.add_argument(
        "--modality",
        type=Literal["auto", "optical", "sar"],
        default="auto",
        help="of images in a plain folder or list; auto looks for RGB, optical or SAR in names",
    )
    parser.add_argument(
        "--device", type=Literal["auto", "cpu", "cuda", "mps"], default="auto", help="where to run"
    )
    parser.add_argument(
        "--precision", type=Literal["fp32", "bf16", "fp16"], default="fp32", help="of the model"
    )
    parser.add_argument(
        "--batch_size", type=PositiveInt, default=64, help="chips embedded at a time"
    )
    parser.add_argument("--save_every", type=PositiveInt, default=512, help="chips between savings")
    parser.add_argument(
        "--engine", type=Literal["local", "ray"], default="local", help="this process, or Ray Data"
    )
    parser.add_argument(
        "--ray_address",
        type=str | None,
        help="Ray cluster (default: RAY_ADDRESS, else this machine)",
    )
    parser.add_argument(
        "--workers", type=PositiveInt | None, help="models side by side in Ray (default: one a GPU)"
    )
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable file")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, embed, say what is there; returns the exit code."""
    options: Any = make_parser().parse_words(words)
    from crosswake.embedding.job import embed_archive
    from crosswake.embedding.settings import EmbedSettings

    settings = EmbedSettings(**vars(options))
    require_there(settings.data, "folder, table or list")
    try:
        outcome = embed_archive(settings)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(
            f"stopped; the same command goes on from {settings.parts_folder}"
        ) from error
    print_outcome(outcome, settings)
    return 0


def print_outcome(outcome: "Outcome", settings: "EmbedSettings") -> None:
    """The files that were left out, how many there are, and where."""
    print_left_out(outcome.bad_files, str(settings.bad_list))
    if not settings.quiet:
        before = f"{counted(outcome.done_before, 'chip')} embedded before"
        print(f"{counted(outcome.rows, 'embedding')}, {before}", end="")
        print(
            ""
            if outcome.waiting is None
            else f"; the model waited for chips {outcome.waiting:.1%} of its time"
        )
    print(outcome.output)
