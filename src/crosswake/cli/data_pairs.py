"""``crosswake data pairs``: build OptiSar_Pair, the set that pretraining reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosswake.cli.printing import make_console
from crosswake.core.text import counted
from crosswake.settings.parsing import Parser

if TYPE_CHECKING:
    from rich.console import Console

    from crosswake.data.build.build import Built
    from crosswake.data.build.plan import BuildSettings

LISTED_AT_MOST = 20
"""Scenes, bad files or misregistered pairs printed; the report holds all."""


def make_parser() -> Parser:
    """Options of ``crosswake data pairs``."""
    parser = Parser(
        "data pairs",
        "Build OptiSar_Pair out of SEN1-2, DFC23 and registered scenes. Run again after an "
        "interruption, it goes on.",
    )
    parser.add_argument(
        "out", type=str, help="folder to make: OptiSar_Pair/, manifest.parquet, report.json"
    )
    sources = {
        "sen12": "SEN1-2, original or by terrain",
        "dfc23": "DFC23, both tracks",
        "scenes": "opt/ and sar/",
    }
    for kind, what in sources.items():
        text = f"folder of {what}; may be given several times"
        parser.add_argument(f"--{kind}", type=str, action="append", metavar="DIR", help=text)
    parser.add_argument(
        "--tile",
        type=int,
        metavar="PX",
        help="cut DFC23 and SEN1-2 images into squares of that side",
    )
    parser.add_argument(
        "--crops", choices=["grid", "random"], default="grid", help="how scenes are cut"
    )
    parser.add_argument(
        "--crop_size",
        type=int,
        nargs=2,
        default=[256, 256],
        metavar=("H", "W"),
        help="of scenes, px",
    )
    parser.add_argument(
        "--per_scene", type=int, metavar="N", help="random crops a scene (default: 64)"
    )
    parser.add_argument(
        "--stride",
        type=int,
        nargs=2,
        metavar=("ROWS", "COLUMNS"),
        help="of grid crops, px (default: their size)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of random crops")
    parser.add_argument(
        "--max_offset", type=float, metavar="PX", help="list pairs whose halves are off by more"
    )
    parser.add_argument("--drop_misregistered", action="store_true", help="leave those pairs out")
    parser.add_argument("--workers", type=int, default=0, help="threads; 0 for one a core")
    parser.add_argument("--strict", action="store_true", help="stop at the first bad file")
    parser.add_argument(
        "--quiet", action="store_true", help="no progress, no tables; only bad files and the folder"
    )
    return parser


def run(words: list[str]) -> int:
    """Plan, build, report."""
    options = make_parser().parse_words(words)
    from crosswake.cli.pair_tables import print_some
    from crosswake.data.build.build import build_pairs, write_manifest
    from crosswake.data.build.plan import BUILT_FROM, plan_build
    from crosswake.data.build.report import write_build_report

    settings = settings_of(options)
    roots = [(kind, Path(root)) for kind in BUILT_FROM for root in getattr(options, kind) or []]
    out = Path(options.out)
    plan = plan_build(roots, settings, options.quiet)
    built = build_pairs(
        out, plan, workers=options.workers, quiet=options.quiet, strict=options.strict
    )
    write_manifest(out, built)
    write_build_report(out, built)
    console = make_console()
    if not options.quiet:
        print_build(console, out, built)
    print_some(
        console,
        "bad files",
        [f"{bad.path}: {bad.reason}" for bad in built.bad_files],
        LISTED_AT_MOST,
    )
    print(out)
    return 0


def settings_of(options: Any) -> "BuildSettings":
    """The settings that the options spell."""
    from crosswake.data.build.plan import BuildSettings

    return BuildSettings(
        tile=options.tile,
        crops=options.crops,
        crop_size=(options.crop_size[0], options.crop_size[1]),
        per_scene=options.per_scene,
        stride=(options.stride[0], options.stride[1]) if options.stride else None,
        seed=options.seed,
        max_offset=options.max_offset,
        drop_misregistered=options.drop_misregistered,
    )


def print_build(console: "Console", out: Path, built: "Built") -> None:
    """Counts, what was left out and why, and what is doubtful."""
    from crosswake.cli.pair_tables import print_counts, print_registration, print_some
    from crosswake.data.build.report import count_pairs, describe_registration, left_out_counts

    title = f"{out.name}: {counted(len(built.kept), 'pair')}"
    print_counts(console, title, count_pairs(job.pair for _, job in built.kept))
    for source, counts in sorted(left_out_counts(built).items()):
        for reason, count in sorted(counts.items()):
            console.print(f"left out, {source}: {count:,} x {reason}", markup=False)
    if built.same_optical:
        some = "pairs with the optical pixels of another and a different SAR image (kept)"
        print_some(
            console,
            some,
            [f"{one} as {other}" for one, other in built.same_optical],
            LISTED_AT_MOST,
        )
    print_registration(console, describe_registration(built))
    limit = built.plan.settings.max_offset
    if limit is not None and not built.plan.settings.drop_misregistered:
        title = f"pairs off by more than {limit:g} px (kept; --drop_misregistered leaves them out)"
        items = {item.id: item for item, _ in built.kept}
        lines = [
            f"{items[one].rgb}: {items[one].offset_rows:+d} rows, {items[one].offset_columns:+d} "
            "columns"
            for one in built.misregistered
        ]
        print_some(console, title, lines, LISTED_AT_MOST)
    for note in (note for data in built.plan.sources for note in data.notes):
        console.print(f"note: {note}", markup=False)
