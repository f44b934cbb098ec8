"""Pairs decoded once, in parallel, into one file of pixels that is mapped into memory.

A set of 300,000 pairs neither fills the memory nor is decoded twice: the system keeps of the file
what it has room for, and a later run on the same pairs finds it as it is. Images that windows are
cut from keep their own range, for a window is scaled to 8 bit by itself, as it is when it is
measured."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosswake.batches.pair_decoding import PairDecoding, decode_each
from crosswake.batches.pair_index import read_index, write_index
from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import part_of, remove_dead_parts
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.pairs import Pairs
from crosswake.data.pixels import Pixels
from crosswake.data.radiometry import SarRadiometry, scaled
from crosswake.data.reid import BadFile

VERSION = 4
"""Part of a store's name: grows when pairs are decoded in another way, so that older stores are not
taken."""
KINDS: dict[int, Any] = {1: np.uint8, 4: np.float32}
"""Number type by bytes of a value."""


@dataclass(frozen=True, kw_only=True)
class PairStore:
    """Decoded pairs, row by row.

    Attributes:
        pairs: what each row is.
        pixels: (bytes,) uint8, mapped from a file.
        start: (pairs,) int64, where each pair begins.
        shape: (pairs, 2) int64, height and width of each.
        depth: (pairs, 2) int64, bytes of an optical and of a SAR value: 1 for uint8, 4 for float32.
        sar: how SAR of other than 8 bit is scaled.
        place: (pairs,) int64, equal for pairs of the same place.
        scene: (pairs,) int64, equal for pairs of the same scene; a pair of unknown scene has its
            own.
        digest: changes with any pixel, and with the pairs that could be decoded.
        bad_files: pairs that could not be decoded and are not among the rows.
    """

    pairs: Pairs
    pixels: NDArray[np.uint8]
    start: NDArray[np.int64]
    shape: NDArray[np.int64]
    depth: NDArray[np.int64]
    sar: SarRadiometry
    place: NDArray[np.int64]
    scene: NDArray[np.int64]
    digest: str
    bad_files: tuple[BadFile, ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def halves(self, row: int) -> tuple[Pixels, Pixels]:
        """The optical (3, height, width) and the SAR image (height, width) of one pair, as they are
        stored."""
        height, width = self.shape[row].tolist()
        optical, sar = self.depth[row].tolist()
        start = int(self.start[row])
        middle = start + 3 * optical * height * width
        end = middle + sar * height * width
        return (
            self.pixels[start:middle].view(KINDS[optical]).reshape(3, height, width),
            self.pixels[middle:end].view(KINDS[sar]).reshape(height, width),
        )

    def windows(
        self, rows: Sequence[int], optical: Sequence[Box], sar: Sequence[Box]
    ) -> tuple[Tensor, Tensor]:
        """One window of each row's optical and SAR image: twice (rows, 3, height, width) uint8, SAR
        three times."""
        size = (optical[0].height, optical[0].width)
        pictures = np.empty((2, len(rows), 3, *size), np.uint8)
        for place, (row, one, other) in enumerate(zip(rows, optical, sar, strict=True)):
            colours, radar = self.halves(row)
            pictures[0, place] = scaled(one.of(colours), Modality.OPTICAL)
            pictures[1, place] = scaled(other.of(radar), Modality.SAR, self.sar)
        found = torch.from_numpy(pictures)
        return found[0], found[1]


def decode_pairs(
    pairs: Pairs, how: PairDecoding, path: Path, *, strict: bool = False, quiet: bool = False
) -> PairStore:
    """Decode pairs into ``path``, or open what an earlier run has decoded there.

    Args:
        pairs: what to decode.
        how: how.
        path: file for the pixels, named after pairs and settings; an index of the same name in
            ``.json`` goes with it.
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


def write_store(
    pairs: Pairs, how: PairDecoding, path: Path, index: Path, *, strict: bool, quiet: bool
) -> None:
    """Decode every pair and write pixels and index, the index last."""
    rows: list[list[int]] = []
    bad: list[list[str]] = []
    digest = hashlib.sha256()
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
                    rows.append(
                        [number, file.tell(), *result[1].shape, *(half.itemsize for half in result)]
                    )
                    for half in result:
                        content = half.tobytes()
                        file.write(content)
                        digest.update(content)
                progress.advance()
        if not rows:
            raise CrosswakeError(
                f"none of {counted(len(pairs), 'pair')} can be read; the first: {bad[0][0]}: "
                f"{bad[0][1]}"
            )
        part.replace(path)
        write_index(index, rows, digest.hexdigest(), bad)
    finally:
        part.unlink(missing_ok=True)


def open_store(pairs: Pairs, how: PairDecoding, path: Path, index: Path) -> PairStore:
    """Map what :func:`write_store` wrote.

    Raises:
        CrosswakeError: the file or its index is damaged.
    """
    try:
        pixels = np.memmap(path, np.uint8, mode="r")
        found = read_index(index, len(pairs), len(pixels))
        if (found.shape < how.size).any() or (how.whole and (found.shape > how.size).any()):
            raise ValueError("its pictures are of another size than wanted")
    except (OSError, ValueError) as error:
        raise CrosswakeError(
            f"{path}: decoded pairs that cannot be used ({error}); remove it and {index}"
        ) from error
    kept = tuple(pairs[row] for row in found.number)
    return PairStore(
        pairs=kept,
        pixels=pixels,
        start=found.start,
        shape=found.shape,
        depth=found.depth,
        sar=how.sar,
        place=numbered([pair.id for pair in kept]),
        scene=numbered(
            [f"{pair.source}/{pair.scene}" if pair.scene else f"id {pair.id}" for pair in kept]
        ),
        digest=found.digest,
        bad_files=found.bad_files,
    )


def numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each name among the sorted distinct ones."""
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)
