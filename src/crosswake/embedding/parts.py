"""The unit of work: a few hundred chips, embedded into one small Parquet file that knows what it
was made from."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crosswake.batches.prepare import ground_metres
from crosswake.data.chips import Chip
from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry
from crosswake.models.base import ChipEmbedder, EmbeddedBatch

FACTS_KEY = b"crosswake"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Some consecutive chips of a listing.

    Attributes:
        index: its place among the parts, from 0.
        entries: the chips.
        fingerprint: changes with the model, its settings, and the name, size, moment of change and
            facts of any chip.
    """

    index: int
    entries: tuple[Entry, ...]
    fingerprint: str


@dataclass
class Clock:
    """Where the time went, in seconds.

    Attributes:
        waiting: for chips to be decoded.
        embedding: in the model.
    """

    waiting: float = 0.0
    embedding: float = 0.0


def cut_parts(entries: Iterable[Entry], size: int, settings: str) -> Iterator[Part]:
    """Consecutive parts of ``size`` chips, the last one smaller.

    Args:
        entries: the chips.
        size: chips in a part.
        settings: what else the embeddings depend on; goes into the fingerprint.
    """
    index, waiting = 0, []
    for entry in entries:
        waiting.append(entry)
        if len(waiting) == size:
            yield make_part(index, waiting, settings)
            index, waiting = index + 1, []
    if waiting:
        yield make_part(index, waiting, settings)


def make_part(index: int, entries: Sequence[Entry], settings: str) -> Part:
    """A part with its fingerprint."""
    digest = hashlib.sha256(settings.encode())
    for entry in entries:
        digest.update(
            f"{entry.id}|{entry.split}|{entry.chip}|{file_state(entry.chip.path)}\n".encode()
        )
    return Part(index=index, entries=tuple(entries), fingerprint=digest.hexdigest()[:32])


def file_state(path: Path) -> tuple[int, int]:
    """Size and moment of change of a file, so that one replaced in the meantime is embedded
    again."""
    try:
        state = path.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


def embed_parts(
    embedder: ChipEmbedder,
    parts: Iterable[Part],
    batch_size: int,
    strict: bool = False,
    progress: Callable[[int], None] = lambda _: None,
    clock: Clock | None = None,
) -> Iterator[tuple[Part, bytes]]:
    """Each part with the content of its file, in order.

    Args:
        embedder: the model.
        parts: drawn from only as far as decoding is ahead.
        batch_size: chips at a time; no batch reaches from one part into the next, so the result
            does not depend on which parts were done before.
        strict: raise at the first unreadable file.
        progress: called with the number of chips of each batch, once it is embedded.
        clock: the time is added to it.

    Raises:
        UnreadableChipError: a chip cannot be read and ``strict`` is set.
    """

    def batches() -> Iterator[tuple[Part | None, Sequence[Chip]]]:
        """Each batch, labelled with its part where it is the last of it."""
        for part in parts:
            chips = [entry.chip for entry in part.entries]
            for start in range(0, len(chips), batch_size):
                yield (
                    part if start + batch_size >= len(chips) else None,
                    chips[start : start + batch_size],
                )

    clock = clock or Clock()
    done: list[EmbeddedBatch] = []
    for finished, batch in embedder.embed_batches(batches(), strict=strict):
        done.append(batch)
        clock.waiting += batch.waited
        clock.embedding += batch.embedding
        progress(len(batch.chips) + len(batch.bad_files))
        if finished is not None:
            yield finished, encode_part(finished, done)
            done = []


def encode_part(part: Part, batches: Sequence[EmbeddedBatch]) -> bytes:
    """The content of a part's file: a row a chip that could be read, and the others by name."""
    bad_files = [bad for batch in batches for bad in batch.bad_files]
    facts = {
        "fingerprint": part.fingerprint,
        "bad_files": [[str(bad.path), bad.reason] for bad in bad_files],
    }
    sink = pa.BufferOutputStream()
    table = embedded_table(part.entries, batches).replace_schema_metadata(metadata(facts))
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def embedded_table(entries: Sequence[Entry], batches: Sequence[EmbeddedBatch]) -> pa.Table:
    """A row for each chip that could be read. The columns are those of the result; see
    ``docs/embedding.md``."""
    unread = {bad.path for batch in batches for bad in batch.bad_files}
    entries = [entry for entry in entries if entry.chip.path not in unread]
    chips = [entry.chip for entry in entries]
    features = np.concatenate([batch.features for batch in batches]).astype(np.float16)
    numbers = pa.array(features.ravel(), pa.float16())
    metres = ground_metres(np.concatenate([batch.size for batch in batches]))
    columns: dict[str, pa.Array] = {
        "id": pa.array([entry.id for entry in entries], pa.string()),
        "path": pa.array([str(chip.path) for chip in chips], pa.string()),
        "embedding": pa.FixedSizeListArray.from_arrays(numbers, features.shape[1]),
        "identity": pa.array([chip.identity or None for chip in chips], pa.string()),
        "modality": pa.array([chip.modality.label for chip in chips], pa.string()),
        "split": pa.array([entry.split or None for entry in entries], pa.string()),
        "width_m": pa.array(metres[:, 0], pa.float32()),
        "height_m": pa.array(metres[:, 1], pa.float32()),
        "time": pa.array([chip.time or None for chip in chips], pa.string()),
        "lon": pa.array([chip.lon for chip in chips], pa.float64()),
        "lat": pa.array([chip.lat for chip in chips], pa.float64()),
    }
    return pa.table(columns)


def metadata(facts: dict[str, Any]) -> dict[bytes, str]:
    """Facts as a file's metadata, by which it is known again as one of ours."""
    return {FACTS_KEY: json.dumps(facts, sort_keys=True)}


def read_facts(path: Path) -> dict[str, Any] | None:
    """What :func:`metadata` put into a file; None if there is no such file or it is not ours."""
    try:
        found = pq.read_schema(path).metadata or {}
        facts = json.loads(found[FACTS_KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    return facts if isinstance(facts, dict) and "fingerprint" in facts else None


def bad_files_of(facts: dict[str, Any]) -> list[BadFile]:
    """The files that a part left out, by the facts in its file."""
    return [BadFile(path=Path(name), reason=reason) for name, reason in facts["bad_files"]]
