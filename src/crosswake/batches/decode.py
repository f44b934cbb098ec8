"""The one decoder: files are read in threads, ahead of whoever uses them, and come out in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import cpu_count
from typing import TypeVar

from crosswake.data.chips import UnreadableChipError
from crosswake.data.reid import BadFile

Label = TypeVar("Label")
Readable = TypeVar("Readable")
Result = TypeVar("Result")
AHEAD = 4
"""Batches that are decoded, or being decoded, beyond the one in use."""


def decode_ahead(
    batches: Iterable[tuple[Label, Sequence[Readable]]],
    read: Callable[[Readable], Result],
    ahead: int = AHEAD,
) -> Generator[tuple[Label, list[tuple[Readable, Result | BadFile]]], None, None]:
    """Decode batches of items with all cores while the caller works on the batch before.

    Threads, not processes: reading, scaling and resizing release Python's lock, and pixels need
    not travel between processes. The memory holds ``ahead`` + 1 batches at most.

    Args:
        batches: a label that comes back with its batch, and items: chips, or pairs. They are drawn
            from only as far as decoding is ahead.
        read: turns one item into what is wanted of it, and raises UnreadableChipError where it
            cannot; called in threads, once an item.
        ahead: how many batches to be ahead.

    Yields:
        the label, and each item with its result, or with the file and the reason why there is none.

    Raises:
        whatever else ``read`` raises: only files may be bad.
    """

    def attempt(item: Readable) -> tuple[Readable, Result | BadFile]:
        try:
            return item, read(item)
        except UnreadableChipError as error:
            return item, BadFile(path=error.path, reason=error.reason)

    with decoding_threads() as pool:
        waiting: deque[tuple[Label, Iterator[tuple[Readable, Result | BadFile]]]] = deque()
        for label, items in batches:
            waiting.append((label, pool.map(attempt, items)))
            if len(waiting) > ahead:
                first, results = waiting.popleft()
                yield first, list(results)
        for label, results in waiting:
            yield label, list(results)


@contextmanager
def decoding_threads() -> Iterator[ThreadPoolExecutor]:
    """One thread a core; what has not begun is dropped at the end, so that a stop is quick."""
    pool = ThreadPoolExecutor(max_workers=cpu_count(), thread_name_prefix="decode")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_batches(items: Sequence[Readable], size: int) -> Iterator[tuple[None, Sequence[Readable]]]:
    """Items in batches of ``size`` without labels, as :func:`decode_ahead` takes them."""
    for start in range(0, len(items), size):
        yield None, items[start : start + size]


def raise_first(bad_files: Sequence[BadFile]) -> None:
    """Stop a strict job at its first bad file.

    Raises:
        UnreadableChipError: there is one.
    """
    for bad in bad_files:
        raise UnreadableChipError(bad.path, bad.reason)
