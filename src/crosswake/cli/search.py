"""``crosswake search``: the chips of an archive that look most like a chip."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crosswake.cli.printing import make_console, plain_table, print_left_out, print_line
from crosswake.core.errors import CrosswakeError
from crosswake.settings.search import SearchConfig

if TYPE_CHECKING:
    from crosswake.embedding.search import SearchResult

PRINTED_QUERIES = 5
"""Number of queries whose candidates are printed; the page has more of them, the table all."""


def run(config: SearchConfig) -> int:
    """Search, print, write."""
    for option, source in (("query", config.query), ("in", config.in_)):
        if not source.exists():
            raise CrosswakeError(f"--{option}: {source}: no such file or folder; correct the path")

    from crosswake.batches.devices import pick_device
    from crosswake.embedding.search import SearchOptions, search_chips
    from crosswake.models.embedder import load
    from crosswake.reports.search import (
        refuse_other_results,
        search_origin,
        write_candidates,
        write_search,
    )

    origin = search_origin(config)
    refuse_other_results(config, origin)
    how = SearchOptions(
        top=config.top,
        find=config.find,
        modality=config.modality,
        reading=config.reading,
        batch_size=config.batch_size,
        strict=config.strict,
        quiet=config.quiet,
        device=str(pick_device(config.device)),
    )
    model = load(config.checkpoint, device=config.device, precision=config.precision)
    result = search_chips(model, config.query, config.in_, how)
    if not result.candidates.num_rows:
        raise CrosswakeError(f"--in: {config.in_}: holds no chip but the query itself; name others")
    write_search(config.output, result, origin)
    if config.table:
        write_candidates(config.table, result, origin)
    if not config.quiet:
        print_candidates(result)
    print_left_out(result.bad_files, str(config.output))
    print_line(config.output)
    return 0


def print_candidates(result: "SearchResult") -> None:
    """A table for each of the first queries."""
    from crosswake.core.text import counted

    console = make_console()
    for number, (query, candidates) in enumerate(result.lists()):
        if number == PRINTED_QUERIES:
            rest = counted(result.queries.num_rows - number, "more query", "more queries")
            console.print(f"and {rest}; the page shows them")
            break
        title = f"{query['id']} ({query['modality']}) among {counted(result.searched, 'chip')}"
        table = plain_table(title, "rank", ("cosine", "modality", "metres", "travel"))
        table.add_column("identity")
        table.add_column("chip")
        for one in candidates:
            metres = f"{one['height_m']:.0f} x {one['width_m']:.0f}"
            cells = (f"{one['cosine']:.5f}", one["modality"], metres, travel_text(one))
            table.add_row(str(one["rank"]), *cells, one["identity"] or "", one["id"])
        console.print(table)


def travel_text(record: Mapping[str, Any]) -> str:
    """``312 km in 20 h: 8.4 kn``, as far as it is known."""
    km, hours, speed = (record[name] for name in ("km", "hours", "knots"))
    way = "" if km is None else f"{km:,.0f} km"
    time = "" if hours is None else f"{hours:+,.1f} h"
    return ", ".join(filter(None, (way, time))) + ("" if speed is None else f": {speed:.1f} kn")
