"""The unit of work: a few hundred chips, which become one small Parquet file that knows what it was
made from."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry

METADATA_KEY = b"crosswake"


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


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What a part's file says of itself."""

    fingerprint: str
    bad_files: tuple[BadFile, ...]


def cut_parts(entries: Iterable[Entry], size: int, settings: str) -> Iterator[Part]:
    """Consecutive parts of ``size`` chips, the last one smaller.

    Args:
        entries: the chips.
        size: chips in a part.
        settings: what else the embeddings hang on; goes into the fingerprint.
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


def schema(width: int) -> pa.Schema:
    """The columns of the result; see ``docs/embedding.md``."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("path", pa.string()),
            ("embedding", pa.list_(pa.float16(), width)),
            ("identity", pa.string()),
            ("modality", pa.string()),
            ("split", pa.string()),
            ("width_m", pa.float32()),
            ("height_m", pa.float32()),
            ("time", pa.string()),
            ("lon", pa.float64()),
            ("lat", pa.float64()),
        ]
    )


def part_table(
    entries: Sequence[Entry], embeddings: NDArray[np.float32], metres: NDArray[np.float32]
) -> pa.Table:
    """One row a chip.

    Args:
        entries: the chips that could be read.
        embeddings: (chips, width).
        metres: (chips, 2), width and height of each on the ground.
    """
    width = embeddings.shape[1]
    numbers = pa.array(embeddings.astype(np.float16).ravel(), pa.float16())
    chips = [entry.chip for entry in entries]
    columns = {
        "id": [entry.id for entry in entries],
        "path": [str(chip.path) for chip in chips],
        "embedding": pa.FixedSizeListArray.from_arrays(numbers, width),
        "identity": [chip.identity or None for chip in chips],
        "modality": [chip.modality.label for chip in chips],
        "split": [entry.split or None for entry in entries],
        "width_m": pa.array(metres[:, 0], pa.float32()),
        "height_m": pa.array(metres[:, 1], pa.float32()),
        "time": [chip.time or None for chip in chips],
        "lon": [chip.lon for chip in chips],
        "lat": [chip.lat for chip in chips],
    }
    return pa.table(columns, schema=schema(width))


def encode_part(part: Part, table: pa.Table, bad_files: Sequence[BadFile]) -> bytes:
    """The content of a part's file."""
    facts = {
        "fingerprint": part.fingerprint,
        "bad_files": [[str(bad.path), bad.reason] for bad in bad_files],
    }
    sink = pa.BufferOutputStream()
    pq.write_table(with_facts(table, facts), sink, compression="zstd")
    return bytes(sink.getvalue())


def with_facts(table: pa.Table, facts: dict[str, Any]) -> pa.Table:
    """The table with facts in its file's metadata."""
    return table.replace_schema_metadata({METADATA_KEY: json.dumps(facts, sort_keys=True)})


def read_facts(path: Path) -> dict[str, Any] | None:
    """What :func:`with_facts` put into a file; None if there is no such file or it is not one of
    ours."""
    try:
        found = pq.read_schema(path).metadata or {}
        facts = json.loads(found[METADATA_KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    return facts if isinstance(facts, dict) else None


def read_finished(path: Path) -> Finished | None:
    """What is known of a part from its file; None if it has not been written."""
    facts = read_facts(path)
    if facts is None:
        return None
    bad = tuple(BadFile(path=Path(name), reason=reason) for name, reason in facts["bad_files"])
    return Finished(fingerprint=facts["fingerprint"], bad_files=bad)
