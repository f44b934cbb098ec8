"""The index beside a file of decoded pairs: where each begins, and which could not be decoded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.core.files import part_of
from crosswake.data.reid import BadFile


@dataclass(frozen=True, kw_only=True)
class PairIndex:
    """What lies where in a file of decoded pairs.

    Attributes:
        number: (rows,) int64, which of the pairs each row is, ascending.
        start: (rows,) int64, the byte where it begins; one follows the other.
        shape: (rows, 2) int64, height and width.
        depth: (rows, 2) int64, bytes of an optical and of a SAR value, 1 or 4.
        digest: of all pixels, in their order.
        bad_files: pairs that could not be decoded.
    """

    number: NDArray[np.int64]
    start: NDArray[np.int64]
    shape: NDArray[np.int64]
    depth: NDArray[np.int64]
    digest: str
    bad_files: tuple[BadFile, ...]


def write_index(path: Path, rows: list[list[int]], digest: str, bad: list[list[str]]) -> None:
    """Write an index: number, start, height, width and both depths of each row; path and reason of
    each bad file."""
    part = part_of(path)
    part.write_text(json.dumps({"rows": rows, "digest": digest, "bad": bad}), encoding="utf-8")
    part.replace(path)


def read_index(path: Path, pairs: int, size: int) -> PairIndex:
    """Read what :func:`write_index` wrote.

    Args:
        path: the index.
        pairs: how many there are, good and bad.
        size: bytes of the file that it belongs to.

    Raises:
        ValueError: it is damaged, or belongs to other pairs or another file.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        bad = tuple(BadFile(path=Path(name), reason=reason) for name, reason in content["bad"])
        rows, digest = np.asarray(content["rows"]), str(content["digest"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("its index is damaged") from error
    if (
        rows.dtype.kind != "i"
        or rows.ndim != 2
        or rows.shape[1] != 6
        or not np.isin(rows[:, 4:], (1, 4)).all()
    ):
        raise ValueError("its index is damaged")
    number, start, height, width, *depth = rows.astype(np.int64).T
    if (
        len(rows) + len(bad) != pairs
        or number[0] < 0
        or number[-1] >= pairs
        or (np.diff(number) < 1).any()
    ):
        raise ValueError("its index is of other pairs")
    pixel = 3 * depth[0] + depth[1]
    lengths = pixel * height * width
    too_large = (
        pixel * height.astype(float) * width > size
    ).any()  # as floats, which do not wrap around
    if min(height.min(), width.min()) < 1 or too_large or start[-1] + lengths[-1] != size:
        raise ValueError("it has another size than its index says")
    if not np.array_equal(start, np.cumsum(lengths) - lengths):
        raise ValueError("its index is damaged")
    return PairIndex(
        number=number,
        start=start,
        shape=np.stack([height, width], axis=1),
        depth=np.stack(depth, axis=1),
        digest=digest,
        bad_files=bad,
    )
