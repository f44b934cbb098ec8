"""``crosswake data check``: verify a data set, count it, draw a contact sheet."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosswake.cli.printing import make_console, plain_table, print_some
from crosswake.core.files import replacing
from crosswake.core.text import counted
from crosswake.settings.data import CheckConfig

if TYPE_CHECKING:
    from rich.console import Console

    from crosswake.data.check.facts import Level
    from crosswake.data.check.findings import CheckResult
    from crosswake.data.check.statistics import ProtocolStatistics, SplitStatistics
    from crosswake.data.pairs import PairData
    from crosswake.data.reid import ReidData

EXIT_BAD_FILES = 2
LISTED_OF_LEVEL = {"error": None, "warning": 50, "note": 20}
"""Number of findings printed of each level; None for all. The JSON file holds everything."""
TITLES_OF_PROTOCOLS = {"all": "all to all", "o2s": "optical to SAR", "s2o": "SAR to optical"}


def run(config: CheckConfig) -> int:
    """Check, print, draw; the exit code says whether there are bad files."""
    from crosswake.data.pairs import PairData
    from crosswake.data.reading import pairs_read_as, read_as
    from crosswake.data.sources.open import open_data

    console, data = make_console(), open_data(config.root)
    if isinstance(data, PairData):
        data = pairs_read_as(data, config.reading)
        refuse_other_files(config, data)
        return finish(console, config, data, *check_pair_data(console, config, data))
    data = read_as(data, config.reading)
    refuse_other_files(config, data)
    return finish(console, config, data, *check_chip_data(console, config, data))


def refuse_other_files(config: CheckConfig, data: "ReidData | PairData") -> None:
    """Raise where a file of another program would be replaced, or a sheet of other data that has
    the same name by chance."""
    from crosswake.core.provenance import refuse_other
    from crosswake.data.check.sheets import origin_of_check

    origin = origin_of_check(data)
    # A file that the user names may hold an older check, of whatever data.
    anew = config.overwrite or config.sheet is not None
    refuse_other([sheet_of(config, data)], origin, anew, "--sheet")
    refuse_other([config.json] if config.json else [], origin, True, "--json")


def sheet_of(config: CheckConfig, data: "ReidData | PairData") -> Path:
    """Where the contact sheet goes."""
    return config.sheet or Path(f"{data.name}-sheet.png")


def check_chip_data(
    console: "Console", config: CheckConfig, data: "ReidData"
) -> tuple["CheckResult", dict[str, Any]]:
    """Findings on chips, and what the JSON file says of them."""
    from crosswake.data.check.chips import check_chips
    from crosswake.data.check.statistics import protocol_statistics, split_statistics

    result = check_chips(data, quiet=config.quiet, strict=config.strict)
    splits, protocols = split_statistics(data, result.facts), protocol_statistics(data)
    if not config.quiet:
        print_splits(console, data.name, splits)
        print_protocols(console, protocols)
    return result, {
        "chips": len(data.all_chips()),
        "splits": [asdict(row) for row in splits],
        "protocols": [asdict(row) for row in protocols],
    }


def check_pair_data(
    console: "Console", config: CheckConfig, data: "PairData"
) -> tuple["CheckResult", dict[str, Any]]:
    """Findings on pairs, and what the JSON file says of them."""
    from crosswake.cli.pair_tables import print_counts, print_registration
    from crosswake.data.build.report import count_pairs, describe_offsets
    from crosswake.data.check.pairs import check_pairs

    check = check_pairs(data, quiet=config.quiet, strict=config.strict)
    counts, offsets = count_pairs(data.pairs), describe_offsets(check.offsets.values())
    if not config.quiet:
        print_counts(console, f"{data.name}: {counted(len(data.pairs), 'pair')}", counts)
        print_registration(console, offsets)
    return check.result, {"pairs": len(data.pairs), "counts": counts, "registration": offsets}


def finish(
    console: "Console",
    config: CheckConfig,
    data: "ReidData | PairData",
    result: "CheckResult",
    facts: dict[str, Any],
) -> int:
    """Print the findings, write the JSON file, draw the sheet; returns the exit code."""
    from crosswake.core.provenance import ORIGIN_KEY
    from crosswake.data.check.sheets import origin_of_check

    print_findings(console, result, config.quiet)
    if config.json:
        findings = [asdict(finding) for finding in result.findings]
        content = {ORIGIN_KEY: origin_of_check(data), "data": data.name, "root": str(data.root)}
        content |= facts | {"findings": findings}
        with replacing(config.json, "--json") as part:
            part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sheet = sheet_of(config, data)
    unit = write_sheet(data, sheet)
    if not config.quiet:
        console.print(f"contact sheet: {sheet}")
    bad, warned = len(result.of("error")), counted(len(result.of("warning")), "warning")
    total = counted(facts[f"{unit}s"], unit)
    if bad:
        console.print(f"{counted(bad, 'bad file')} among {total}, {warned}", style="bold red")
        return EXIT_BAD_FILES
    if not config.quiet:
        verdict = f"the one {unit} is good" if facts[f"{unit}s"] == 1 else f"all {total} are good"
        console.print(f"{verdict}, {warned}", style="bold green")
    return 0


def write_sheet(data: "ReidData | PairData", path: Path) -> str:
    """Draw the contact sheet; returns what the data are made of, ``chip`` or ``pair``."""
    from crosswake.data.check.sheets import draw_contact_sheet, draw_pair_sheet
    from crosswake.data.pairs import PairData

    if isinstance(data, PairData):
        draw_pair_sheet(data, path)
        return "pair"
    draw_contact_sheet(data, path)
    return "chip"


def print_splits(console: "Console", name: str, rows: Iterable["SplitStatistics"]) -> None:
    """The table of splits."""
    heads = ("identities", "cross-modal", "chips", "optical", "SAR", "h x w, px", "h x w, m")
    table = plain_table(f"{name} (sizes: medians)", "split", heads)
    for row in rows:
        counts = (row.identities, row.cross_modal, row.chips, row.optical, row.sar)
        sizes = (size_text(row.height, row.width), size_text(row.height_m, row.width_m))
        table.add_row(row.name, *map(str, counts), *sizes)
    console.print(table)


def print_protocols(console: "Console", rows: Iterable["ProtocolStatistics"]) -> None:
    """The table of protocols."""
    heads = ("queries", "gallery", "queries without\na match")
    table = plain_table("protocols", "protocol", heads)
    table.add_column("chosen by")
    for row in rows:
        by = "the data set" if row.fixed else "modality"
        title = f"{row.name} ({TITLES_OF_PROTOCOLS[row.name]})"
        table.add_row(title, str(row.query), str(row.gallery), str(row.unmatched), by)
    console.print(table)


def print_findings(console: "Console", result: "CheckResult", quiet: bool) -> None:
    """What is wrong, by level, each finding in one line."""
    from crosswake.data.check.findings import reason_counts

    titles: dict[Level, str] = {"error": "bad files", "warning": "warnings", "note": "notes"}
    for level, title in titles.items():
        findings = result.of(level)
        if quiet and level == "note":
            continue
        lines = [f"{finding.subject}: {finding.reason}" for finding in findings]
        counts = reason_counts(findings)
        heading = f"{title}: {len(findings)}"
        if len(counts) < len(findings):
            heading += "\n  " + "; ".join(f"{count} x {kind}" for kind, count in counts)
        print_some(console, heading, lines, LISTED_OF_LEVEL[level], "--json FILE")


def size_text(height: float | None, width: float | None) -> str:
    """``149 x 54``, or a dash."""
    return "-" if height is None or width is None else f"{height:.0f} x {width:.0f}"
