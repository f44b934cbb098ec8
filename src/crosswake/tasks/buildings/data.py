"""What training reads: tiles with references to learn from, and tiles of other cities to validate
on."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

from crosswake.batches.tile_store import TILE_STORE_VERSION, TileStore, decode_tiles
from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.dfc23_tracks import read_tiles
from crosswake.data.tiles import Tile, TileData, Tiles, split_by_city
from crosswake.settings.buildings_train import BuildingsTrainConfig

VALIDATION_TILES = 32
"""Tiles that a validation measures at most, so that it stays cheap beside training."""
SUFFICES = {"rgb": ("rgb",), "sar": ("sar",), "both": ("rgb", "sar")}
"""Images of which a tile needs one, at least."""


@dataclass(frozen=True, kw_only=True)
class TileSplit:
    """What there is to learn from, and to validate on.

    Attributes:
        data: all that was read.
        learnt: tiles to learn from.
        held: tiles to validate on; of other cities.
        store: the former, as far as they can be decoded.
        validation: the latter; None if there are none.
    """

    data: TileData
    learnt: Tiles
    held: Tiles
    store: TileStore
    validation: TileStore | None


def open_building_tiles(config: BuildingsTrainConfig) -> TileData:
    """The tiles of ``--data``.

    Raises:
        CrosswakeError: there are none, or one cannot be used and ``--strict`` is set.
    """
    if config.data is None:
        raise CrosswakeError("--data: say what to learn from: the folder with track1/ and track2/")
    data = read_tiles(config.data, config.track)
    if config.strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    return data


def split_tiles(data: TileData, config: BuildingsTrainConfig) -> tuple[Tiles, Tiles]:
    """Tiles to learn from, and tiles to validate on: those of the split ``val`` where they have
    references, else those of cities that are held out of ``train``.

    Raises:
        CrosswakeError: there is nothing to learn from, or there are too few cities to hold one out.
    """
    shown = tuple(tile for tile in data.tiles if is_shown(tile, config))
    learnt = referenced(shown, "train")
    if not learnt:
        raise CrosswakeError(
            f"{data.root}: no tile of the split 'train' has references and the images of "
            f"--modalities {config.modalities}"
        )
    if not config.validation.fraction:
        return learnt, ()
    held = referenced(shown, "val")
    if not held:
        learnt, held = split_by_city(data, config.validation.fraction, config.seed)
        learnt, held = (
            tuple(tile for tile in part if is_shown(tile, config)) for part in (learnt, held)
        )
    chosen = np.random.default_rng(config.seed).permutation(len(held))[:VALIDATION_TILES]
    return learnt, tuple(held[place] for place in sorted(chosen))


def is_shown(tile: Tile, config: BuildingsTrainConfig) -> bool:
    """Whether a tile has one of the images that the model is shown."""
    return any(getattr(tile, name) is not None for name in SUFFICES[config.modalities])


def referenced(tiles: Tiles, split: str) -> Tiles:
    """The tiles of a split that have references."""
    return tuple(tile for tile in tiles if tile.split == split and tile.buildings is not None)


def tiles_fingerprint(tiles: Tiles) -> str:
    """Twelve hex digits that change when files, sizes or annotations do, but not when the folder is
    moved."""
    digest = hashlib.sha256()
    for tile in tiles:
        names = [f"{path.name}|{path.stat().st_size}" for path in files_of_tile(tile)]
        buildings = [(one.id, one.category, one.box, one.area) for one in tile.buildings or ()]
        digest.update(f"{tile.split}|{tile.stem}|{names}|{buildings}\n".encode())
    return digest.hexdigest()[:12]


def files_of_tile(tile: Tile) -> Iterator[Path]:
    """The files that there are of a tile."""
    return (path for path in (tile.rgb, tile.sar, tile.height) if path is not None)


def decode_tiles_once(tiles: Tiles, config: BuildingsTrainConfig, fabric: Fabric) -> TileStore:
    """The tiles, which the first process decodes into a file that all processes map."""
    files = [
        (str(path.resolve()), path.stat().st_mtime_ns)
        for tile in tiles
        for path in files_of_tile(tile)
    ]
    # The times of the files count, so that one that was mended is decoded again.
    text = json.dumps([TILE_STORE_VERSION, tiles_fingerprint(tiles), files])
    name = f"tiles-{hashlib.sha256(text.encode()).hexdigest()[:12]}.u8"
    path = (config.cache or config.output) / name
    if fabric.is_global_zero:
        decode_tiles(tiles, path, strict=config.strict, quiet=config.quiet)
    fabric.barrier()
    return decode_tiles(tiles, path, quiet=True)
