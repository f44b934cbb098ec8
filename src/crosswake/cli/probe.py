"""``crosswake probe``: what a model's features know of land cover."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crosswake.cli.parsing import Parser
from crosswake.errors import CrosswakeError

if TYPE_CHECKING:
    from crosswake.evaluation.probe import ProbeResult

NOTHING_PROVED = (
    "a class comes from a single scene, so the folds are random: these figures may tell scenes apart, not terrains, "
    "and prove nothing"
)


def make_parser() -> Parser:
    """The options of ``crosswake probe``."""
    from jsonargparse.typing import NonNegativeInt

    parser = Parser(
        "probe",
        "Tell the terrain of optical-SAR pairs (SEN1-2 by terrain) from frozen features by a linear classifier, on "
        "scenes never learnt from where every class has two or more. Writes probe.json and probe.png.",
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="weights: ours, or published ones")
    parser.add_argument("--data", type=Path, required=True, help="a folder of pairs that know their terrain")
    parser.add_argument("--output", type=Path | None, help="folder for the results (default: probe-<data> beside it)")
    parser.add_argument("--device", type=Literal["auto", "cpu", "cuda", "mps"], default="auto", help="where to run")
    parser.add_argument("--precision", type=Literal["fp32", "bf16", "fp16"], default="fp32", help="of the model")
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of folds and intervals")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def run(words: list[str]) -> int:
    """Embed, probe, print, draw."""
    options: Any = make_parser().parse_words(words)
    from crosswake.datasets.pairs.open import find_reader
    from crosswake.evaluation.probe import probe_terrain
    from crosswake.evaluation.probe_figure import draw_probe
    from crosswake.evaluation.runner import make_folder
    from crosswake.models.embedder import load

    reader = find_reader(options.data)
    if reader is None:
        raise CrosswakeError(f"--data: {options.data} holds no optical-SAR pairs in a known layout; see data pairs")
    data = reader(options.data)
    output: Path = options.output or options.checkpoint.parent / f"probe-{data.name}"
    embedder = load(options.checkpoint, device=options.device, precision=options.precision)
    make_folder(output)
    result = probe_terrain(embedder, data, seed=options.seed, quiet=options.quiet)
    write_record(output / "probe.json", result, options)
    draw_probe(result, output / "probe.png")
    print_probe(result)
    print(output / "probe.png")
    return 0


def write_record(path: Path, result: "ProbeResult", options: Any) -> None:
    """Write every number with what it is measured on."""
    from crosswake.evaluation.files import estimates
    from crosswake.writing import replacing

    record = {
        "measured_on": result.name,
        "checkpoint": str(options.checkpoint),
        "pairs": result.pairs,
        "classes": dict(zip(result.classes, result.scenes, strict=True)),
        "by_scene": result.by_scene,
        "majority": result.majority,
        "probes": {
            name: {**estimates({"accuracy": one.accuracy}), "confusion": one.confusion.tolist()}
            for name, one in result.probes.items()
        },
        "seed": options.seed,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def print_probe(result: "ProbeResult") -> None:
    """The table, and how much it is worth."""
    from rich.console import Console

    from crosswake.cli.data_check import plain_table
    from crosswake.evaluation.summary import percent

    table = plain_table(f"terrain told on {result.name}: {result.pairs} pairs", "features")
    table.add_column("accuracy", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, one in result.probes.items():
        interval = f"{percent(one.accuracy.low)} to {percent(one.accuracy.high)}"
        table.add_row(name, percent(one.accuracy.value), interval)
    table.add_row("commonest class", percent(result.majority), "")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    scenes = ", ".join(f"{name} {count}" for name, count in zip(result.classes, result.scenes, strict=True))
    folds = "by scene" if result.by_scene else NOTHING_PROVED
    console.print(f"scenes: {scenes}; {folds}", markup=False)
