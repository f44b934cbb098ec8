"""``crosswake data download``: fetch a data set or weights by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.core.errors import CrosswakeError
from crosswake.settings.parsing import Parser

if TYPE_CHECKING:
    from crosswake.data.download.catalogue import WeightFile, ZenodoRecord


def make_parser() -> Parser:
    """Options of ``crosswake data download``."""
    parser = Parser(
        "data download", "Fetch a data set or weights by name; without a name, list what there is."
    )
    parser.add_argument("name", type=str, nargs="?", help="what to fetch")
    parser.add_argument("--list", action="store_true", help="list what there is")
    parser.add_argument(
        "--to", type=str, help="folder to put it (default: data/NAME; weights: the hub's cache)"
    )
    parser.add_argument(
        "--only", type=str, help="of a data set, only files of such a name, like 'HOSS*'"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no progress, only the resulting paths"
    )
    return parser


def run(words: list[str]) -> int:
    """List or fetch."""
    options = make_parser().parse_words(words)
    from crosswake.data.download.catalogue import WeightFile, find_source

    if options.list or options.name is None:
        print_catalogue()
        return 0
    source = find_source(options.name)
    folder = Path(options.to) if options.to else None
    if isinstance(source, WeightFile):
        if options.only:
            raise CrosswakeError(
                f"--only {options.only}: {source.name} is one file; leave the option out"
            )
        download_weights(source, folder, options.quiet)
    else:
        download_record(
            source, folder or Path("data") / source.name, options.only or "*", options.quiet
        )
    return 0


def print_catalogue() -> None:
    """Every name with source, size, licence and citation."""
    from crosswake.data.download.catalogue import CATALOGUE

    for source in CATALOGUE:
        print(f"{source.name}: {source.what}")
        print(f"  source    {source.source}")
        print(f"  size      {source.size}")
        print(f"  licence   {source.licence}")
        print(f"  cite      {source.citation}")
    print("crosswake data download NAME [--to DIR]")


def download_weights(source: "WeightFile", folder: Path | None, quiet: bool) -> None:
    """Fetch weights and say where they are."""
    from crosswake.data.download.hub import cached_weights, weights_path

    known = cached_weights(source, folder)
    if known and not quiet:
        print(f"{source.name} is there already")
    elif not quiet:
        print(
            f"fetching {source.what}, {source.size}, from {source.source}; licence: "
            f"{source.licence}",
            flush=True,
        )
    print(known or weights_path(source.name, folder, quiet))


def download_record(
    source: "ZenodoRecord", folder: Path, only: str, quiet: bool, base: str | None = None
) -> None:
    """Fetch a data set and say where it is."""
    from crosswake.core.progress import byte_text
    from crosswake.data.download.zenodo import BASE, fetch_record, plan_record

    plan = plan_record(source, folder, only, base or BASE)
    if not quiet and not plan.missing:
        print(f"{source.name} is there already")
    elif not quiet:
        names = ", ".join(f"{file.name} ({byte_text(file.size)})" for file in plan.missing)
        licence = plan.record.licence or source.licence
        print(f"fetching {names} from {source.source}; licence: {licence}")
        print(f"cite: {source.citation}", flush=True)
    fetch_record(plan, quiet)
    for path in plan.paths:
        print(path)
