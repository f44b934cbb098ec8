"""``crosswake buildings reproduce``: the contest's table, and what was reached beside it."""

from typing import TYPE_CHECKING

from crosswake.cli.printing import make_console, plain_table, print_line
from crosswake.cli.sources import require_there
from crosswake.settings.buildings_reproduce import BuildingsReproduceConfig

if TYPE_CHECKING:
    from crosswake.tasks.buildings.reproduce import Reproduction


def run(config: BuildingsReproduceConfig) -> int:
    """Train, measure, print, write."""
    from crosswake.core.provenance import refuse_other
    from crosswake.reports.buildings_reproduce import (
        REPRODUCTION_COMMAND,
        reproduction_files,
        write_reproduction,
    )
    from crosswake.tasks.buildings.reproduce import reproduce

    require_there(config.data)
    refuse_other(
        reproduction_files(config.output), {"command": REPRODUCTION_COMMAND}, overwrite=True
    )
    found = reproduce(config)
    write_reproduction(config, found)
    if not config.quiet:
        print_reproduction(found)
    print_line(f"report: {config.output / 'report.html'}")
    return 0


def print_reproduction(found: "Reproduction") -> None:
    """The table."""
    from crosswake.reports.buildings_reproduce import (
        SIMULATED,
        heads_of_table,
        measured_line,
        rows_of_table,
    )

    console = make_console()
    if found.simulated:
        console.print(SIMULATED, style="bold red")
    console.print(measured_line(found), style="bold")
    table = plain_table("Percent, with 95 % intervals", "model", heads_of_table(found))
    for row in rows_of_table(found):
        table.add_row(*row)
    console.print(table)
