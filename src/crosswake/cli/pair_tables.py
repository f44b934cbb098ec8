"""Tables of pairs, shared by the commands that count them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crosswake.cli.printing import plain_table
from crosswake.core.text import counted

if TYPE_CHECKING:
    from rich.console import Console

SCENES_AT_MOST = 20
"""Number of scenes of a source that are printed one by one."""


def print_counts(console: "Console", title: str, counts: Mapping[str, Any]) -> None:
    """Pairs of each source, scene and terrain, as counted by ``count_pairs``."""
    table = plain_table(title, "source")
    table.add_column("by")
    table.add_column("")
    table.add_column("pairs", justify="right")
    for source, count in counts.items():
        scenes = counted(len(count["scene"]), "scene")
        table.add_row(source, "", scenes, f"{count['pairs']:,}", style="bold")
        for group in ("terrain", "season", "split", "scene"):
            rows = list(count[group].items())
            for place, (name, pairs) in enumerate(rows[:SCENES_AT_MOST]):
                table.add_row("", group if place == 0 else "", name, f"{pairs:,}")
            if len(rows) > SCENES_AT_MOST:
                rest = sum(pairs for _, pairs in rows[SCENES_AT_MOST:])
                table.add_row("", "", f"and {len(rows) - SCENES_AT_MOST} more", f"{rest:,}")
    console.print(table)


def print_registration(console: "Console", offsets: Mapping[str, Any]) -> None:
    """How far the two images of a pair are off each other, as found by ``describe_offsets``."""
    histogram = offsets["pairs_by_offset_px_rounded_up"].items()
    two, five = (
        sum(count for distance, count in histogram if int(distance) <= limit) for limit in (2, 5)
    )
    console.print(
        f"registration: the offset is sure for {counted(offsets['sure'], 'pair')}, of which "
        f"{two:,} within 2 px and {five:,} within 5 px; not for {offsets['not_sure']:,}"
    )
