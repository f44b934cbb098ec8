"""Tiles decoded once into a file that is mapped into memory, with an index beside it, as pairs are
(:mod:`crosswake.batches.pair_file`): a later run on the same tiles finds it as it is."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.decode import decode_ahead, in_batches, raise_first
from crosswake.batches.tile_decode import FILLED_UP, DecodedTile, decode_tile
from crosswake.batches.tile_pixels import TileImages
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import remove_dead_parts, replacing
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.data.reid import BadFile
from crosswake.data.tiles import Tiles

TILE_STORE_VERSION = 1
"""Part of a store's name. It grows when tiles are decoded in another way."""
TILES_AT_ONCE = 8
"""Tiles in a batch of the decoder."""
ROOM_FOR_TILES = "make room, or name another --cache"
PLANES: dict[str, tuple[int, type[np.generic]]] = {
    "optical": (3, np.uint8),
    "sar": (1, np.float16),
    "footprints": (1, np.int16),
    "centimetres": (1, np.uint16),
}
"""What is stored of a tile, one after the other: number of bands, and type."""
PIXEL_BYTES = sum(bands * np.dtype(kind).itemsize for bands, kind in PLANES.values())
INDEX_COLUMNS = 6
"""Of a row of the index: number, height, width, whether there are an optical image, a SAR image and
heights."""


@dataclass(frozen=True, kw_only=True)
class StoredTile:
    """One tile of a store, mapped from its file.

    Attributes:
        optical: (3, height, width) uint8.
        sar: (height, width) float16.
        footprints: (height, width) int16.
        centimetres: (height, width) uint16.
        has: whether there are an optical image, a SAR image and heights; what is not there is 0.
        labels: (buildings,) int64.
        covers: (buildings,) float32.
    """

    optical: NDArray[np.uint8]
    sar: NDArray[np.float16]
    footprints: NDArray[np.int16]
    centimetres: NDArray[np.uint16]
    has: tuple[bool, bool, bool]
    labels: NDArray[np.int64]
    covers: NDArray[np.float32]

    @property
    def images(self) -> TileImages:
        """What a model is shown of it."""
        return TileImages(
            optical=self.optical if self.has[0] else None,
            sar=self.sar if self.has[1] else None,
            valid=self.footprints != FILLED_UP,
        )


@dataclass(frozen=True, kw_only=True)
class TileStore:
    """Decoded tiles, row by row.

    Attributes:
        tiles: what each row is.
        pixels: (bytes,) uint8, mapped from a file.
        start: (tiles,) int64, where each begins.
        rows: (tiles, ``INDEX_COLUMNS``) int64.
        labels: categories of each tile's buildings.
        covers: and the shares of their footprints that have a height.
        lost: outlines without a pixel, of all tiles.
        digest: changes with any pixel, and with the tiles that could be decoded.
        bad_files: tiles that could not be decoded and are not among the rows.
    """

    tiles: Tiles
    pixels: NDArray[np.uint8]
    start: NDArray[np.int64]
    rows: NDArray[np.int64]
    labels: list[NDArray[np.int64]]
    covers: list[NDArray[np.float32]]
    lost: int
    digest: str
    bad_files: tuple[BadFile, ...]

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, row: int) -> StoredTile:
        height, width = self.rows[row, 1:3].tolist()
        found: dict[str, Any] = {}
        start = int(self.start[row])
        for name, (bands, kind) in PLANES.items():
            end = start + bands * np.dtype(kind).itemsize * height * width
            shape = (bands, height, width) if bands > 1 else (height, width)
            found[name] = self.pixels[start:end].view(kind).reshape(shape)
            start = end
        optical, sar, heights = (bool(value) for value in self.rows[row, 3:])
        return StoredTile(
            **found,
            has=(optical, sar, heights),
            labels=self.labels[row],
            covers=self.covers[row],
        )

    @property
    def heightless(self) -> tuple[int, int, int]:
        """Buildings without any height under them, all buildings, and tiles with one of the former,
        of the tiles that have a height map."""
        known = [one for one, row in zip(self.covers, self.rows, strict=True) if row[5]]
        bare = [int((covers == 0).sum()) for covers in known]
        return sum(bare), sum(map(len, known)), sum(count > 0 for count in bare)


def decode_tiles(
    tiles: Tiles, path: Path, *, strict: bool = False, quiet: bool = False
) -> TileStore:
    """Decode tiles into ``path``, or open what an earlier run has decoded there.

    Args:
        tiles: what to decode.
        path: file for the pixels, named after the tiles (:func:`store_name`); an index of the same
            name in ``.json`` goes with it.
        strict: stop at the first unreadable tile.
        quiet: show no progress.

    Raises:
        UnreadableChipError: a tile cannot be read and ``strict`` is set.
        CrosswakeError: none can be read, or the file cannot be written or used.
    """
    index = path.with_suffix(".json")
    if not index.is_file():
        content = write_tile_pixels(tiles, path, strict=strict, quiet=quiet)
        with replacing(index, remedy=ROOM_FOR_TILES) as temporary:  # says that all is there
            temporary.write_text(json.dumps(content), encoding="utf-8")
    store = open_tile_store(tiles, path, index)
    if strict:
        raise_first(store.bad_files)
    return store


