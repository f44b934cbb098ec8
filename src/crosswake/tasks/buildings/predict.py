"""Finds buildings on many tiles: a file a tile while the job runs, so that it can be resumed."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.tile_pixels import TileImages, read_tile_images
from crosswake.buildings.placed import instance_of_placed
from crosswake.buildings.results import Instance, TileResult
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import make_folder, replacing
from crosswake.core.progress import Progress
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text
from crosswake.core.said import say_once
from crosswake.data.chips import UnreadableChipError
from crosswake.data.reid import BadFile
from crosswake.data.sources.dfc23_tracks import read_tiles
from crosswake.data.sources.folders import IMAGE_SUFFIXES, images_by_stem
from crosswake.data.tiles import Tile, Tiles
from crosswake.models.buildings.checkpoints import BuildingFinder
from crosswake.tasks.buildings.large_tiles import WindowOptions, find_on_tile

ORIGIN_FILE = "made_from.json"
KINDS_OF_IMAGES = ("rgb", "sar")


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """How to predict.

    Attributes:
        windows: how a tile is looked at.
        origin: what the results are made from; parts of another origin are not taken up.
        strict: stop at the first tile that cannot be read.
        quiet: show no progress.
    """

    windows: WindowOptions
    origin: Origin
    strict: bool = False
    quiet: bool = False


def open_tiles(data: Path, track: int, split: str) -> tuple[Tiles, tuple[BadFile, ...]]:
    """The tiles to predict, each with an image id, and what was passed over.

    Raises:
        CrosswakeError: there are none.
    """
    plain = [name for name in KINDS_OF_IMAGES if (data / name).is_dir()]
    if plain:
        bad: list[BadFile] = []
        found = {name: images_by_stem(data / name, bad, IMAGE_SUFFIXES) for name in plain}
        stems = sorted({stem for images in found.values() for stem in images})
        rgb, sar = found.get("rgb", {}), found.get("sar", {})
        tiles = tuple(Tile(stem=stem, rgb=rgb.get(stem), sar=sar.get(stem)) for stem in stems)
        passed: tuple[BadFile, ...] = tuple(bad)
    else:
        listed = read_tiles(data, track)
        tiles, passed = listed.of_split(split), listed.bad_files
    if not tiles:
        raise CrosswakeError(f"{data}: no images in {' and '.join(plain)}; name another folder")
    if any(tile.image_id is None for tile in tiles):
        say_once("image ids count from 0 in the order of file names, for no file says them")
        tiles = tuple(replace(tile, image_id=row) for row, tile in enumerate(tiles))
    return tiles, passed


def predict_tiles(
    finder: BuildingFinder, tiles: Tiles, folder: Path, options: PredictOptions
) -> "tuple[StoredResults, list[BadFile]]":
    """Predict each tile that is not done yet.

    Args:
        finder: the model.
        tiles: with image ids.
        folder: for a file a tile; what an earlier run left there is taken up.
        options: how.

    Returns:
        the results, which are read when they are asked for, and the tiles that cannot be read.

    Raises:
        CrosswakeError: none can be read; or one cannot and ``strict`` is set.
    """
    begin_parts(folder, options.origin)
    done = {tile.stem for tile in tiles if is_part(part_path(folder, tile))}
    good, bad = [], []
    with Progress(len(tiles), "buildings", "tiles", options.quiet, already=len(done)) as progress:
        for tile in tiles:
            if tile.stem not in done:
                try:
                    images = shown_images(tile, options.windows)
                except UnreadableChipError as error:
                    if options.strict:
                        raise CrosswakeError(f"{error} (--strict)") from error
                    bad.append(BadFile(path=error.path, reason=error.reason))
                    progress.advance()
                    continue
                placed, height = find_on_tile(finder, images, options.windows)
                size = images.valid.shape[0], images.valid.shape[1]
                instances = tuple(instance_of_placed(one, size) for one in placed)
                write_part(part_path(folder, tile), size, instances, height)
                progress.advance()
            good.append(tile)
    if not good:
        raise CrosswakeError(f"{bad[0].path}: {bad[0].reason}; and no other tile can be read")
    return StoredResults(folder, good), bad


def shown_images(tile: Tile, how: WindowOptions) -> TileImages:
    """The images of a tile that the model is to see.

    Raises:
        UnreadableChipError: one cannot be read, or there is none of them.
    """
    rgb, sar = tile.rgb if how.rgb else None, tile.sar if how.sar else None
    there = tile.rgb or tile.sar
    if rgb is None and sar is None and there is not None:
        name = "optical" if how.rgb else "SAR"
        raise UnreadableChipError(there, f"the tile has no {name} image, and that is to be shown")
    return read_tile_images(replace(tile, rgb=rgb, sar=sar))


def begin_parts(folder: Path, origin: Origin) -> None:
    """Take up the folder of an earlier run of the same origin, or empty it."""
    note = folder / ORIGIN_FILE
    text = f'{{"{ORIGIN_KEY}": {origin_text(origin)}}}\n'
    if note.is_file() and note.read_text(encoding="utf-8", errors="replace") == text:
        return
    if folder.exists():
        shutil.rmtree(folder)
    make_folder(folder)
    with replacing(note) as temporary:
        temporary.write_text(text, encoding="utf-8")


def part_path(folder: Path, tile: Tile) -> Path:
    """Where the result of a tile is kept."""
    return folder / f"{tile.stem}.npz"


def is_part(path: Path) -> bool:
    """Whether a part is there and whole."""
    try:
        with np.load(path, allow_pickle=False) as part:
            return {"size", "scores", "counts"} <= set(part.files)
    except Exception:  # whatever a damaged archive raises; the tile is done anew
        return False


def write_part(
    path: Path,
    size: tuple[int, int],
    instances: Sequence[Instance],
    height: NDArray[np.float32] | None,
) -> None:
    """The result of one tile."""
    arrays: Any = {
        "size": np.array(size),
        "categories": np.array([one.category for one in instances], np.int64),
        "scores": np.array([one.score for one in instances], np.float32),
        "lengths": np.array([len(one.counts) for one in instances], np.int64),
        "counts": np.frombuffer(b"".join(one.counts for one in instances), np.uint8),
        "boxes": np.array([one.box for one in instances], np.float64).reshape(-1, 4),
    }
    if height is not None:
        arrays["height"] = height
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


class StoredResults(Sequence[TileResult]):
    """The results of tiles, read when they are asked for, so that a thousand height maps do not
    wait in memory.

    Args:
        folder: the parts.
        tiles: in order.
        flat: whether results without heights get a map that is 0 everywhere.
    """

    def __init__(self, folder: Path, tiles: Sequence[Tile], flat: bool = False) -> None:
        self.folder, self.tiles, self.flat = folder, tuple(tiles), flat

    def with_flat_heights(self) -> "StoredResults":
        """The same, with heights of 0 where there are none."""
        return StoredResults(self.folder, self.tiles, flat=True)

    def have_heights(self) -> bool:
        """Whether the model measures heights."""
        return self[0].height is not None

    def __len__(self) -> int:
        return len(self.tiles)

    @overload
    def __getitem__(self, place: int) -> TileResult: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[TileResult]: ...

    def __getitem__(self, place: int | slice) -> TileResult | Sequence[TileResult]:
        if isinstance(place, slice):
            return StoredResults(self.folder, self.tiles[place], self.flat)
        tile = self.tiles[place]
        with np.load(part_path(self.folder, tile), allow_pickle=False) as part:
            height = part["height"] if "height" in part.files else None
            size = (int(part["size"][0]), int(part["size"][1]))
            instances = tuple(read_instances(part))
        if height is None and self.flat:
            height = np.zeros(size, np.float32)
        number = -1 if tile.image_id is None else tile.image_id
        return TileResult(
            image_id=number,
            size=size,
            instances=instances,
            height=height,
            stem=tile.stem,
            city=tile.city,
        )


def read_instances(part: Any) -> Iterator[Instance]:
    """The buildings of a part."""
    counts, start = part["counts"].tobytes(), 0
    columns = (part["categories"], part["scores"], part["lengths"], part["boxes"])
    for category, score, length, (x, y, width, height) in zip(*columns, strict=True):
        yield Instance(
            category=int(category),
            counts=counts[start : start + length],
            score=float(np.clip(score, 0, 1)),
            box=(float(x), float(y), float(width), float(height)),
        )
        start += int(length)
