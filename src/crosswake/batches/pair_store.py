"""Pairs decoded once, in parallel, into one file of 8-bit pixels that is mapped into memory.

A set of 300,000 pairs neither fills the memory nor is decoded twice: the system keeps of the file what it has room for,
and a later run on the same pairs finds it as it is.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crosswake.batches.pair_index import read_index, write_index
from crosswake.batches.prepare import FILTERS
from crosswake.chips import Modality, Pixels, UnreadableChipError
from crosswake.datasets.pairs.pixels import read_pair
from crosswake.datasets.pairs.table import Pair, Pairs
from crosswake.datasets.reid import BadFile
from crosswake.errors import CrosswakeError
from crosswake.progress import Progress
from crosswake.radiometry import SarRadiometry, to_uint8
from crosswake.windows import Box
from crosswake.wording import counted
from crosswake.writing import part_of, remove_dead_parts

BANDS = 4
"""Red, green, blue, SAR."""
VERSION = 2
"""Part of a store's name: grows when pairs are decoded in another way, so that older stores are not taken."""
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
        place: (pairs,) int64, equal for pairs of the same place.
        scene: (pairs,) int64, equal for pairs of the same scene; a pair of unknown scene has its own.
        bad_files: pairs that could not be decoded and are not among the rows.
    """

    pairs: Pairs
    pixels: NDArray[np.uint8]
    start: NDArray[np.int64]
    shape: NDArray[np.int64]
    place: NDArray[np.int64]
    scene: NDArray[np.int64]
    bad_files: tuple[BadFile, ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def image(self, row: int) -> NDArray[np.uint8]:
        """(4, height, width) of one pair: red, green, blue, SAR."""
        height, width = self.shape[row]
        start = self.start[row]
        return self.pixels[start : start + BANDS * height * width].reshape(BANDS, height, width)

    def windows(self, rows: Sequence[int], optical: Sequence[Box], sar: Sequence[Box]) -> tuple[Tensor, Tensor]:
        """One window of each row's optical and SAR image: twice (rows, 3, height, width) uint8, SAR three times."""
        size = (optical[0].height, optical[0].width)
        pictures = np.empty((2, len(rows), 3, *size), np.uint8)
        for place, (row, one, other) in enumerate(zip(rows, optical, sar, strict=True)):
            image = self.image(row)
            pictures[0, place] = one.of(image[:3])
            pictures[1, place] = other.of(image[3:])
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

    def apply(self, pair: Pair) -> NDArray[np.uint8]:
        """(4, height, width) of one pair.

        Raises:
            UnreadableChipError: a file cannot be read, or is smaller than a window.
        """
        optical, radar = read_pair(pair)
        layers = (to_uint8(optical, Modality.OPTICAL), to_uint8(radar, Modality.SAR, self.sar))
        if self.whole:
            layers = (self.resized(layers[0]), self.resized(layers[1]))
        elif min(np.subtract(radar.shape, self.size)) < 0:
            what = f"{radar.shape[0]} x {radar.shape[1]} pixels hold no window of {self.size[0]} x {self.size[1]}"
            raise UnreadableChipError(pair.optical, f"{what}; set --crops 0 or a smaller --model.image_size")
        return np.concatenate([layers[0].transpose(2, 0, 1), layers[1][None, :, :, 0]])

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
    store = open_store(pairs, how, path, index)
    if strict and store.bad_files:
        raise UnreadableChipError(store.bad_files[0].path, store.bad_files[0].reason)
    return store


def write_store(pairs: Pairs, how: PairDecoding, path: Path, index: Path, *, strict: bool, quiet: bool) -> None:
    """Decode every pair and write pixels and index, the index last."""
    rows: list[list[int]] = []
    bad: list[list[str]] = []
    part = part_of(path)
    remove_dead_parts(path.parent, "pairs-*")
    try:
        with part.open("wb") as file, Progress(len(pairs), "decode", "pairs", quiet) as progress:
            for number, result in enumerate(decode_each(pairs, how)):
                if isinstance(result, UnreadableChipError):
                    if strict:
                        raise result
                    bad.append([str(result.path), result.reason])
                else:
                    rows.append([number, file.tell(), *result.shape[1:]])
                    file.write(result.tobytes())
                progress.advance()
        if not rows:
            raise CrosswakeError(
                f"none of {counted(len(pairs), 'pair')} can be read; the first: {bad[0][0]}: {bad[0][1]}"
            )
        part.replace(path)
        write_index(index, rows, bad)
    finally:
        part.unlink(missing_ok=True)


def open_store(pairs: Pairs, how: PairDecoding, path: Path, index: Path) -> PairStore:
    """Map what :func:`write_store` wrote.

    Raises:
        CrosswakeError: the file or its index is damaged.
    """
    try:
        pixels = np.memmap(path, np.uint8, mode="r")
        found = read_index(index, len(pairs), BANDS, len(pixels))
        if (found.shape < how.size).any() or (how.whole and (found.shape > how.size).any()):
            raise ValueError("its pictures are of another size than wanted")
    except (OSError, ValueError) as error:
        raise CrosswakeError(f"{path}: decoded pairs that cannot be used ({error}); remove it and {index}") from error
    kept = tuple(pairs[row] for row in found.number)
    return PairStore(
        pairs=kept,
        pixels=pixels,
        start=found.start,
        shape=found.shape,
        place=numbered([pair.id for pair in kept]),
        scene=numbered([f"{pair.source}/{pair.scene}" if pair.scene else f"id {pair.id}" for pair in kept]),
        bad_files=found.bad_files,
    )


def numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each name among the sorted distinct ones."""
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)


def decode_each(pairs: Pairs, how: PairDecoding) -> Iterator[NDArray[np.uint8] | UnreadableChipError]:
    """Each pair decoded, or why it could not be, in order; never more than a few in memory."""

    def attempt(pair: Pair) -> NDArray[np.uint8] | UnreadableChipError:
        try:
            image = how.apply(pair)
            refuse_flat(pair, image)
        except UnreadableChipError as error:
            return error
        return image

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(pairs), AT_ONCE):
            yield from pool.map(attempt, pairs[start : start + AT_ONCE])


def refuse_flat(pair: Pair, image: NDArray[np.uint8]) -> None:
    """Raise if the optical or the SAR half of a (4, height, width) image shows nothing: no data, say, or night."""
    for path, half in ((pair.optical, image[:3]), (pair.sar, image[3:])):
        if (half == half[:, :1, :1]).all():
            raise UnreadableChipError(path, "holds one value only; leave it out")
