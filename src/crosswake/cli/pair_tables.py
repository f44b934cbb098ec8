"""Tables of pairs, shared by the commands that count them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crosswake.cli.printing import plain_table
from crosswake.core.text import counted

if TYPE_CHECKING:
    from rich.console import Console

SCENES_AT_MOST = 20
"""Scenes of one source that are printed one by one."""


def print_counts(console: "Console", title: str, counts: Mapping[str, Any]) -> None:
    """Pairs per source, scene and terrain, as counted by ``count_pairs``."""
    table = plain_table(title, "source")
    table.add_column("by")
    table.add_column("")
    table.add_column("pairs", justify="right")
    for source, count in counts.items():
        table.add_row(
            source, "", counted(len(count["scene"]), "scene"), f"{count['pairs']:,}", style="bold"
        )
        for group in ("terrain", "season", "split", "scene"):
            rows = list(count[group].items())
            for place, (name, pairs) in enumerate(rows[:SCENES_AT_MOST]):
                table.add_row("", group if place == 0 else "", name, f"{pairs:,}")
            if len(rows) > SCENES_AT_MOST:
                rest = sum(pairs for _, pairs in rows[SCENES_AT_MOST:])
                table.add_row("", "", f"and {len(rows) - SCENES_AT_MOST} more", f"{rest:,}")
    console.print(table)


def print_some(console: "Console", title: str, lines: Sequence[str], most: int) -> None:
    """A heading with the count, and the first few lines; nothing if there are none."""
    if not lines:
        return
    console.print(f"{title}: {len(lines):,}", markup=False, style="bold")
    for line in lines[:most]:
        console.print(f"  {line}", markup=False)
    if len(lines) > most:
        console.print(f"  and {len(lines) - most:,} more (report.json has them all)", markup=False)


def print_registration(console: "Console", offsets: Mapping[str, Any]) -> None:
    """How well the halves of the pairs fit, as described by ``describe_offsets``."""
    histogram = {
        int(distance): count for distance, count in offsets["pairs_by_offset_px_rounded_up"].items()
    }
    near = [
        sum(count for distance, count in histogram.items() if distance <= limit) for limit in (2, 5)
    ]
    sure = counted(offsets["sure"], "pair")
    console.print(
        f"registration: the offset is sure for {sure}, of which {near[0]:,} within 2 px and "
        f"{near[1]:,} within 5 px; "
        f"not for {offsets['not_sure']:,}"
    )
