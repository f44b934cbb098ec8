"""What truly stands on the tiles: the references that submissions are scored against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.results import Instance, TileResult
from crosswake.buildings.submission import tile_size
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import track as in_sight
from crosswake.data.chips import UnreadableChipError
from crosswake.data.masks import BadOutlineError, mask_of, run_lengths_of
from crosswake.data.pixels import read_bands
from crosswake.data.reid import BadFile
from crosswake.data.sources.dfc23_references import (
    has_annotations,
    load_json,
    read_references,
    track_of_content,
)
from crosswake.data.sources.dfc23_tracks import read_tiles
from crosswake.data.tiles import Building, Tile, Tiles, reference_tiles


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Tiles whose buildings are known.

    Attributes:
        name: what results are said to be measured on.
        track: 1 or 2.
        tiles: as they were read; of a JSON file without images.
        results: what stands on each, in the same order.
        bad_files: files and annotations that were left out, each with its reason.
    """

    name: str
    track: int
    tiles: Tiles
    results: tuple[TileResult, ...]
    bad_files: tuple[BadFile, ...]


def open_reference(
    source: Path,
    track: int | None = None,
    split: str = "test",
    heights: Path | None = None,
    quiet: bool = True,
) -> Reference:
    """Read references.

    Args:
        source: a root of tiles, or a COCO JSON.
        track: 1 or 2; None for the one that is there.
        split: of a root: which tiles.
        heights: of a JSON: the folder of true heights, ``P_0001.tif``.
        quiet: show no progress.

    Raises:
        CrosswakeError: neither, or there are no references in it.
    """
    if source.is_dir():
        data = read_tiles(source, track)
        found, name, number = reference_tiles(data, split), f"{data.name}, {split}", data.track
        return with_results(name, number, found, data.bad_files, quiet)
    if not source.is_file():
        raise CrosswakeError(f"{source}: no such file or folder; correct the path")
    bad: list[BadFile] = []
    content = load_json(source, bad)
    if not has_annotations(content):
        reason = bad[0].reason if bad else "holds no images and annotations"
        raise CrosswakeError(f"{source}: {reason}; name a root of tiles or a COCO JSON")
    number = track or track_of_content(content) or 0
    if not number:
        raise CrosswakeError(
            f"{source}: does not say its categories; choose --track 1 or --track 2"
        )
    if number == 2 and heights is None:
        raise CrosswakeError(f"{source}: track 2 has heights: name their folder with --heights")
    listed = read_references(source, content, number)
    tiles = tuple(
        Tile(
            stem=stem,
            image_id=image,
            height=height_of(heights, stem),
            shape=listed.shapes.get(stem),
            buildings=tuple((listed.buildings or {}).get(image, ())),
        )
        for stem, image in listed.numbers.items()
    )
    return with_results(source.name, number, tiles, tuple(listed.faults), quiet)


def height_of(folder: Path | None, stem: str) -> Path | None:
    """The true heights of a tile, if a folder is named.

    Raises:
        CrosswakeError: they are not in it.
    """
    if folder is None:
        return None
    path = folder / f"{stem}.tif"
    if not path.is_file():
        raise CrosswakeError(f"{path}: no such file; --heights must hold every tile's true heights")
    return path


def with_results(
    name: str, track: int, tiles: Sequence[Tile], known_bad: Sequence[BadFile], quiet: bool
) -> Reference:
    """Read heights and outlines of tiles that have an image id."""
    results, bad, used = [], list(known_bad), []
    for tile in in_sight(tiles, len(tiles), "references", "tiles", quiet):
        if tile.image_id is None:
            reason = "no image id; it cannot be scored"
            bad.append(BadFile(path=tile.rgb or Path(tile.stem), reason=reason))
            continue
        result, faults = reference_of(tile)
        results.append(result if track == 2 else replace(result, height=None))
        bad += faults
        used.append(tile)
    if not results:
        raise CrosswakeError(f"{name}: there are no tiles with references to score against")
    return Reference(
        name=name,
        track=track,
        tiles=tuple(used),
        results=tuple(results),
        bad_files=tuple(bad),
    )


def reference_of(tile: Tile) -> tuple[TileResult, list[BadFile]]:
    """What stands on one tile, and the annotations that cannot become masks.

    A tile without image id gets -1.

    Raises:
        CrosswakeError: its heights cannot be read: they would be missing from the score.
    """
    size = tile_size(tile)
    instances: list[Instance] = []
    bad: list[BadFile] = []
    for building in tile.buildings or ():
        try:
            instances.append(true_instance(building, size))
        except BadOutlineError as error:
            reason = f"annotation {building.id} of {tile.stem} left out: {error}"
            bad.append(BadFile(path=tile.rgb or Path(tile.stem), reason=reason))
    number = -1 if tile.image_id is None else tile.image_id
    return TileResult(
        image_id=number,
        size=size,
        instances=tuple(instances),
        height=None if tile.height is None else true_heights(tile.height, size),
        stem=tile.stem,
        city=tile.city,
    ), bad


def true_instance(building: Building, size: tuple[int, int]) -> Instance:
    """An annotation with its mask.

    Raises:
        BadOutlineError: its outline cannot become one.
    """
    outline = building.outline
    if isinstance(outline, Mapping) and isinstance(outline.get("counts"), str):
        mask_of(outline, size)  # only to be sure of it
        counts = str(outline["counts"])
    else:
        counts = run_lengths_of(mask_of(outline, size))["counts"]
    return Instance(
        category=building.category,
        counts=counts.encode("ascii"),
        area=building.area if building.area > 0 else None,
        crowd=building.crowd,
        box=building.box,
    )


def true_heights(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """(rows, columns) metres.

    Raises:
        CrosswakeError: they cannot be read, or are of another size than the tile.
    """
    try:
        bands = read_bands(path)
    except UnreadableChipError as error:
        raise CrosswakeError(f"{error}; the tile cannot be scored without") from error
    if bands.shape != (1, *size):
        given = " x ".join(map(str, bands.shape[1:]))
        raise CrosswakeError(
            f"{path}: heights of {len(bands)} band(s) of {given} pixels, "
            f"1 of {size[0]} x {size[1]} expected"
        )
    return np.asarray(bands[0], dtype=np.float32)
