"""``crosswake data download``: fetch a data set or weights by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.core.errors import CrosswakeError
from crosswake.settings.data import DownloadConfig

if TYPE_CHECKING:
    from crosswake.data.download.catalogue import WeightFile, ZenodoRecord


def run(config: DownloadConfig) -> int:
    """List or fetch."""
    from crosswake.data.download.catalogue import WeightFile, find_source

    if config.list or config.name is None:
        print_catalogue()
        return 0
    source = find_source(config.name)
    if config.to is not None and config.to.exists() and not config.to.is_dir():
        raise CrosswakeError(f"--to: {config.to} is no folder; name another")
    if not isinstance(source, WeightFile):
        folder = config.to or Path("data") / source.name
        download_record(source, folder, config.only or "*", config.quiet)
        return 0
    if config.only:
        name = source.name
        raise CrosswakeError(f"--only {config.only}: {name} is one file; leave the option out")
    download_weights(source, config.to, config.quiet)
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
        what = f"{source.what}, {source.size}, from {source.source}"
        print(f"fetching {what}; licence: {source.licence}", flush=True)
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
