"""Pairs decoded once into a file of pixels that is mapped into memory, with an index beside it.

A set of 300,000 pairs neither fills the memory nor is decoded twice: the system holds of the file
what it has room for, and a later run on the same pairs finds it as it is. Images that windows are
cut from are stored in their own range, for a window is scaled to 8 bit by itself, as it is when it
is measured."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.batches.decode import decode_ahead, in_batches, raise_first
from crosswake.batches.prepare import PairDecoding
from crosswake.batches.stores import VALUE_TYPES, PairStore
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import remove_dead_parts, replacing
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.data.pairs import Pairs
from crosswake.data.reid import BadFile

VERSION = 5
"""Part of a store's name. It grows when pairs are decoded in another way, so that older stores are
not taken."""
PAIRS_AT_ONCE = 12
"""Pairs in a batch of the decoder, which holds a few batches; images may be large scenes."""
REMEDY = "make room, or name another --cache"


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
        CrosswakeError: no pair can be read, or the file cannot be written or used.
    """
    index = path.with_suffix(".json")
    if not index.is_file():
        rows = write_pixels(pairs, how, path, strict=strict, quiet=quiet)
        with replacing(index, remedy=REMEDY) as temporary:  # last: it says that all is there
            temporary.write_text(json.dumps(rows), encoding="utf-8")
    store = open_store(pairs, how, path, index)
    if strict:
        raise_first(store.bad_files)
    return store


def write_pixels(
    pairs: Pairs, how: PairDecoding, path: Path, *, strict: bool, quiet: bool
) -> dict[str, Any]:
    """Decode every pair into ``path``.

    Returns:
        the index: ``rows`` of number, start, height, width and bytes of an optical and of a SAR
        value; the pixels' ``digest``; ``bad``, path and reason of each bad file.
    """
    rows: list[list[int]] = []
    bad: list[BadFile] = []
    digest = hashlib.sha256()
    with replacing(path, remedy=REMEDY) as temporary, temporary.open("wb") as file:
        remove_dead_parts(path.parent, "pairs-*")
        for number, result in enumerate(decoded_pairs(pairs, how, quiet)):
            if isinstance(result, BadFile):
                bad.append(result)
                if strict:
                    raise_first(bad)
                continue
            depth = [image.itemsize for image in result]
            rows.append([number, file.tell(), *result[1].shape, *depth])
            for image in result:
                digest.update(content := image.tobytes())
                file.write(content)
        if not rows:
            raise CrosswakeError(
                f"none of {counted(len(pairs), 'pair')} can be read; the first: {bad[0].path}: "
                f"{bad[0].reason}"
            )
    reasons = [[str(one.path), one.reason] for one in bad]
    return {"rows": rows, "digest": digest.hexdigest(), "bad": reasons}


def decoded_pairs(
    pairs: Pairs, how: PairDecoding, quiet: bool
) -> Iterator[tuple[NDArray[Any], NDArray[Any]] | BadFile]:
    """Each pair decoded, or why it could not be, in order."""
    with Progress(len(pairs), "decode", "pairs", quiet) as progress:
        for _, batch in decode_ahead(in_batches(pairs, PAIRS_AT_ONCE), how.read):
            for _, result in batch:
                yield result
                progress.advance()


def open_store(pairs: Pairs, how: PairDecoding, path: Path, index: Path) -> PairStore:
    """Map what :func:`decode_pairs` wrote.

    Raises:
        CrosswakeError: the file or its index is damaged, or of other pairs.
    """
    try:
        pixels = np.memmap(path, np.uint8, mode="r")
        rows, digest, bad = read_index(index)
        number, start, shape, depth = rows[:, 0], rows[:, 1], rows[:, 2:4], rows[:, 4:]
        check_rows(rows, len(pairs) - len(bad), len(pairs), len(pixels))
        if (shape < how.size).any() or (how.whole and (shape > how.size).any()):
            raise ValueError("its pictures are of another size than wanted")
    except (OSError, ValueError) as error:
        raise CrosswakeError(
            f"{path}: decoded pairs that cannot be used ({error}); remove it and {index}"
        ) from error
    decoded = tuple(pairs[place] for place in number)
    return PairStore(
        pairs=decoded,
        pixels=pixels,
        start=start,
        shape=shape,
        depth=depth,
        sar=how.sar,
        place=numbered([pair.id for pair in decoded]),
        scene=numbered(
            [f"{pair.source}/{pair.scene}" if pair.scene else f"id {pair.id}" for pair in decoded]
        ),
        digest=digest,
        bad_files=bad,
    )


def read_index(path: Path) -> tuple[NDArray[np.int64], str, tuple[BadFile, ...]]:
    """The rows, (pairs, 6), the digest and the bad files that :func:`write_pixels` returned.

    Raises:
        ValueError: it is damaged.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        bad = tuple(BadFile(path=Path(name), reason=reason) for name, reason in content["bad"])
        rows, digest = np.asarray(content["rows"]), str(content["digest"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("its index is damaged") from error
    if rows.dtype.kind != "i" or rows.ndim != 2 or rows.shape[1] != 6:
        raise ValueError("its index is damaged")
    return rows.astype(np.int64), digest, bad


def check_rows(rows: NDArray[np.int64], count: int, pairs: int, size: int) -> None:
    """Raise unless an index describes this file, so that no damage is taken for pixels.

    Args:
        rows: (pairs, 6), see :func:`write_pixels`.
        count: how many rows there should be.
        pairs: how many pairs there are, good and bad.
        size: bytes of the file of pixels.

    Raises:
        ValueError: it does not.
    """
    number, start, height, width, optical, sar = rows.T
    if not np.isin(rows[:, 4:], list(VALUE_TYPES)).all():
        raise ValueError("its index is damaged")
    if len(rows) != count or number[0] < 0 or number[-1] >= pairs or (np.diff(number) < 1).any():
        raise ValueError("its index is of other pairs")
    values = 3 * optical + sar
    lengths = values * height * width
    too_large = (values * height.astype(float) * width > size).any()  # floats do not wrap around
    if min(height.min(), width.min()) < 1 or too_large or start[-1] + lengths[-1] != size:
        raise ValueError("it has another size than its index says")
    if not np.array_equal(start, np.cumsum(lengths) - lengths):
        raise ValueError("its index is damaged")


def numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each name among the sorted distinct ones."""
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)
