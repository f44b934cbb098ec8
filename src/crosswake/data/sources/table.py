"""The user's own chips, listed in a table.

Columns: ``path`` (relative to the table, or absolute), ``identity``, ``modality`` (optical or sar);
and if you have them ``split`` (train, query, gallery or both), ``width_m``, ``height_m``, ``time``
(ISO 8601), ``lon``, ``lat``, ``scene``, and of the ship ``ship_type``, ``ship_length_m`` and
``ship_width_m``. Those of OML and wildlife-datasets are known as well. Other columns are ignored.
"""

import math
import re
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import UNKNOWN, BadFile, ReidData
from crosswake.data.sources.columns import NOTHING, ROLES, TableRow, open_table, quoted
from crosswake.data.sources.folders import infer_modality, name_fault

TABLE_SPLITS = ("train", "query", "gallery", "both")
TEST_SPLITS = ("val", "validation", "test")
"""Splits of OML's tables whose chips :data:`ROLES` divide."""
MODALITIES = {"optical": Modality.OPTICAL, "rgb": Modality.OPTICAL, "sar": Modality.SAR}
UNKNOWN_WORDS = NOTHING | {"-1", "-1.0", "<na>", "n/a", "unknown"}
"""How tables write that nobody knows the ship, in any case of letters."""
YES, NO = {"true", "1", "1.0", "yes"}, NOTHING | {"false", "0", "0.0", "no"}
WHOLE_FLOAT = re.compile(r"\d+\.0+")
"""A number that had a neighbour without a value in pandas, which made both floats."""
ROUNDED = re.compile(r"\d\.\d+e\+?\d+", re.IGNORECASE)


def read_table(path: Path) -> ReidData:
    """Read a table of chips; pixels are not touched. Rows without a split are for training.

    Raises:
        CrosswakeError: no such file, a column missing or misspelt, a bad row (its line is named),
            or identities that are the same number written differently.
    """
    splits: dict[str, list[Chip]] = {name: [] for name in TABLE_SPLITS[:3]}
    unnamed: list[Chip] = []
    bad: list[BadFile] = []
    spellings: dict[tuple[str, str], tuple[str, int]] = {}
    tested: dict[Path, tuple[Chip, int]] = {}
    table = open_table(path)
    for line, row in table.rows():
        split, chip = split_of_row(row, path, line), chip_of_row(row, path, line)
        if fault := name_fault(chip.path):
            bad.append(fault)
            continue
        check_spelling(chip.identity, split, spellings, path, line)
        if split == "train":
            (splits[split] if chip.identity != UNKNOWN else unnamed).append(chip)
            continue
        # The same object in both parts, so that it is known to be one chip and no answer to itself.
        chip = same_chip(chip, tested, path, line)
        for part in ("query", "gallery") if split == "both" else (split,):
            splits[part].append(chip)
    return ReidData(
        name=path.stem,
        root=path,
        train=tuple(splits["train"]),
        query=tuple(splits["query"]),
        gallery=tuple(splits["gallery"]),
        unnamed=tuple(unnamed),
        bad_files=tuple(bad),
    )


def check_spelling(
    identity: str, split: str, seen: dict[tuple[str, str], tuple[str, int]], table: Path, line: int
) -> None:
    """Raise if an identity is a number that stands in an earlier row written differently.

    Programs drop the zeros of 0009 from one of two tables that are then joined. Taken as they are,
    no query would find its ship; taken as equal, different ships might become one.
    """
    if not identity.isdecimal():
        return
    part = "train" if split == "train" else "test"
    other, first = seen.setdefault((part, identity.lstrip("0")), (identity, line))
    if other != identity:
        raise CrosswakeError(
            f"{table}, line {line}: identity '{quoted(identity)}' is '{quoted(other)}' in line "
            f"{first}, the same number; write both alike (in pandas: read_csv(..., dtype=str))"
        )


def same_chip(chip: Chip, tested: dict[Path, tuple[Chip, int]], table: Path, line: int) -> Chip:
    """The chip of the earlier row with this image, or ``chip`` where there is none.

    Raises:
        CrosswakeError: the earlier row has another identity.
    """
    earlier, first = tested.setdefault(chip.path, (chip, line))
    if earlier.identity != chip.identity:
        raise CrosswakeError(
            f"{table}, line {line}: {quoted(chip.path.name)} has another identity in line {first}; "
            "correct one of them"
        )
    return earlier