def write_tile_pixels(tiles: Tiles, path: Path, *, strict: bool, quiet: bool) -> dict[str, Any]:
    """Decode every tile into ``path``; returns the index."""
    rows, labels, covers, bad, lost = [], [], [], [], 0
    digest = hashlib.sha256()
    with replacing(path, remedy=ROOM_FOR_TILES) as temporary, temporary.open("wb") as file:
        remove_dead_parts(path.parent, "tiles-*")
        for number, result in enumerate(decoded_tiles(tiles, quiet)):
            if isinstance(result, BadFile):
                bad.append(result)
                if strict:
                    raise_first(bad)
                continue
            images = result.images
            has = (images.optical, images.sar, result.centimetres)
            rows.append([number, *images.valid.shape, *(int(one is not None) for one in has)])
            labels.append(list(result.labels))
            covers.append([round(cover, 4) for cover in result.covers])
            lost += result.lost
            for content in planes_of(result):
                digest.update(content)
                file.write(content)
        if not rows:
            raise CrosswakeError(
                f"none of {counted(len(tiles), 'tile')} can be read; the first: {bad[0].path}: "
                f"{bad[0].reason}"
            )
    return {
        "rows": rows,
        "labels": labels,
        "covers": covers,
        "lost": lost,
        "digest": digest.hexdigest(),
        "bad": [[str(one.path), one.reason] for one in bad],
    }


def decoded_tiles(tiles: Tiles, quiet: bool) -> Iterator[DecodedTile | BadFile]:
    """Each tile decoded, or why it could not be, in order."""
    with Progress(len(tiles), "decode", "tiles", quiet) as progress:
        for _, batch in decode_ahead(in_batches(tiles, TILES_AT_ONCE), decode_tile):
            for _, result in batch:
                yield result
                progress.advance()


def planes_of(tile: DecodedTile) -> Iterator[bytes]:
    """What is stored of a tile, in the order of ``PLANES``; what is not there is 0."""
    found = {
        "optical": tile.images.optical,
        "sar": tile.images.sar,
        "footprints": tile.footprints,
        "centimetres": tile.centimetres,
    }
    for name, (bands, kind) in PLANES.items():
        plane = found[name]
        if plane is None:
            plane = np.zeros((bands, *tile.footprints.shape), kind)
        yield np.ascontiguousarray(plane, kind).tobytes()


def open_tile_store(tiles: Tiles, path: Path, index: Path) -> TileStore:
    """Map what :func:`decode_tiles` wrote.

    Raises:
        CrosswakeError: the file or its index is damaged, or of other tiles.
    """
    try:
        pixels = np.memmap(path, np.uint8, mode="r")
        content: Any = json.loads(index.read_text(encoding="utf-8"))
        rows = np.asarray(content["rows"], np.int64)
        bad = tuple(BadFile(path=Path(name), reason=reason) for name, reason in content["bad"])
        labels = [np.asarray(one, np.int64) for one in content["labels"]]
        covers = [np.asarray(one, np.float32) for one in content["covers"]]
        start = tile_starts(rows, len(tiles), len(pixels))
        if [len(one) for one in labels] != [len(one) for one in covers] or len(labels) != len(rows):
            raise ValueError("its index is damaged")
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CrosswakeError(
            f"{path}: decoded tiles that cannot be used ({error}); remove it and {index}"
        ) from error
    return TileStore(
        tiles=tuple(tiles[number] for number in rows[:, 0]),
        pixels=pixels,
        start=start,
        rows=rows,
        labels=labels,
        covers=covers,
        lost=int(content["lost"]),
        digest=str(content["digest"]),
        bad_files=bad,
    )


def tile_starts(rows: NDArray[np.int64], tiles: int, size: int) -> NDArray[np.int64]:
    """Where each tile of an index begins.

    Raises:
        ValueError: the index does not describe a file of ``size`` bytes of ``tiles`` tiles.
    """
    if rows.ndim != 2 or rows.shape[1] != INDEX_COLUMNS:
        raise ValueError("its index is damaged")
    number, height, width = rows[:, 0], rows[:, 1], rows[:, 2]
    if number[0] < 0 or number[-1] >= tiles or (np.diff(number) < 1).any():
        raise ValueError("its index is of other tiles")
    lengths = PIXEL_BYTES * height * width
    if min(height.min(), width.min()) < 1 or int(lengths.sum()) != size:
        raise ValueError("it has another size than its index says")
    return np.asarray(np.cumsum(lengths) - lengths, np.int64)
