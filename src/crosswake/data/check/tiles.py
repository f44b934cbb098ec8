"""Reads every tile of a track and says what is wrong with it and with its buildings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crosswake.core.progress import Progress
from crosswake.data.check.facts import Finding, Level
from crosswake.data.check.findings import CheckResult, Findings, look_at_all
from crosswake.data.check.tile_facts import TileContent, look_at_tile, tile_finding
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import IMAGE_SUFFIXES
from crosswake.data.tiles import Tile, TileData

KNOWN_FAULTS = ("passed over", "categories that are not")
"""Beginnings of what is said of a JSON file that can be used all the same."""
SAME_PIXELS = "same RGB pixels as another tile"


@dataclass(frozen=True, kw_only=True)
class TileCheck:
    """What a check of one track found.

    Attributes:
        data: what was checked.
        seen: every tile with its facts.
        result: the findings.
    """

    data: TileData
    seen: tuple[tuple[Tile, TileContent], ...]
    result: CheckResult


def check_tiles(data: TileData, quiet: bool = False, strict: bool = False) -> TileCheck:
    """Read every tile once.

    Args:
        data: what to check.
        quiet: show no progress.
        strict: stop at the first bad file or annotation.

    Raises:
        CrosswakeError: ``strict`` and something is bad.
    """
    seen: list[tuple[Tile, TileContent]] = []
    findings = Findings(strict)
    findings.add(map(finding_of_reading, data.bad_files))
    findings.add(missing_references(data))
    with Progress(len(data.tiles), f"track {data.track}", "tiles", quiet) as progress:
        for tile, look in look_at_all(data.tiles, look_at_tile):
            seen.append((tile, look.facts))
            findings.add(look.findings)
            progress.advance()
    findings.add(same_pixels(seen))
    findings.add(Finding(level="note", subject=data.name, reason=note) for note in data.notes)
    return TileCheck(data=data, seen=tuple(seen), result=findings.result({}))


def finding_of_reading(bad: BadFile) -> Finding:
    """What the reader said: an image or an entry of a JSON file that cannot be used is an error,
    another file is not."""
    known = (".json", *IMAGE_SUFFIXES)
    usable = bad.path.suffix.lower() not in known or bad.reason.startswith(KNOWN_FAULTS)
    return Finding.of_file(bad.path, "warning" if usable else "error", bad.reason)


def missing_references(data: TileData) -> Iterator[Finding]:
    """Splits without buildings or heights that should have them: training, and whatever split has
    some already."""
    for split in dict.fromkeys(tile.split for tile in data.tiles):
        tiles = [tile for tile in data.tiles if tile.split == split]
        annotated = [tile for tile in tiles if tile.buildings is not None]
        if not annotated and split == "train":
            reason = "no references; roof_fine_train.json or buildings_only_train.json is missing"
            yield Finding(level="error", subject=f"{data.name}, {split}", reason=reason)
        with_height = [tile for tile in tiles if tile.height is not None]
        if data.track == 2 and (with_height or annotated):
            for tile in tiles:
                if tile.height is None:
                    yield tile_finding(tile, "error", "no height map")


def same_pixels(seen: Iterable[tuple[Tile, TileContent]]) -> Iterator[Finding]:
    """Tiles that show the same, which is worst where one is learnt from and another tested on."""
    first: dict[str, Tile] = {}
    for tile, facts in seen:
        if facts.digest and (other := first.setdefault(facts.digest, tile)) is not tile:
            level: Level = "warning" if other.split == tile.split else "error"
            reason = f"{SAME_PIXELS} ({other.split}/{other.stem})"
            kind = SAME_PIXELS if level == "warning" else f"{SAME_PIXELS} of another split"
            yield Finding.of_file(Path(tile.split) / tile.stem, level, reason, kind)


def tiles_in_both(first: TileCheck, second: TileCheck) -> dict[str, int]:
    """How many RGB images two tracks share, by their splits: ``train and test`` and the like."""
    splits = {facts.digest: tile.split for tile, facts in first.seen if facts.digest}
    counts: dict[str, int] = {}
    for tile, facts in second.seen:
        if facts.digest in splits:
            both = f"{splits[facts.digest]} and {tile.split}"
            counts[both] = counts.get(both, 0) + 1
    return dict(sorted(counts.items()))
