"""``crosswake probe``: what a model's features know of land cover."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crosswake.cli.printing import make_console, plain_table, print_left_out
from crosswake.cli.sources import open_pairs, own_name
from crosswake.settings.parsing import Parser

if TYPE_CHECKING:
    from crosswake.tasks.probe.measure import ProbeResult

NOTHING_PROVED = (
    "a class comes from a single scene, so the folds are random: these figures may tell scenes "
    "apart, not terrains, "
    "and prove nothing"
)


def make_parser() -> Parser:
    """The options of ``crosswake probe``."""
    from jsonargparse.typing import NonNegativeInt

    parser = Parser(
        "probe",
        "Tell the terrain of optical-SAR pairs (SEN1-2 by terrain) from frozen features by a "
        "linear classifier, on "
        "scenes never learnt from where every class has two or more. Writes probe.json and "
        "probe.png.",
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="weights, or an exported ONNX file"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder of pairs that know their terrain"
    )
    parser.add_argument(
        "--output",
        type=Path | None,
        help="folder for the results (default: probe-<data> beside the weights)",
    )
    parser.add_argument(
        "--device", type=Literal["auto", "cpu", "cuda", "mps"], default="auto", help="where to run"
    )
    parser.add_argument(
        "--precision", type=Literal["fp32", "bf16", "fp16"], default="fp32", help="of the model"
    )
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of folds and intervals")
    parser.add_argument("--strict", action="store_true", help="stop at the first bad file")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def run(words: list[str]) -> int:
    """Embed, probe, print, draw."""
    options: Any = make_parser().parse_words(words)
    data = open_pairs(options.data)
    output: Path = options.output or options.checkpoint.parent / f"probe-{own_name(options.data)}"

    from crosswake.core.files import make_folder
    from crosswake.models.embedder import load
    from crosswake.reports.figures import draw_probe
    from crosswake.reports.results import write_probe
    from crosswake.tasks.probe.measure import probe_terrain, terrain_pairs
    from crosswake.tasks.reid.measure import MeasureOptions

    terrain_pairs(data)
    embedder = load(options.checkpoint, device=options.device, precision=options.precision)
    make_folder(output)
    how = MeasureOptions(seed=options.seed, strict=options.strict, quiet=options.quiet)
    result = probe_terrain(embedder, data, how)
    write_probe(output / "probe.json", result, embedder.describe(), options.seed)
    draw_probe(result, output / "probe.png")
    print_probe(result)
    print_left_out([*data.bad_files, *result.unreadable], "probe.json")
    print(output / "probe.png")
    return 0


def print_probe(result: "ProbeResult") -> None:
    """The table, and how much it is worth."""
    from crosswake.reports.summary import percent

    table = plain_table(
        f"terrain predicted on {result.data.name}: {result.pairs} pairs", "features"
    )
    table.add_column("accuracy", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, one in result.probes.items():
        interval = f"{percent(one.accuracy.low)} to {percent(one.accuracy.high)}"
        table.add_row(name, percent(one.accuracy.value), interval)
    table.add_row("commonest class", percent(result.majority), "")
    console = make_console()
    console.print(table)
    scenes = ", ".join(
        f"{name} {count}" for name, count in zip(result.classes, result.scenes, strict=True)
    )
    folds = "by scene" if result.by_scene else NOTHING_PROVED
    console.print(f"scenes: {scenes}; {folds}", markup=False)
