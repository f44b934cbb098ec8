"""Promise: an image that is damaged, or declares what it does not hold, is read or refused in one
line, in bounded time and memory.

GDAL is C, which no exception stops, so blocks of cases run in processes of their own."""

import json
import multiprocessing
import random
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from crosswake.core.boxes import Box
from crosswake.data.pixels import image_size, read_bands, read_pixels
from tests.data.making import optical, sar, write_image
from tests.fuzz.harness import Bounds, damaged, fuzz

BOUNDS = Bounds(small=200, full=10_000, seconds=10, mebibytes=1024)
BLOCK = 500
BLOCK_SECONDS = 600
ABSURD = (0, 1, 2, 255, 65_535, 65_536, 2**31 - 1, 2**32 - 1)
PLACED: dict[str, Any] = {"transform": from_origin(4e5, 5e6, 10, 10), "crs": "EPSG:32631"}
GREY16 = (sar(3) * 100).astype(np.uint16)
KINDS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "rgb.tif": ("GTiff", optical(1), {}),
    "deflated.tif": ("GTiff", sar(1), {"compress": "deflate", "predictor": 3, **PLACED}),
    "tiled.tif": ("GTiff", optical(2), {"tiled": True, "blockxsize": 16, "blockysize": 16}),
    "lzw.tif": ("GTiff", GREY16, {"compress": "lzw", "nodata": 0}),
    "jpeg.tif": ("GTiff", optical(3), {"compress": "jpeg"}),
    "complex.tif": ("GTiff", sar(2).astype(np.complex64), {}),
    "big.tif": ("GTiff", sar(4), {"BIGTIFF": "YES"}),
    "rgb.png": ("PNG", optical(4), {}),
    "grey16.png": ("PNG", GREY16, {}),
    "rgb.jpg": ("JPEG", optical(5), {}),
    "rgb.bmp": ("BMP", optical(6), {}),
    "rgb.jp2": ("JP2OpenJPEG", optical(7), {}),
}


@dataclass(frozen=True, kw_only=True)
class Block(Bounds):
    """Some of the cases."""

    numbers: Sequence[int]

    def cases(self) -> Sequence[int]:
        return self.numbers


@cache
def good_images() -> dict[str, bytes]:
    """An image of each kind, as bytes."""
    found = {}
    for name, (driver, bands, options) in KINDS.items():
        with rasterio.MemoryFile() as file:
            write_image(Path(file.name), bands, driver, **options)
            found[name] = file.read()
    return found


def absurd(name: str, content: bytes, rng: random.Random) -> bytes:
    """An image whose header declares another size, or other bands, depth or packing."""
    changed, number = bytearray(content), rng.choice(ABSURD)
    if name.endswith(".tif") and not name.startswith("big"):
        entries = range(struct.unpack("<H", content[(at := first_directory(content)) : at + 2])[0])
        place = at + 2 + 12 * rng.choice(entries)
        field = rng.choice((4, 8, 8, 8))  # how many values, or the value
        changed[place + field : place + field + 4] = struct.pack("<I", number)
    elif name.endswith(".png"):
        place = rng.choice((16, 20, 24))
        changed[place : place + 4] = struct.pack(">I", number)
        changed[29:33] = struct.pack(">I", zlib.crc32(changed[12:29]))
    elif name.endswith(".jpg"):
        place = content.index(b"\xff\xc0") + rng.choice((5, 7))
        changed[place : place + 2] = struct.pack(">H", number & 0xFFFF)
    elif name.endswith(".bmp"):
        place = rng.choice((10, 14, 18, 22, 28, 30))
        changed[place : place + 4] = struct.pack("<I", number)
    else:
        start = content.find(b"ihdr") + 4 if rng.random() < 0.5 else content.find(b"\xff\x51") + 6
        place = start + 4 * rng.randrange(4)
        changed[place : place + 4] = struct.pack(">I", number)
    return bytes(changed)


def first_directory(content: bytes) -> int:
    """Where the first directory of a TIFF begins."""
    return int(struct.unpack("<I", content[4:8])[0])


def read_damaged(rng: random.Random, folder: Path) -> None:
    """One case: an image as it is, damaged, with an absurd header, or both, by one of the ways to
    read it."""
    name = rng.choice(list(KINDS))
    content = good_images()[name]
    if rng.random() < 0.5:
        content = absurd(name, content, rng)
    if rng.random() < 0.6:
        content = damaged(content, rng)
    path = folder / (name if rng.random() < 0.9 else "other.tif")
    path.write_bytes(content)
    ways: tuple[Callable[[], Any], ...] = (
        lambda: read_pixels(path),
        lambda: read_bands(path),
        lambda: read_bands(path, Box(rng.randrange(9), rng.randrange(9), 8, 8)),
        lambda: image_size(path),
    )
    found = rng.choice(ways)()
    assert isinstance(found, tuple) or (isinstance(found, np.ndarray) and found.size)


def run_block(numbers: Sequence[int], folder: Path, report: Path) -> None:
    """What a process does: it writes down how its cases ended."""
    bounds = Block(numbers=numbers, **vars(BOUNDS))
    try:
        said: dict[str, int] | str = fuzz("images", read_damaged, folder, bounds)
    except AssertionError as error:
        said = str(error)
    report.write_text(json.dumps(said))


def test_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSWAKE_IMAGE_LIMIT", "64")
    every, tally = BOUNDS.cases(), Counter[str]()
    context = multiprocessing.get_context("spawn")
    for start in range(0, len(every), BLOCK):
        report, numbers = tmp_path / f"{start}.json", every[start : start + BLOCK]
        process = context.Process(target=run_block, args=(numbers, tmp_path, report))
        process.start()
        process.join(BLOCK_SECONDS)
        process.kill()
        process.join()
        assert report.exists(), f"cases {numbers[0]} to {numbers[-1]} ended the process"
        said = json.loads(report.read_text())
        assert isinstance(said, dict), said
        tally.update(said)
    if len(every) > 1:
        assert tally["refused"]
        assert tally["succeeded"]


def test_every_good_image_is_read(tmp_path: Path) -> None:
    for name, content in good_images().items():
        path = tmp_path / name
        path.write_bytes(content)
        if name != "complex.tif":
            bands = KINDS[name][1]
            assert read_bands(path).shape == bands.shape
            assert image_size(path) == bands.shape[1:]
