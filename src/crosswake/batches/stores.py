"""Decoded chips and pairs in memory, row by row, as training and embedding take them."""

import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosswake.batches.decode import Label, decode_ahead, in_batches, raise_first
from crosswake.batches.prepare import ChipDecoding, Interpolation, PreparedChip, modality_tensor
from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.data.check.facts import facts_of
from crosswake.data.chips import Chip, Modality
from crosswake.data.pairs import Pairs
from crosswake.data.pixels import Pixels
from crosswake.data.radiometry import SarRadiometry, scaled
from crosswake.data.reid import BadFile, Chips

CHIPS_AT_ONCE = 64
VALUE_TYPES: dict[int, Any] = {1: np.uint8, 4: np.float32}
"""Number type of a stored pair by the bytes of one value."""


@dataclass(frozen=True, kw_only=True)
class ChipStore:
    """Decoded chips, index by index.

    Attributes:
        chips: what each row is.
        pictures: (chips, 3, height, width) uint8.
        modality: (chips,) int64, 0 optical and 1 SAR.
        size: (chips, 3) float32, size features.
        bad_files: chips that could not be decoded and are not among the rows.
        seen: what :attr:`ChipDecoding.look` returned for each row.
    """

    chips: Chips
    pictures: Tensor
    modality: Tensor
    size: Tensor
    bad_files: tuple[BadFile, ...] = ()
    seen: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.chips)

    def digest(self) -> str:
        """Changes with any pixel, and with the chips that could be decoded."""
        return hashlib.sha256(np.ascontiguousarray(self.pictures.numpy()).data).hexdigest()

    def take(self, index: Tensor) -> Tensor:
        """(rows, 3, height, width) uint8 of some rows, in memory of their own.

        By NumPy, which copies a chip at a time where PyTorch indexes pixel by pixel: twenty times
        the rate."""
        return torch.from_numpy(self.pictures.numpy()[index.numpy()])

    def rows(self, part: slice) -> "ChipStore":
        """Some of the rows, without the bad files."""
        return ChipStore(
            chips=self.chips[part],
            pictures=self.pictures[part],
            modality=self.modality[part],
            size=self.size[part],
            seen=self.seen[part],
        )


def decode(
    chips: Sequence[Chip],
    image_size: tuple[int, int],
    *,
    sar: SarRadiometry = "max",
    interpolation: Interpolation = "bilinear",
    strict: bool = False,
    quiet: bool = False,
) -> ChipStore:
    """Decode chips with all cores into one store; the rows have the chips' order, and ``seen`` has
    the facts of each.

    Raises:
        UnreadableChipError: a chip cannot be read and ``strict`` is set.
        CrosswakeError: no chip can be read.
    """
    how = ChipDecoding(size=image_size, sar=sar, interpolation=interpolation, look=facts_of)

    def results() -> Iterator[tuple[Chip, PreparedChip | BadFile]]:
        with Progress(len(chips), "decode", quiet=quiet) as progress:
            for _, batch in decode_ahead(in_batches(chips, CHIPS_AT_ONCE), how.read):
                yield from batch
                progress.advance(len(batch))

    store = gather(results(), len(chips), image_size, strict)
    if chips and not store:
        first = store.bad_files[0]
        raise CrosswakeError(
            f"none of {counted(len(chips), 'chip')} can be read; the first: {first.path}: "
            f"{first.reason}"
        )
    return store


def stream(
    batches: Iterable[tuple[Label, Sequence[Chip]]],
    how: ChipDecoding,
    strict: bool = False,
) -> Generator[tuple[Label, ChipStore], None, None]:
    """Each batch of chips as a store, by :func:`crosswake.batches.decode.decode_ahead`.

    Yields:
        label and chips; those that cannot be read are in ``bad_files``, so a batch may have no rows
        at all.

    Raises:
        UnreadableChipError: a chip cannot be read and ``strict`` is set.
    """
    for label, results in decode_ahead(batches, how.read):
        yield label, gather(results, len(results), how.size, strict)


def gather(
    results: Iterable[tuple[Chip, PreparedChip | BadFile]],
    count: int,
    image_size: tuple[int, int],
    strict: bool,
) -> ChipStore:
    """Put those of ``count`` chips that could be read side by side."""
    pictures = np.empty((count, 3, *image_size), np.uint8)
    sizes = np.empty((count, 3), np.float32)
    good: list[Chip] = []
    seen: list[Any] = []
    bad: list[BadFile] = []
    for chip, result in results:
        if isinstance(result, BadFile):
            bad.append(result)
            if strict:
                raise_first(bad)
        else:
            pictures[len(good)], sizes[len(good)], look = result
            good.append(chip)
            seen.append(look)
    return ChipStore(
        chips=tuple(good),
        pictures=torch.from_numpy(pictures[: len(good)]),
        modality=modality_tensor(good),
        size=torch.from_numpy(sizes[: len(good)]),
        bad_files=tuple(bad),
        seen=tuple(seen),
    )


@dataclass(frozen=True, kw_only=True)
class PairStore:
    """Decoded pairs, row by row; see :mod:`crosswake.batches.pair_file`.

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

    def images(self, row: int) -> tuple[Pixels, Pixels]:
        """The optical (3, height, width) and the SAR image (height, width) of one pair, as they are
        stored."""
        height, width = self.shape[row].tolist()
        optical, sar = self.depth[row].tolist()
        start = int(self.start[row])
        middle = start + 3 * optical * height * width
        end = middle + sar * height * width
        return (
            self.pixels[start:middle].view(VALUE_TYPES[optical]).reshape(3, height, width),
            self.pixels[middle:end].view(VALUE_TYPES[sar]).reshape(height, width),
        )

    def windows(
        self, rows: Sequence[int], optical: Sequence[Box], sar: Sequence[Box]
    ) -> tuple[Tensor, Tensor]:
        """One window of each row's optical and SAR image: twice (rows, 3, height, width) uint8, SAR
        three times."""
        size = (optical[0].height, optical[0].width)
        pictures = np.empty((2, len(rows), 3, *size), np.uint8)
        for place, (row, one, other) in enumerate(zip(rows, optical, sar, strict=True)):
            colours, radar = self.images(row)
            pictures[0, place] = scaled(one.of(colours), Modality.OPTICAL)
            pictures[1, place] = scaled(other.of(radar), Modality.SAR, self.sar)
        found = torch.from_numpy(pictures)
        return found[0], found[1]
