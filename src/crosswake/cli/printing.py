"""What commands print: tables, whole where nobody knows how wide the reader's screen is, and files
left out."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from crosswake.data.reid import BadFile

LEFT_OUT_AT_MOST = 10
"""Files left out that are printed one by one."""
UNBOUNDED = 10_000
"""Columns of a pipe or file; no table is as wide."""


def make_console() -> "Console":
    """Standard output: tables are fitted to a terminal, and come out whole anywhere else."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else UNBOUNDED
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, width=width)


def plain_table(title: str, head: str) -> "Table":
    """A table that reads well in a log."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column(head)
    return table


def print_left_out(bad_files: "Sequence[BadFile]", listed_in: str) -> None:
    """Count the files that were left out and name the first few, on standard error; nothing if
    there are none."""
    if not bad_files:
        return
    print(f"left out, {len(bad_files)} in all (listed in {listed_in}):", file=sys.stderr)
    for bad in bad_files[:LEFT_OUT_AT_MOST]:
        print(f"  {bad.path}: {bad.reason}", file=sys.stderr)
