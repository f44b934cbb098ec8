"""What commands print: tables and lists of files. Only a terminal has a width to fit them to."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crosswake.core.text import plain_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from crosswake.data.reid import BadFile

LEFT_OUT_AT_MOST = 10
"""Number of left-out files that are printed one by one."""
UNBOUNDED = 10_000
"""Width of a pipe or file, in columns: wider than any table."""


def make_console() -> "Console":
    """Standard output, on which no text is read as markup or emoji, or reaches the terminal with
    characters that control it."""
    from rich.console import Console
    from rich.text import Text

    class PlainConsole(Console):
        """rich's console; whatever is text goes through here."""

        def render_str(self, text: str, **looks: Any) -> Text:
            return super().render_str(plain_text(text, kept="\n"), **looks)

    width = None if sys.stdout.isatty() else UNBOUNDED
    looks: Any = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}
    return PlainConsole(file=getattr(sys.stdout, "styled", sys.stdout), width=width, **looks)


def print_line(line: object) -> None:
    """On standard output, one line that may contain names."""
    print(plain_text(line))


def plain_table(title: str, head: str, numbers: Sequence[str] = ()) -> "Table":
    """A table that reads well in a log: a column of names, then columns of numbers."""
    from rich import box
    from rich.table import Table

    looks = {"title_justify": "left", "title_style": "bold", "padding": (0, 1, 0, 0)}
    table = Table(head, title=title, box=box.SIMPLE_HEAD, **looks)  # type: ignore[arg-type]
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def print_some(
    console: "Console", heading: str, lines: Sequence[str], most: int | None, rest_in: str
) -> None:
    """A heading, and the first lines; nothing if there are none.

    Args:
        console: where to print.
        heading: what the lines are, and how many.
        lines: all of them.
        most: number of lines to print; None for all.
        rest_in: where the reader finds all lines.
    """
    if not lines:
        return
    console.print(heading, style="bold")
    for line in lines[:most]:
        console.print(f"  {plain_text(line)}")
    if most is not None and len(lines) > most:
        console.print(f"  and {len(lines) - most:,} more ({rest_in} has them all)")


def print_left_out(bad_files: "Sequence[BadFile]", listed_in: str) -> None:
    """On standard error, the number of files that were left out, and the first few; nothing if
    there are none."""
    print_some_left_out("left out", bad_files, f" (listed in {listed_in})")


def print_some_left_out(what: str, bad_files: "Sequence[BadFile]", where: str = "") -> None:
    """On standard error, how many files something happened to, and the first few."""
    if bad_files:
        print(plain_text(f"{what}, {len(bad_files)} in all{where}:"), file=sys.stderr)
    for bad in bad_files[:LEFT_OUT_AT_MOST]:
        print(plain_text(f"  {bad.path}: {bad.reason}"), file=sys.stderr)
