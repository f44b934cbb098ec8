"""Chips decoded once, in parallel, and kept as 8-bit pictures of the model's size."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count

import numpy as np
import torch
from torch import Tensor

from crosswake.batches.prepare import Interpolation, modality_tensor, prepare_chip
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.pixels import Pixels
from crosswake.data.radiometry import SarRadiometry
from crosswake.data.reid import BadFile

Prepared = tuple[Pixels, tuple[float, float, float]]


@dataclass(frozen=True, kw_only=True)
class ChipStore:
    """Decoded chips, index by index.

    Attributes:
        chips: what each row is.
        pictures: (chips, 3, height, width) uint8.
        modality: (chips,) int64, 0 optical and 1 SAR.
        size: (chips, 3) float32, size features.
        bad_files: chips that could not be decoded and are not among the rows.
    """

    chips: tuple[Chip, ...]
    pictures: Tensor
    modality: Tensor
    size: Tensor
    bad_files: tuple[BadFile, ...] = ()

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
    """Decode chips with all cores; the rows keep the chips' order.

    Raises:
        UnreadableChipError: a chip cannot be read and ``strict`` is set.
        CrosswakeError: no chip can be read.
    """
    pictures = np.empty((len(chips), 3, *image_size), np.uint8)
    sizes = np.empty((len(chips), 3), np.float32)
    good: list[Chip] = []
    bad: list[BadFile] = []
    with Progress(len(chips), "decode", quiet=quiet) as progress:
        for index, result in enumerate(decode_each(chips, image_size, sar, interpolation)):
            if isinstance(result, UnreadableChipError):
                if strict:
                    raise result
                bad.append(BadFile(path=result.path, reason=result.reason))
            else:
                pictures[len(good)], sizes[len(good)] = result
                good.append(chips[index])
            progress.advance()
    if chips and not good:
        raise CrosswakeError(
            f"none of {counted(len(chips), 'chip')} can be read; the first: {bad[0].path}: "
            f"{bad[0].reason}"
        )
    return ChipStore(
        chips=tuple(good),
        pictures=torch.from_numpy(pictures[: len(good)]),
        modality=modality_tensor(good),
        size=torch.from_numpy(sizes[: len(good)]),
        bad_files=tuple(bad),
    )


def decode_each(
    chips: Sequence[Chip],
    image_size: tuple[int, int],
    sar: SarRadiometry,
    interpolation: Interpolation,
) -> Iterator[Prepared | UnreadableChipError]:
    """Each chip decoded, or why it could not be, in order."""

    def attempt(chip: Chip) -> Prepared | UnreadableChipError:
        try:
            return prepare_chip(chip, image_size, sar, interpolation)
        except UnreadableChipError as error:
            return error

    with ThreadPoolExecutor(max_workers=cpu_count()) as pool:
        yield from pool.map(attempt, chips)
