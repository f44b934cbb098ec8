"""``crosswake data check``: verify a data set, count it, draw a contact sheet."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosswake.cli.printing import make_console, plain_table
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.settings.parsing import Parser

if TYPE_CHECKING:
    from rich.console import Console

    from crosswake.data.check.facts import Level
    from crosswake.data.check.findings import CheckResult
    from crosswake.data.check.statistics import ProtocolStatistics, SplitStatistics
    from crosswake.data.pairs import PairData
    from crosswake.data.reid import ReidData

EXIT_BAD_FILES = 2
LISTED_AT_MOST = {"error": None, "warning": 50, "note": 20}
"""Findings printed of each level; bad files are all listed, and the JSON file holds everything."""


def make_parser() -> Parser:
    """Options of ``crosswake data check``."""
    parser = Parser(
        "data check",
        "Read every chip or pair of a data set; list what is wrong with it, count it, draw a "
        "contact sheet. "
        "Exit code 0: every file is good; 2: some are not.",
    )
    parser.add_argument(
        "root", type=str, help="a folder in the HOSS layout or of pairs, or a CSV table"
    )
    parser.add_argument(
        "--sheet", type=str, help="contact sheet, a PNG (default: <data name>-sheet.png here)"
    )
    parser.add_argument("--json", type=str, help="write counts and findings to this file as well")
    parser.add_argument("--strict", action="store_true", help="stop at the first bad file")
    parser.add_argument(
        "--quiet", action="store_true", help="no progress, no tables; only what is wrong"
    )
    return parser


def run(words: list[str]) -> int:
    """Check, print, draw; the exit code says whether there are bad files."""
    options = make_parser().parse_words(words)
    from crosswake.data.sources.open import find_reader

    if read_pairs := find_reader(Path(options.root)):
        return run_pairs(options, read_pairs(Path(options.root)))

    from crosswake.data.check.chips import check_chips
    from crosswake.data.check.sheets import draw_contact_sheet
    from crosswake.data.check.statistics import protocol_statistics, split_statistics
    from crosswake.data.sources.open import open_reid

    data = open_reid(Path(options.root))
    result = check_chips(data, quiet=options.quiet, strict=options.strict)
    splits, protocols = split_statistics(data, result.facts), protocol_statistics(data)
    console = make_console()
    if not options.quiet:
        print_splits(console, data.name, splits)
        print_protocols(console, protocols)
    print_findings(console, result, options.quiet)
    if options.json:
        write_json(Path(options.json), data, result, splits, protocols)
    sheet = Path(options.sheet or f"{data.name}-sheet.png")
    draw_contact_sheet(data, sheet)
    if not options.quiet:
        console.print(f"contact sheet: {sheet}", markup=False)
    return summarise(console, len(data.all_chips()), result, options.quiet)


def run_pairs(options: Any, data: "PairData") -> int:
    """The same for a set of optical-SAR pairs."""
    from crosswake.cli.pair_tables import print_counts, print_registration
    from crosswake.data.build.report import count_pairs, describe_offsets
    from crosswake.data.check.pairs import check_pairs
    from crosswake.data.check.sheets import draw_pair_sheet

    check = check_pairs(data, quiet=options.quiet, strict=options.strict)
    counts, offsets = count_pairs(data.pairs), describe_offsets(check.offsets.values())
    console = make_console()
    if not options.quiet:
        print_counts(console, f"{data.name}: {counted(len(data.pairs), 'pair')}", counts)
        print_registration(console, offsets)
    print_findings(console, check.result, options.quiet)
    if options.json:
        content = {
            "data": data.name,
            "root": str(data.root),
            "pairs": len(data.pairs),
            "counts": counts,
        }
        findings = [asdict(finding) for finding in check.result.findings]
        write_content(Path(options.json), content | {"registration": offsets, "findings": findings})
    sheet = Path(options.sheet or f"{data.name}-sheet.png")
    draw_pair_sheet(data, sheet)
    if not options.quiet:
        console.print(f"contact sheet: {sheet}", markup=False)
    return summarise(console, len(data.pairs), check.result, options.quiet, "pair")


def print_splits(console: "Console", name: str, rows: Iterable["SplitStatistics"]) -> None:
    """The table of splits."""
    table = plain_table(f"{name} (sizes: medians)", "split")
    heads = ("identities", "cross-modal", "chips", "optical", "SAR", "h x w, px", "h x w, m")
    for head in heads:
        table.add_column(head, justify="right")
    for row in rows:
        counts = (row.identities, row.cross_modal, row.chips, row.optical, row.sar)
        sizes = (size_text(row.height, row.width), size_text(row.height_m, row.width_m))
        table.add_row(row.name, *map(str, counts), *sizes)
    console.print(table)


def print_protocols(console: "Console", rows: Iterable["ProtocolStatistics"]) -> None:
    """The table of protocols."""
    table = plain_table("protocols", "protocol")
    for head in ("queries", "gallery", "queries without\na match"):
        table.add_column(head, justify="right")
    table.add_column("chosen by")
    titles = {"all": "all to all", "o2s": "optical to SAR", "s2o": "SAR to optical"}
    for row in rows:
        by = "the data set" if row.fixed else "modality"
        title = f"{row.name} ({titles[row.name]})"
        table.add_row(title, str(row.query), str(row.gallery), str(row.unmatched), by)
    console.print(table)


def print_findings(console: "Console", result: "CheckResult", quiet: bool) -> None:
    """What is wrong, by level, each finding in one line."""
    from crosswake.data.check.findings import reason_counts

    titles: dict[Level, str] = {"error": "bad files", "warning": "warnings", "note": "notes"}
    for level, title in titles.items():
        findings = result.of(level)
        if not findings or (quiet and level == "note"):
            continue
        console.print(f"{title}: {len(findings)}", markup=False, style="bold")
        counts = reason_counts(findings)
        if len(counts) < len(findings):
            console.print(
                "  " + "; ".join(f"{count} x {kind}" for kind, count in counts), markup=False
            )
        most = LISTED_AT_MOST[level]
        for finding in findings[:most]:
            console.print(f"  {finding.subject}: {finding.reason}", markup=False)
        if most is not None and len(findings) > most:
            console.print(
                f"  and {len(findings) - most} more (--json FILE has them all)", markup=False
            )


def summarise(
    console: "Console", count: int, result: "CheckResult", quiet: bool, unit: str = "chip"
) -> int:
    """One last line, and the exit code."""
    bad, doubtful = len(result.of("error")), len(result.of("warning"))
    warned, total = counted(doubtful, "warning"), counted(count, unit)
    if bad:
        console.print(
            f"{counted(bad, 'bad file')} among {total}, {warned}", markup=False, style="bold red"
        )
        return EXIT_BAD_FILES
    if not quiet:
        verdict = f"the one {unit} is good" if count == 1 else f"all {total} are good"
        console.print(f"{verdict}, {warned}", markup=False, style="bold green")
    return 0


def size_text(height: float | None, width: float | None) -> str:
    """``149 x 54``, or a dash."""
    return "-" if height is None or width is None else f"{height:.0f} x {width:.0f}"


def write_json(
    path: Path,
    data: "ReidData",
    result: "CheckResult",
    splits: Iterable["SplitStatistics"],
    protocols: Iterable["ProtocolStatistics"],
) -> None:
    """Everything the command knows, for a script."""
    content: dict[str, Any] = {
        "data": data.name,
        "root": str(data.root),
        "chips": len(data.all_chips()),
        "splits": [asdict(row) for row in splits],
        "protocols": [asdict(row) for row in protocols],
        "findings": [asdict(finding) for finding in result.findings],
    }
    write_content(path, content)


def write_content(path: Path, content: dict[str, Any]) -> None:
    """Write plain data as JSON to a temporary name, then rename."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise CrosswakeError(
            f"{path}: cannot be written ({error.strerror}); choose another --json"
        ) from error
