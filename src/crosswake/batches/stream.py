"""Batches decoded in threads ahead of whoever uses them, so that a model need not wait for
files."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from os import cpu_count
from typing import TypeVar

import numpy as np
import torch

from crosswake.batches.prepare import modality_tensor, prepare_chip
from crosswake.batches.store import ChipStore, Prepared
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.radiometry import SarRadiometry
from crosswake.data.reid import BadFile

Label = TypeVar("Label")
AHEAD = 4
"""Batches that are decoded, or being decoded, beyond the one in use; this bounds the memory."""


def stream(
    batches: Iterable[tuple[Label, Sequence[Chip]]],
    image_size: tuple[int, int],
    sar: SarRadiometry = "max",
    ahead: int = AHEAD,
) -> Generator[tuple[Label, ChipStore], None, None]:
    """Each batch decoded with all cores, in order, while the ``ahead`` batches after it are being
    decoded.

    Args:
        batches: a label that comes back with the batch, and its chips; drawn from only as far as
            needed.
        image_size: height and width in pixels.
        sar: how SAR chips of other than 8 bit are scaled.
        ahead: how many batches to be ahead.

    Yields:
        label and chips; those that cannot be read are in ``bad_files``, so a batch may have no rows
        at all.
    """

    def attempt(chip: Chip) -> Prepared | UnreadableChipError:
        try:
            return prepare_chip(chip, image_size, sar)
        except UnreadableChipError as error:
            return error

    waiting: deque[tuple[Label, Sequence[Chip], list[Future[Prepared | UnreadableChipError]]]] = (
        deque()
    )
    pool = ThreadPoolExecutor(max_workers=cpu_count(), thread_name_prefix="decode")
    try:
        for label, chips in batches:
            waiting.append((label, chips, [pool.submit(attempt, chip) for chip in chips]))
            if len(waiting) > ahead:
                yield gather(*waiting.popleft(), image_size)
        while waiting:
            yield gather(*waiting.popleft(), image_size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def gather(
    label: Label,
    chips: Sequence[Chip],
    futures: Sequence[Future[Prepared | UnreadableChipError]],
    image_size: tuple[int, int],
) -> tuple[Label, ChipStore]:
    """Wait for the chips of one batch and put those that could be read side by side."""
    pictures = np.empty((len(chips), 3, *image_size), np.uint8)
    sizes = np.empty((len(chips), 3), np.float32)
    good: list[Chip] = []
    bad: list[BadFile] = []
    for chip, future in zip(chips, futures, strict=True):
        result = future.result()
        if isinstance(result, UnreadableChipError):
            bad.append(BadFile(path=result.path, reason=result.reason))
        else:
            pictures[len(good)], sizes[len(good)] = result
            good.append(chip)
    store = ChipStore(
        chips=tuple(good),
        pictures=torch.from_numpy(pictures[: len(good)]),
        modality=modality_tensor(good),
        size=torch.from_numpy(sizes[: len(good)]),
        bad_files=tuple(bad),
    )
    return label, store


def cut(chips: Sequence[Chip], size: int) -> Iterator[tuple[None, Sequence[Chip]]]:
    """Chips in batches of ``size`` without labels, as :func:`stream` takes them."""
    for start in range(0, len(chips), size):
        yield None, chips[start : start + size]
