"""``crosswake buildings check``: verify tiles and their buildings, or a submission."""

import json
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosswake.cli.data_check import EXIT_BAD_FILES
from crosswake.cli.printing import make_console, print_line
from crosswake.cli.tile_tables import print_by_kind, print_tile_counts
from crosswake.core.files import make_folder, replacing
from crosswake.core.text import counted
from crosswake.settings.buildings import BuildingsCheckConfig

if TYPE_CHECKING:
    from rich.console import Console

    from crosswake.core.provenance import Origin
    from crosswake.data.check.tiles import TileCheck


def run(config: BuildingsCheckConfig) -> int:
    """Check a submission or tiles; the exit code says whether something is wrong."""
    if config.root.suffix.lower() == ".zip":
        return check_zip(config)
    from crosswake.core.provenance import refuse_other
    from crosswake.data.check.tiles import check_tiles
    from crosswake.data.sources.dfc23_tracks import read_tiles, tracks_of

    tracks = (config.track,) if config.track else tracks_of(config.root)
    every = [read_tiles(config.root, track) for track in tracks or (None,)]
    origin = {"command": "buildings check", "data": str(config.root.absolute())}
    if config.output:
        make_folder(config.output)
        files = [config.output / "check.json"]
        files += [track_sheet(config.output, data.track) for data in every]
        refuse_other(files, origin, config.overwrite)
    console = make_console()
    checks = []
    for data in every:
        checks.append(check_tiles(data, config.quiet, config.strict))
        report_track(console, config, checks[-1], origin)
    shared = report_shared(console, config, checks)
    if config.output:
        write_findings(config.output / "check.json", checks, shared, origin)
    return say_verdict(console, config, checks)


def check_zip(config: BuildingsCheckConfig) -> int:
    """Check a submission."""
    from crosswake.data.sources.dfc23_tracks import read_tiles

    submission: Any = import_module("crosswake.buildings.submission")
    track: int = submission.track_of_submission(config.root, config.track)
    tiles = None
    if config.reference:
        tiles = read_tiles(config.reference, track).of_split(config.split)
    check = submission.check_submission(config.root, track, tiles)
    for line in check.lines():
        print_line(line)
    return EXIT_BAD_FILES if check.faults else 0


def report_track(
    console: "Console", config: BuildingsCheckConfig, check: "TileCheck", origin: "Origin"
) -> None:
    """Print tables and findings of one track, and draw its sheet."""
    from crosswake.data.check.tile_statistics import describe_tiles

    if not config.quiet:
        print_tile_counts(console, describe_tiles(check))
    print_by_kind(console, check.result, config.quiet)
    if config.output:
        from crosswake.data.check.tile_sheet import draw_tile_sheet

        path = track_sheet(config.output, check.data.track)
        draw_tile_sheet(check.data, path, origin)
        if not config.quiet:
            console.print(f"sheet: {path}")


def track_sheet(folder: Path, track: int) -> Path:
    """Where the sheet of a track goes."""
    return folder / f"sheet_track{track}.png"


def report_shared(
    console: "Console", config: BuildingsCheckConfig, checks: "list[TileCheck]"
) -> dict[str, int]:
    """Say how many tiles the tracks share, by their splits."""
    from crosswake.data.check.tiles import tiles_in_both

    if len(checks) < 2:
        return {}
    shared = tiles_in_both(checks[0], checks[1])
    if shared and not config.quiet:
        parts = [f"{both} {number:,}" for both, number in shared.items()]
        total = counted(sum(shared.values()), "tile")
        console.print(f"in both tracks: {total}, by split in track 1 and 2: {', '.join(parts)}")
    return shared


def write_findings(
    path: Path, checks: "list[TileCheck]", shared: dict[str, int], origin: "Origin"
) -> None:
    """Everything that was counted and found, as JSON."""
    from crosswake.core.provenance import ORIGIN_KEY
    from crosswake.data.check.tile_statistics import describe_tiles

    tracks = [
        describe_tiles(check) | {"findings": [asdict(one) for one in check.result.findings]}
        for check in checks
    ]
    content = {ORIGIN_KEY: origin, "root": str(checks[0].data.root), "tracks": tracks}
    content["tiles_in_both_tracks"] = shared
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def say_verdict(console: "Console", config: BuildingsCheckConfig, checks: "list[TileCheck]") -> int:
    """The last line, and the exit code."""
    tiles = sum(len(check.data.tiles) for check in checks)
    faults = sum(len(check.result.of("error")) for check in checks)
    doubts = counted(sum(len(check.result.of("warning")) for check in checks), "doubt")
    if faults:
        where = f"among {counted(tiles, 'tile')}, {doubts}"
        console.print(f"{counted(faults, 'fault')} {where}", style="bold red")
        return EXIT_BAD_FILES
    if not config.quiet:
        console.print(f"no fault in {counted(tiles, 'tile')}, {doubts}", style="bold green")
    return 0
