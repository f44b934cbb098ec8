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
from numpy.typing import NDArray

from crosswake.batches.prepare import ground_metres
from crosswake.core.provenance import ORIGIN_KEY
from crosswake.core.said import say_once
from crosswake.data.archives import on_disk
from crosswake.data.check.facts import chip_findings, facts_of
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.pixels import Pixels
from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry
from crosswake.models.base import ChipEmbedder, EmbeddedBatch

FACTS_KEY = b"crosswake"
UNIT_TOLERANCE = 0.01
NO_EMBEDDING = (
    "its embedding is no vector of length 1 (not a number, or 0); check its size in metres, and "
    "the weights"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Some consecutive chips of a listing.

    Attributes:
        index: its place among the parts, from 0.
        entries: the chips.
        origin: what the embeddings depend on besides, as :func:`origin_text` gives it.
        chips: a hash that changes with the name, size, moment of change and facts of any chip.
    """

    index: int
    entries: tuple[Entry, ...]
    origin: str
    chips: str

    @property
    def fingerprint(self) -> str:
        """Changes with the origin and with the chips."""
        return hashlib.sha256(f"{self.origin}{self.chips}".encode()).hexdigest()[:32]


@dataclass
class Clock:
    """Where the time went, in seconds.

    Attributes:
        waiting: for chips to be decoded.
        embedding: in the model.
    """

    waiting: float = 0.0
    embedding: float = 0.0


def cut_parts(entries: Iterable[Entry], size: int, origin: str) -> Iterator[Part]:
    """Consecutive parts of ``size`` chips, the last one smaller.

    Args:
        entries: the chips.
        size: chips in a part.
        origin: what else the embeddings depend on; goes into the fingerprint.
    """
    index, waiting = 0, []
    for entry in entries:
        waiting.append(entry)
        if len(waiting) == size:
            yield make_part(index, waiting, origin)
            index, waiting = index + 1, []
    if waiting:
        yield make_part(index, waiting, origin)


def make_part(index: int, entries: Sequence[Entry], origin: str) -> Part:
    """A part with the hash of its chips."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(
            f"{entry.id}|{entry.split}|{entry.chip}|{file_state(entry.chip.path)}\n".encode(
                errors="surrogateescape"  # names need not be UTF-8
            )
        )
    chips = digest.hexdigest()[:32]
    return Part(index=index, entries=tuple(entries), origin=origin, chips=chips)


def file_state(path: Path) -> tuple[int, int]:
    """Size and moment of change of a file, so that one replaced in the meantime is embedded
    again."""
    try:
        state = on_disk(path).stat()
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
    for finished, batch in embedder.embed_batches(batches(), look=report_and_locate, strict=strict):
        done.append(batch)
        clock.waiting += batch.waited
        clock.embedding += batch.embedding
        progress(len(batch.chips) + len(batch.bad_files))
        if finished is not None:
            yield finished, encode_part(finished, done, strict)
            done = []


def report_and_locate(chip: Chip, pixels: Pixels) -> tuple[float | None, float | None]:
    """Print what is wrong with a chip, once for each kind; its longitude and latitude, by the table
    or the file."""
    for finding in chip_findings(chip, facts_of(chip, pixels)):
        if finding.level != "note":
            say_once(finding.kind, f"; the first: {chip.path}; data check lists all")
    return chip.lon, chip.lat


def encode_part(part: Part, batches: Sequence[EmbeddedBatch], strict: bool) -> bytes:
    """The content of a part's file: one row for each chip that was embedded; the others are listed
    by name in its metadata.

    Raises:
        UnreadableChipError: an embedding is no unit vector and ``strict`` is set.
    """
    bad_files = [bad for batch in batches for bad in batch.bad_files]
    read = {chip for batch in batches for chip in batch.chips}
    entries = [entry for entry in part.entries if entry.chip in read]
    features = np.concatenate([batch.features for batch in batches])
    places = [place for batch in batches for place in batch.seen]
    metres = ground_metres(np.concatenate([batch.size for batch in batches]))
    good = np.abs(np.linalg.norm(features.astype(np.float64), axis=1) - 1) < UNIT_TOLERANCE
    for place in np.flatnonzero(~good):  # also where the length is not a number
        bad = BadFile(path=entries[place].chip.path, reason=NO_EMBEDDING)
        if strict:
            raise UnreadableChipError(bad.path, bad.reason)
        bad_files.append(bad)
    columns = columns_of(
        [entry for entry, keep in zip(entries, good, strict=True) if keep],
        [place for place, keep in zip(places, good, strict=True) if keep],
        features[good].astype(np.float16),
        metres[good],
    )
    facts = {
        "fingerprint": part.fingerprint,
        "bad_files": [[str(bad.path), bad.reason] for bad in bad_files],
    }
    sink = pa.BufferOutputStream()
    table = pa.table(columns, metadata=metadata(facts, part.origin))
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def columns_of(
    entries: Sequence[Entry],
    places: Sequence[tuple[float | None, float | None]],
    features: NDArray[np.float16],
    metres: NDArray[np.float32],
) -> dict[str, pa.Array]:
    """The columns of the result, described in ``docs/embedding.md``.

    Args:
        entries: the chips.
        places: longitude and latitude of each.
        features: (chips, width).
        metres: (chips, 2), width and height on the ground.
    """
    chips = [entry.chip for entry in entries]
    numbers = pa.array(features.ravel(), pa.float16())
    return {
        "id": pa.array([entry.id for entry in entries], pa.string()),
        "path": pa.array([str(chip.path) for chip in chips], pa.string()),
        "embedding": pa.FixedSizeListArray.from_arrays(numbers, features.shape[1]),
        "identity": pa.array([chip.identity or None for chip in chips], pa.string()),
        "modality": pa.array([chip.modality.label for chip in chips], pa.string()),
        "split": pa.array([entry.split or None for entry in entries], pa.string()),
        "width_m": pa.array(metres[:, 0], pa.float32()),
        "height_m": pa.array(metres[:, 1], pa.float32()),
        "time": pa.array([chip.time or None for chip in chips], pa.string()),
        "lon": pa.array([lon for lon, _ in places], pa.float64()),
        "lat": pa.array([lat for _, lat in places], pa.float64()),
        "ship_type": pa.array([chip.ship_type or None for chip in chips], pa.string()),
        "ship_length_m": pa.array([chip.ship_length_m for chip in chips], pa.float32()),
        "ship_width_m": pa.array([chip.ship_width_m for chip in chips], pa.float32()),
    }


def metadata(facts: dict[str, Any], origin: str) -> dict[bytes, str]:
    """Facts and origin as a file's metadata, by which it is known again as one of ours."""
    return {FACTS_KEY: json.dumps(facts, sort_keys=True), ORIGIN_KEY.encode(): origin}


def read_facts(path: Path) -> dict[str, Any] | None:
    """What :func:`metadata` put into a file; None if there is no such file or it is not ours."""
    if not path.is_file():  # a pipe would make the reader wait
        return None
    try:
        found = pq.read_schema(path).metadata or {}
        facts = json.loads(found[FACTS_KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    return facts if isinstance(facts, dict) and "fingerprint" in facts else None


def is_intact(path: Path) -> bool:
    """Whether all of a Parquet file can be read and has the checksums that it was written with."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group)
    except (OSError, pa.ArrowException):
        return False
    return True


def bad_files_of(facts: dict[str, Any]) -> list[BadFile]:
    """The files that a part left out, by the facts in its file."""
    return [BadFile(path=Path(name), reason=reason) for name, reason in facts["bad_files"]]