def split_of_row(row: TableRow, table: Path, line: int) -> str:
    """The split column, or what OML's columns say; ``train`` where neither says anything."""
    split = row.get("split", "").lower()
    roles = [part for name, part in ROLES.items() if is_true(row, name, table, line)]
    if split in ("", *TEST_SPLITS) and roles:
        return "both" if len(roles) > 1 else roles[0]
    if split and split not in TABLE_SPLITS:
        raise CrosswakeError(
            f"{table}, line {line}: split is '{quoted(split)}'; write one of "
            f"{', '.join(TABLE_SPLITS)}"
        )
    return split or "train"


def is_true(row: TableRow, column: str, table: Path, line: int) -> bool:
    """A column of true and false; false where it is absent or empty."""
    text = row.get(column, "").lower()
    if text not in YES | NO:
        raise CrosswakeError(
            f"{table}, line {line}: {column} is '{quoted(text)}'; write True or False"
        )
    return text in YES


def chip_of_row(row: TableRow, table: Path, line: int) -> Chip:
    """One row as a chip; its identity need not be known.

    Raises:
        CrosswakeError: a field cannot be used; the line is named.
    """
    if not row["path"]:
        raise CrosswakeError(f"{table}, line {line}: path must not be empty")
    path = resolve(row["path"], table.parent)
    return Chip(
        path=path,
        identity=identity_of_row(row, table, line),
        modality=modality_of_row(row, path, table, line),
        width_m=number_in(row, "width_m", table, line, low=1e-6),
        height_m=number_in(row, "height_m", table, line, low=1e-6),
        time=moment(row, table, line),
        lon=number_in(row, "lon", table, line, low=-180, high=180),
        lat=number_in(row, "lat", table, line, low=-90, high=90),
        scene=row.get("scene", ""),
        ship_type=row.get("ship_type", ""),
        ship_length_m=number_in(row, "ship_length_m", table, line, low=1e-6),
        ship_width_m=number_in(row, "ship_width_m", table, line, low=1e-6),
    )


def identity_of_row(row: TableRow, table: Path, line: int) -> str:
    """The identity, a whole float as the number that it was, and :data:`UNKNOWN` for a ship that
    nobody knows.

    Raises:
        CrosswakeError: the identity is a rounded number.
    """
    text = row.get("identity", "")
    if ROUNDED.fullmatch(text):
        raise CrosswakeError(
            f"{table}, line {line}: identity '{quoted(text)}' is a rounded number, so different "
            "ships may have become one; write all its digits (in a spreadsheet, make the column "
            "text)"
        )
    if text.lower() in UNKNOWN_WORDS:
        return UNKNOWN
    return text.partition(".")[0] if WHOLE_FLOAT.fullmatch(text) else text


def modality_of_row(row: TableRow, path: Path, table: Path, line: int) -> Modality:
    """The modality column; where the table has none, a word such as RGB or SAR in the path."""
    if "modality" in row:
        found = MODALITIES.get(row["modality"].lower())
        fault = f"modality is '{quoted(row['modality'])}'; write optical or sar"
    else:
        found = infer_modality(path, table.parent)
        fault = "column modality is missing, and the path does not say RGB, optical or SAR; add it"
    if found is None:
        raise CrosswakeError(f"{table}, line {line}: {fault}")
    return found


def resolve(name: str, base: Path) -> Path:
    """A path from a table written on any system, relative to ``base`` unless absolute."""
    if PureWindowsPath(name).drive or PurePosixPath(name).is_absolute():
        return Path(name)
    return base.joinpath(*PureWindowsPath(name).parts) if "\\" in name else base / name


def number_in(
    row: TableRow,
    column: str,
    table: Path,
    line: int,
    low: float = -math.inf,
    high: float = math.inf,
) -> float | None:
    """A finite number within bounds, or None where the column is absent or empty."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high or math.isinf(value):
        bounds = f" from {low:g}" if low > -math.inf else ""
        bounds += f" to {high:g}" if high < math.inf else " up" if bounds else ""
        raise CrosswakeError(
            f"{table}, line {line}: {column} is '{quoted(text)}'; a number{bounds} is expected"
        )
    return value


def moment(row: TableRow, table: Path, line: int) -> str:
    """The time column, checked to be ISO 8601; without it wildlife-datasets' ``date``, where that
    is one."""
    text = row.get("time") or row.get("date", "")
    try:
        if text:
            datetime.fromisoformat(text)
    except ValueError as error:
        if not row.get("time"):
            return ""
        raise CrosswakeError(
            f"{table}, line {line}: time is '{quoted(text)}'; write it like 2026-03-01T12:30:00Z"
        ) from error
    return text
