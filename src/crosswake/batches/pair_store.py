"""Pairs decoded once, in parallel, into one file of pixels that is mapped into memory.

A set of 300,000 pairs neither fills the memory nor is decoded twice: the system keeps of the file what it has room for,
and a later run on the same pairs finds it as it is. Images that windows are cut from keep their own number type, for
a window is scaled to 8 bit by itself, as it is when it is measured.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crosswake.batches.prepare import FILTERS
from crosswake.chips import Modality, Pixels, UnreadableChipError
from crosswake.datasets.pairs.pixels import read_pair
from crosswake.datasets.pairs.table import Pair, Pairs
from crosswake.datasets.reid import BadFile
from crosswake.errors import CrosswakeError
from crosswake.progress import Progress
from crosswake.radiometry import SarRadiometry, scaled, to_uint8
from crosswake.windows import Box

Kinds = tuple[str, str]
"""Number types of the optical and of the SAR half, as NumPy names them."""
EIGHT_BIT: Kinds = ("|u1", "|u1")
STORE_FORMAT = 2
"""Of the file and its index; part of their name, so that those of another format are left alone."""
AT_ONCE = 64
"""Pairs decoded before they are written."""


@dataclass(frozen=True, kw_only=True)
class PairStore:
    """Decoded pairs, row by row.

    Attributes:
        pairs: what each row is.
        pixels: (bytes,) uint8, mapped from a file.
        start: (pairs,) int64, where each pair begins.
        shape: (pairs, 2) int64, height and width of each.
        kinds: the number types of each.
        sar: how SAR of other than 8 bit is scaled.
        place: (pairs,) int64, equal for pairs of the same place.
        scene: (pairs,) int64, equal for pairs of the same scene; a pair of unknown scene has its own.
        bad_files: pairs that could not be decoded and are not among the rows.
    """

    pairs: Pairs
    pixels: NDArray[np.uint8]
    start: NDArray[np.int64]
    shape: NDArray[np.int64]
    kinds: tuple[Kinds, ...]
    sar: SarRadiometry
    place: NDArray[np.int64]
    scene: NDArray[np.int64]
    bad_files: tuple[BadFile, ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def halves(self, row: int) -> tuple[Pixels, Pixels]:
        """The optical (3, height, width) and the SAR image (height, width) of one pair, as they are stored."""
        height, width = self.shape[row].tolist()
        start, pixels = int(self.start[row]), height * width
        optical, sar = (np.dtype(kind) for kind in self.kinds[row])
        middle = start + 3 * pixels * optical.itemsize
        end = middle + pixels * sar.itemsize
        return (
            self.pixels[start:middle].view(optical).reshape(3, height, width),
            self.pixels[middle:end].view(sar).reshape(height, width),
        )

    def windows(self, rows: Sequence[int], optical: Sequence[Box], sar: Sequence[Box]) -> tuple[Tensor, Tensor]:
        """One window of each row's optical and SAR image: twice (rows, 3, height, width) uint8, SAR three times."""
        size = (optical[0].height, optical[0].width)
        pictures = np.empty((2, len(rows), 3, *size), np.uint8)
        for place, (row, one, other) in enumerate(zip(rows, optical, sar, strict=True)):
            colours, radar = self.halves(row)
            pictures[0, place] = scaled(one.of(colours), Modality.OPTICAL)
            pictures[1, place] = scaled(other.of(radar), Modality.SAR, self.sar)
        found = torch.from_numpy(pictures)
        return found[0], found[1]


@dataclass(frozen=True, kw_only=True)
class PairDecoding:
    """How pairs become pixels.

    Attributes:
        size: height and width of the model's input.
        whole: resize each image to ``size``; otherwise keep it as it is, to be cut up later.
        sar: how SAR of other than 8 bit is scaled.
    """

    size: tuple[int, int]
    whole: bool
    sar: SarRadiometry

    def apply(self, pair: Pair) -> tuple[Pixels, Pixels]:
        """The optical (3, height, width) and the SAR half (height, width) of one pair.

        Raises:
            UnreadableChipError: a file cannot be read, or is smaller than a window.
        """
        optical, radar = read_pair(pair)
        if self.whole:
            optical = self.resized(to_uint8(optical, Modality.OPTICAL))
            radar = self.resized(to_uint8(radar, Modality.SAR, self.sar))[..., 0]
        elif min(np.subtract(radar.shape, self.size)) < 0:
            what = f"{radar.shape[0]} x {radar.shape[1]} pixels hold no window of {self.size[0]} x {self.size[1]}"
            raise UnreadableChipError(pair.optical, f"{what}; set --crops 0 or a smaller --model.image_size")
        return optical.transpose(2, 0, 1), radar

    def resized(self, picture: Pixels) -> Pixels:
        """(height, width, 3) uint8 at the model's size."""
        return np.asarray(Image.fromarray(picture).resize(self.size[::-1], FILTERS["bicubic"]))


