"""``crosswake data pairs``: build OptiSar_Pair, the set that pretraining reads."""

from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.cli.pair_tables import print_counts, print_registration
from crosswake.cli.printing import make_console, print_line, print_some
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.settings.pairs import PairsConfig

if TYPE_CHECKING:
    from rich.console import Console

    from crosswake.data.build.build import Built

LISTED_AT_MOST = 20
"""Number of bad files or misregistered pairs that are printed."""
REPORT = "report.json"


def run(config: PairsConfig) -> int:
    """Plan, build, report."""
    from crosswake.core.lock import only_writer
    from crosswake.data.build.build import build_pairs, write_manifest
    from crosswake.data.build.plan import plan_build
    from crosswake.data.build.report import write_build_report

    named = {"sen12": config.sen12, "dfc23": config.dfc23, "scenes": config.scenes}
    roots = [(kind, root) for kind, folders in named.items() for root in folders]
    plan = plan_build(roots, config.build, config.quiet, config.reading)
    options = {"quiet": config.quiet, "strict": config.strict}
    with only_writer(config.out.parent, config.out.name, "OUT"):
        built = build_pairs(config.out, plan, workers=config.workers, **options)
        write_manifest(config.out, built)
        write_build_report(config.out, built)
    console = make_console()
    if not config.quiet:
        print_build(console, config.out, built)
    lines = [f"{bad.path}: {bad.reason}" for bad in built.bad_files]
    print_some(console, f"bad files: {len(lines):,}", lines, LISTED_AT_MOST, REPORT)
    if not built.kept:
        why = f"{len(built.left_out)} left out, {counted(len(lines), 'bad file')}"
        raise CrosswakeError(
            f"{config.out}: not one pair was made ({why}); {REPORT} there has the reasons"
        )
    print_line(config.out)
    return 0


def print_build(console: "Console", out: Path, built: "Built") -> None:
    """Counts, what was left out and why, and what is doubtful."""
    from crosswake.data.build.report import count_pairs, describe_registration, left_out_counts

    title = f"{out.name}: {counted(len(built.kept), 'pair')}"
    print_counts(console, title, count_pairs(job.pair for _, job in built.kept))
    for source, counts in sorted(left_out_counts(built).items()):
        for reason, count in sorted(counts.items()):
            console.print(f"left out, {source}: {count:,} x {reason}")
    title = "pairs with the optical pixels of another and a different SAR image (kept)"
    lines = [f"{one} as {other}" for one, other in built.same_optical]
    print_some(console, f"{title}: {len(lines):,}", lines, LISTED_AT_MOST, REPORT)
    print_registration(console, describe_registration(built))
    settings = built.plan.settings
    if settings.max_offset is not None and not settings.drop_misregistered:
        limit = f"{settings.max_offset:g} px"
        title = f"pairs off by more than {limit} (kept; --drop_misregistered leaves them out)"
        items = {item.id: item for item, _ in built.kept}
        lines = [
            f"{items[one].rgb}: {items[one].offset_rows:+d} rows, "
            f"{items[one].offset_columns:+d} columns"
            for one in built.misregistered
        ]
        print_some(console, f"{title}: {len(lines):,}", lines, LISTED_AT_MOST, REPORT)
    for note in (note for data in built.plan.sources for note in data.notes):
        console.print(f"note: {note}")
