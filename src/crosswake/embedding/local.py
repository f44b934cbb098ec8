"""Embeds parts in this process: chips are decoded in threads ahead of the model, across the borders
of parts."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.prepare import ground_metres
from crosswake.batches.store import ChipStore
from crosswake.batches.stream import stream
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry
from crosswake.embedding.parts import Part, encode_part, part_table
from crosswake.models.base import ChipEmbedder


@dataclass
class Clock:
    """Where the time went, in seconds.

    Attributes:
        waiting: for chips to be decoded.
        embedding: in the model.
    """

    waiting: float = 0.0
    embedding: float = 0.0


@dataclass
class Half:
    """What of a part is done so far."""

    entries: list[Entry] = field(default_factory=list)
    embeddings: list[NDArray[np.float32]] = field(default_factory=list)
    metres: list[NDArray[np.float32]] = field(default_factory=list)
    bad_files: list[BadFile] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One batch of a part."""

    part: Part
    start: int
    stop: int

    @property
    def count(self) -> int:
        """Chips in it, readable or not."""
        return min(self.stop, len(self.part.entries)) - self.start

    @property
    def is_last(self) -> bool:
        """Whether it completes the part."""
        return self.stop >= len(self.part.entries)


def embed_parts(
    embedder: ChipEmbedder,
    parts: Iterable[Part],
    batch_size: int,
    strict: bool = False,
    clock: Clock | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Part, bytes]]:
    """Each part with the content of its file, in order.

    Args:
        embedder: the model.
        parts: drawn from only as far as decoding is ahead.
        batch_size: chips at a time; batches do not reach from one part into the next, so the result
            does not hang on which parts were done before.
        strict: raise at the first unreadable file.
        clock: told where the time goes.
        advance: told how many chips each batch had, once it is embedded.

    Raises:
        UnreadableChipError: a chip cannot be read and ``strict`` is set.
    """
    clock = clock or Clock()
    half = Half()
    batches = stream(slices(parts, batch_size), embedder.image_size, embedder.sar_radiometry)
    while True:
        begun = time.monotonic()
        item = next(batches, None)
        decoded = time.monotonic()
        clock.waiting += decoded - begun
        if item is None:
            return
        piece, store = item
        if strict and store.bad_files:
            raise UnreadableChipError(store.bad_files[0].path, store.bad_files[0].reason)
        add(half, piece, store, embedder.embed_store(store, batch_size=batch_size))
        clock.embedding += time.monotonic() - decoded
        advance(piece.count)
        if piece.is_last:
            table = part_table(
                half.entries, np.concatenate(half.embeddings), np.concatenate(half.metres)
            )
            yield piece.part, encode_part(piece.part, table, half.bad_files)
            half = Half()


def slices(parts: Iterable[Part], batch_size: int) -> Iterator[tuple[Slice, Sequence[Chip]]]:
    """The batches of every part, as :func:`stream` takes them."""
    for part in parts:
        for start in range(0, len(part.entries), batch_size):
            piece = Slice(part=part, start=start, stop=start + batch_size)
            yield piece, [entry.chip for entry in part.entries[piece.start : piece.stop]]


def add(half: Half, piece: Slice, store: ChipStore, embeddings: NDArray[np.float32]) -> None:
    """Put a batch to what is done of its part."""
    unread = {bad.path for bad in store.bad_files}
    half.entries += [
        entry
        for entry in piece.part.entries[piece.start : piece.stop]
        if entry.chip.path not in unread
    ]
    half.embeddings.append(embeddings)
    half.metres.append(ground_metres(store.size.numpy()))
    half.bad_files += store.bad_files
