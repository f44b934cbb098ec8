"""``crosswake evaluate``: measure a model by the published protocols, with a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crosswake.cli.printing import make_console, print_left_out
from crosswake.cli.sources import open_test
from crosswake.settings.parsing import Parser

if TYPE_CHECKING:
    from crosswake.tasks.reid.results import Evaluation


def make_parser() -> Parser:
    """The options of ``crosswake evaluate``."""
    from jsonargparse.typing import NonNegativeInt, PositiveInt

    parser = Parser(
        "evaluate",
        "Measure a model by the published protocols (all to all, optical to SAR, SAR to optical), "
        "beside what chance, "
        "size and pixel correlation reach. Writes metrics.json, rankings.parquet and report.html.",
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="weights, or an exported ONNX file"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a HOSS-layout folder, a CSV table, or pairs"
    )
    parser.add_argument(
        "--split",
        type=Literal["train", "val", "test"] | None,
        help="which pairs, where they declare it (default: val, else test, else train, else all)",
    )
    parser.add_argument(
        "--output",
        type=Path | None,
        help="folder for the results (default: evaluation-<data> beside the weights)",
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
    parser.add_argument(
        "--rerank",
        dest="reranked",
        action="store_true",
        help="also report k-reciprocal re-ranking; any --rerank option asks for it too",
    )
    parser.add_argument(
        "--rerank.k1", dest="k1", type=int, default=20, help="reciprocal neighbours"
    )
    parser.add_argument(
        "--rerank.k2", dest="k2", type=int, default=6, help="vectors averaged; 1 for none"
    )
    parser.add_argument(
        "--rerank.lambda",
        dest="lambda_",
        type=float,
        default=0.3,
        help="weight of original distance",
    )
    parser.add_argument(
        "--rerank.apart",
        dest="apart",
        action="store_true",
        help="take the neighbours of each modality apart",
    )
    parser.add_argument(
        "--rerank.half",
        dest="half",
        action="store_true",
        help="add in half precision, as published code does",
    )
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of intervals and drawings")
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable file")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def run(words: list[str]) -> int:
    """Parse ``words``, evaluate, print; returns the exit code."""
    options: Any = make_parser().parse_words(words)
    from crosswake.core.files import make_folder
    from crosswake.reports.evaluation import evaluate_model
    from crosswake.retrieval.rerank import RerankConfig
    from crosswake.tasks.reid.measure import MeasureOptions

    rerank = None
    if any(word.startswith("--rerank") for word in words):
        names = ("k1", "k2", "lambda_", "apart", "half")
        rerank = RerankConfig(**{name: getattr(options, name) for name in names})
    data, name = open_test(options.data, options.split)
    data.require_test()
    output: Path = options.output or options.checkpoint.parent / f"evaluation-{name}"

    from crosswake.models.embedder import load, pick_device

    embedder = load(options.checkpoint, device=options.device, precision=options.precision)
    make_folder(output)
    how = MeasureOptions(
        seed=options.seed,
        strict=options.strict,
        quiet=options.quiet,
        batch_size=options.batch_size,
        rerank=rerank,
        device=str(pick_device(options.device)),
    )
    evaluation = evaluate_model(embedder, data, output, how)
    print_summary(evaluation, output)
    return 0


def print_summary(evaluation: "Evaluation", output: Path) -> None:
    """The table, the files that were left out, and where the results are."""
    from crosswake.reports.summary import summary_tables

    make_console().print(*summary_tables(evaluation), sep="\n")
    print_left_out([*evaluation.data.bad_files, *evaluation.unreadable], "metrics.json")
    print(f"report: {output / 'report.html'}")