def decode_pairs(
    pairs: Pairs, how: PairDecoding, path: Path, *, strict: bool = False, quiet: bool = False
) -> PairStore:
    """Decode pairs into ``path``, or open what an earlier run has decoded there.

    Args:
        pairs: what to decode.
        how: how.
        path: file for the pixels, named after pairs and settings; an index of the same name in ``.json`` goes with it.
        strict: stop at the first unreadable pair.
        quiet: show no progress.

    Raises:
        UnreadableChipError: a pair cannot be read and ``strict`` is set.
        CrosswakeError: no pair can be read, or the file cannot be written.
    """
    index = path.with_suffix(".json")
    if not index.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_store(pairs, how, path, index, strict=strict, quiet=quiet)
        except OSError as error:
            raise CrosswakeError(
                f"{path}: cannot be written ({error.strerror}); make room, or name another --cache"
            ) from error
    return open_store(pairs, how.sar, path, index)


def write_store(pairs: Pairs, how: PairDecoding, path: Path, index: Path, *, strict: bool, quiet: bool) -> None:
    """Decode every pair and write pixels and index, the index last."""
    rows: list[list[int]] = []
    kinds: list[Kinds] = []
    bad: list[list[str]] = []
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file, Progress(len(pairs), "decode", "pairs", quiet) as progress:
            for number, result in enumerate(decode_each(pairs, how)):
                if isinstance(result, UnreadableChipError):
                    if strict:
                        raise result
                    bad.append([str(result.path), result.reason])
                else:
                    optical, sar = result
                    rows.append([number, file.tell(), *sar.shape])
                    kinds.append((optical.dtype.str, sar.dtype.str))
                    file.write(optical.tobytes())
                    file.write(sar.tobytes())
                progress.advance()
        if not rows:
            raise CrosswakeError(f"none of {len(pairs)} pairs can be read; the first: {bad[0][0]}: {bad[0][1]}")
        part.replace(path)
        beside = index.with_name(f".{index.name}.{os.getpid()}.part")
        beside.write_text(json.dumps({"rows": rows, "kinds": kinds, "bad": bad}), encoding="utf-8")
        beside.replace(index)
    finally:
        part.unlink(missing_ok=True)


def open_store(pairs: Pairs, sar: SarRadiometry, path: Path, index: Path) -> PairStore:
    """Map what :func:`write_store` wrote.

    Raises:
        CrosswakeError: the file or its index is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
        rows = np.asarray(content["rows"], np.int64)
        pixels = np.memmap(path, np.uint8, mode="r")
        number, start, height, width = rows.T
        kinds = tuple((str(optical), str(radar)) for optical, radar in content["kinds"])
        each = [3 * np.dtype(optical).itemsize + np.dtype(radar).itemsize for optical, radar in kinds]
        if len(pixels) != start[-1] + each[-1] * height[-1] * width[-1]:
            raise ValueError("it has another size than its index says")
        kept = tuple(pairs[row] for row in number)
        bad = tuple(BadFile(path=Path(name), reason=reason) for name, reason in content["bad"])
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise CrosswakeError(f"{path}: decoded pairs that cannot be used ({error}); remove it and {index}") from error
    return PairStore(
        pairs=kept,
        pixels=pixels,
        start=start,
        shape=rows[:, 2:],
        kinds=kinds,
        sar=sar,
        place=numbered([pair.id for pair in kept]),
        scene=numbered([f"{pair.source}/{pair.scene}" if pair.scene else f"id {pair.id}" for pair in kept]),
        bad_files=bad,
    )


def numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each name among the sorted distinct ones."""
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)


def decode_each(pairs: Pairs, how: PairDecoding) -> Iterator[tuple[Pixels, Pixels] | UnreadableChipError]:
    """Each pair decoded, or why it could not be, in order; never more than a few in memory."""

    def attempt(pair: Pair) -> tuple[Pixels, Pixels] | UnreadableChipError:
        try:
            return how.apply(pair)
        except UnreadableChipError as error:
            return error

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(pairs), AT_ONCE):
            yield from pool.map(attempt, pairs[start : start + AT_ONCE])
