"""Tables of building tiles and what is printed of their faults."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from crosswake.cli.printing import plain_table
from crosswake.core.text import counted, plain_text

if TYPE_CHECKING:
    from rich.console import Console

    from crosswake.data.check.facts import Finding, Level
    from crosswake.data.check.findings import CheckResult

SHOWN_OF_KIND = 3
"""Findings of one kind that are printed."""
TITLES_OF_LEVELS: "dict[Level, str]" = {"error": "faults", "warning": "doubts", "note": "notes"}


def print_tile_counts(console: "Console", counts: dict[str, Any]) -> None:
    """Every table of one track, as :func:`describe_tiles` counts them."""
    title = f"{counts['data']}: {counted(counts['tiles'], 'tile')}"
    print_places(console, title, "split", counts["splits"])
    known = [row for row in counts["cities"] if row["name"]]
    print_places(console, "cities", "city", known)
    print_classes(console, counts["classes"])
    print_heights(console, counts)


def print_places(console: "Console", title: str, head: str, rows: Sequence[dict[str, Any]]) -> None:
    """The table of splits or of cities."""
    if not rows:
        return
    heads = ["tiles", "annotated", "buildings", "built", "padding"]
    heighted = any(row["height"] is not None for row in rows)
    heads += ["height, m", "no height", "ground"] if heighted else []
    table = plain_table(title, head, heads)
    for row in rows:
        cells = [f"{row[name]:,}" for name in ("tiles", "annotated", "buildings")]
        cells += [per_cent(row["built"]), per_cent(row["padding"])]
        if heighted:
            bare = row["without_height"]
            cells += [one_digit(row["height"]), "-" if bare is None else f"{bare:,}"]
            cells.append(per_cent(row["ground"]))
        table.add_row(row["name"] or "-", *cells)
    console.print(table)


def print_classes(console: "Console", rows: Sequence[dict[str, Any]]) -> None:
    """The table of classes."""
    heighted = any(row["height"] is not None for row in rows)
    heads = ["buildings", "share", "tiles", "area, m2", "small", "large"]
    table = plain_table("classes (medians; small, large: as COCO counts them)", "class", heads)
    if heighted:
        table.add_column("height, m", justify="right")
    for row in rows:
        cells = [f"{row['buildings']:,}", per_cent(row["share"]), f"{row['tiles']:,}"]
        cells += [one_digit(row["area"]), f"{row['small']:,}", f"{row['large']:,}"]
        table.add_row(row["name"], *cells, *([one_digit(row["height"])] if heighted else []))
    console.print(table)


def print_heights(console: "Console", counts: dict[str, Any]) -> None:
    """Pixels by height, and the footprints that have none; nothing without height maps."""
    pixels = counts["pixels_by_height"]
    total = sum(pixels.values())
    if total:
        parts = [f"{name} {per_cent(number / total)}" for name, number in pixels.items()]
        console.print(f"heights above ground: {', '.join(parts)}")
    if bare := counts["footprints_without_height"]:
        console.print(
            f"footprints without any height: {bare['buildings']:,} ({per_cent(bare['share'])}), in "
            f"{per_cent(bare['share_of_tiles'])} of the tiles with buildings"
        )


def print_by_kind(console: "Console", result: "CheckResult", quiet: bool) -> None:
    """What is wrong, by level and kind, each kind with its first cases."""
    for level, title in TITLES_OF_LEVELS.items():
        findings = result.of(level)
        if not findings or (quiet and level == "note"):
            continue
        console.print(f"{title}: {len(findings):,}", style="bold")
        for kind, own in kinds_of(findings):
            few = own[:SHOWN_OF_KIND]
            if len(own) == 1:
                console.print(f"  {line_of(own[0])}")
                continue
            console.print(f"  {len(own):,} x {plain_text(kind)}")
            for finding in few:
                console.print(f"      {line_of(finding)}")
            if len(own) > len(few):
                more = f"and {len(own) - len(few):,} more (--output FOLDER has them all)"
                console.print(f"      {more}")


def kinds_of(findings: Iterable["Finding"]) -> "list[tuple[str, list[Finding]]]":
    """Findings by kind, the most frequent first; one without a kind is a kind of its own."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind or line_of(finding), []).append(finding)
    return sorted(kinds.items(), key=lambda item: -len(item[1]))


def line_of(finding: "Finding") -> str:
    """One finding for people."""
    return f"{plain_text(finding.subject)}: {plain_text(finding.reason)}"


def per_cent(share: float | None) -> str:
    """``7.2 %``, or a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"


def one_digit(value: float | None) -> str:
    """``12.5``, or a dash."""
    return "-" if value is None else f"{value:,.1f}"
