"""The user's own chips, listed in a CSV table.

Columns: ``path`` (relative to the table, or absolute), ``identity``, ``modality`` (optical or sar);
and if you have them ``split`` (train, query or gallery), ``width_m``, ``height_m``, ``time`` (ISO
8601), ``lon``, ``lat``. Other columns are ignored.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path, PurePosixPath, PureWindowsPath

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import ReidData

REQUIRED = ("path", "identity", "modality")
OPTIONAL = ("split", "width_m", "height_m", "time", "lon", "lat")
TABLE_SPLITS = ("train", "query", "gallery")
MODALITIES = {"optical": Modality.OPTICAL, "rgb": Modality.OPTICAL, "sar": Modality.SAR}


def read_table(path: Path) -> ReidData:
    """Read a table of chips; pixels are not touched. Rows without a split are for training.

    Raises:
        CrosswakeError: no such file, a column missing or misspelt, or a bad row (its line is
            named).
    """
    splits: dict[str, list[Chip]] = {name: [] for name in TABLE_SPLITS}
    for line, row in iterate_rows(path):
        splits[split_of_row(row, path, line)].append(chip_of_row(row, path, line))
    train, query, gallery = (tuple(splits[name]) for name in TABLE_SPLITS)
    return ReidData(name=path.stem, root=path, train=train, query=query, gallery=gallery)


def iterate_rows(
    path: Path, required: Sequence[str] = REQUIRED
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and columns of every row, one at a time, so that a table may be larger than the
    memory; the header is checked for the ``required`` columns first."""
    if not path.is_file():
        raise CrosswakeError(f"{path}: no such table")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or ())
            check_header(header, path, required)
            for row in reader:
                if None in row or None in row.values():
                    fault = f"has more or fewer fields than the header's {len(header)}"
                    raise CrosswakeError(f"{path}, line {reader.line_num}: {fault}")
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise CrosswakeError(
            f"{path}: not a CSV table in UTF-8 ({error}); save it as one"
        ) from error


def check_header(header: list[str], path: Path, required: Sequence[str]) -> None:
    """Raise if a needed column is missing, one appears twice, or one looks misspelt."""
    missing = [name for name in required if name not in header]
    if missing:
        raise CrosswakeError(
            f"{path}: column {missing[0]} is missing; the first line must name "
            f"{', '.join(required)}"
        )
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise CrosswakeError(f"{path}: column '{twice[0]}' appears twice; drop one")
    for name in header:
        absent = [known for known in OPTIONAL if known not in header]
        if name not in OPTIONAL and (meant := misspelt(name, absent)):
            raise CrosswakeError(
                f"{path}: column '{name}' looks like a misspelt '{meant}'; rename or drop it"
            )


def split_of_row(row: dict[str, str], table: Path, line: int) -> str:
    """The split column; ``train`` where it is absent or empty."""
    split = (row.get("split") or "train").strip().lower()
    if split not in TABLE_SPLITS:
        raise CrosswakeError(
            f"{table}, line {line}: split is '{split}'; write one of {', '.join(TABLE_SPLITS)}"
        )
    return split


def misspelt(name: str, known: list[str]) -> str:
    """The known column that a name is close to, or nothing; columns that are close to none are the
    user's own."""
    close = get_close_matches(name.strip().lower().replace(" ", "_"), known, n=1, cutoff=0.75)
    return close[0] if close else ""


def chip_of_row(row: dict[str, str], table: Path, line: int, named: bool = True) -> Chip:
    """One row as a chip; with ``named`` its identity must be known."""
    modality = MODALITIES.get(row["modality"].strip().lower())
    if modality is None:
        raise CrosswakeError(
            f"{table}, line {line}: modality is '{row['modality']}'; write optical or sar"
        )
    identity, name = (row.get("identity") or "").strip(), row["path"].strip()
    if not name or (named and not identity):
        needed = "path and identity" if named else "path"
        raise CrosswakeError(f"{table}, line {line}: {needed} must not be empty")
    return Chip(
        path=resolve(name, table.parent),
        identity=identity,
        modality=modality,
        width_m=number_in(row, "width_m", table, line, low=1e-6),
        height_m=number_in(row, "height_m", table, line, low=1e-6),
        time=moment(row, table, line),
        lon=number_in(row, "lon", table, line, low=-180, high=180),
        lat=number_in(row, "lat", table, line, low=-90, high=90),
    )


def resolve(name: str, base: Path) -> Path:
    """A path from a table written on any system, relative to ``base`` unless absolute."""
    if PureWindowsPath(name).drive or PurePosixPath(name).is_absolute():
        return Path(name)
    return base.joinpath(*PureWindowsPath(name).parts) if "\\" in name else base / name


def number_in(
    row: dict[str, str],
    column: str,
    table: Path,
    line: int,
    low: float = float("-inf"),
    high: float = float("inf"),
) -> float | None:
    """A finite number within bounds, or None where the column is absent or empty."""
    text = (row.get(column) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high or math.isinf(value):
        raise CrosswakeError(
            f"{table}, line {line}: {column} is '{text}'; a number from {low:g} to {high:g} is "
            "expected"
        )
    return value


def moment(row: dict[str, str], table: Path, line: int) -> str:
    """The time column, checked to be ISO 8601."""
    text = (row.get("time") or "").strip()
    try:
        if text:
            datetime.fromisoformat(text)
    except ValueError as error:
        raise CrosswakeError(
            f"{table}, line {line}: time is '{text}'; write it like 2026-03-01T12:30:00Z"
        ) from error
    return text
