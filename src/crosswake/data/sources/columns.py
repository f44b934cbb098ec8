"""The columns of a table of chips by one set of names, whatever its author calls them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.said import say_once
from crosswake.core.text import cut_short
from crosswake.data.sources.dialect import TextTable, open_text_table

REQUIRED = ("path", "identity", "modality")
NUMBER_COLUMNS = ("width_m", "height_m", "lon", "lat", "ship_length_m", "ship_width_m")
OPTIONAL = ("split", "time", *NUMBER_COLUMNS, "ship_type", "scene")
ROLES = {"is_query": "query", "is_gallery": "gallery"}
"""OML's columns that say in which part of the test a chip is."""
WINDOWS = ("bbox", "x_1", "x_2", "y_1", "y_2")
"""Columns of wildlife-datasets and OML by which a chip is only a window of its image."""
NAMES = (*REQUIRED, *OPTIONAL, "date", *ROLES, *WINDOWS)
OTHER_NAMES = {
    "path": ("image_path", "img_path", "file_path", "filepath", "filename", "file_name"),
    "identity": ("ship_id", "label", "mmsi"),
    "time": ("datetime", "timestamp"),
    "lon": ("longitude",),
    "lat": ("latitude",),
}
"""Other names of columns, which count where our own is not there; ``label`` is OML's."""
TRUE_SIZE = ("length_m", "beam_m")
"""Of the ships in a simulated fleet's table. They are not taken, since nobody knows the true size
of a ship that is seen, and are no misspelt ``ship_length_m``."""
KNOWN = {*NAMES, *TRUE_SIZE, *(other for names in OTHER_NAMES.values() for other in names)}
NOTHING = {"", "nan", "none", "null"}
DECIMAL_COMMA = re.compile(r"(-?\d+),(\d+)")
VALUE_SHOWN = 60
"""Characters of a value that an error shows."""
TableRow = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ChipTable:
    """A table of chips whose header was understood.

    Attributes:
        text: how it is written.
        places: the place of each column that is known, by our own name of it.
    """

    text: TextTable
    places: Mapping[str, int]

    def rows(self) -> Iterator[tuple[int, TableRow]]:
        """Line number and known columns of every row, one at a time, so that a table may be larger
        than the memory.

        Raises:
            CrosswakeError: the file is no text table, or a row is no row of it.
        """
        for line, fields in self.text.rows():
            row = {name: fields[place] for name, place in self.places.items()}
            for name in WINDOWS:
                if row.pop(name, "").lower() not in NOTHING:
                    raise CrosswakeError(
                        f"{self.text.path}, line {line}: {name} makes the chip a window of its "
                        "image, which tables cannot say; cut the chips first, or drop the column"
                    )
            if self.text.decimal_comma:
                for name in row.keys() & set(NUMBER_COLUMNS):
                    row[name] = DECIMAL_COMMA.sub(r"\1.\2", row[name])
            yield line, row


def open_table(path: Path, required: Sequence[str] = REQUIRED) -> ChipTable:
    """Find out how a table is written and what its columns are.

    Args:
        path: the file.
        required: columns that must be there. Of ``modality`` each row decides, since the name of an
            image often says it.

    Raises:
        CrosswakeError: no such table, or a column is missing, misspelt or there twice.
    """
    table = open_text_table(path, KNOWN)
    header = table.header
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        raise CrosswakeError(f"{path}: column '{quoted(twice)}' appears twice; drop one")
    places = {name: place for place, name in enumerate(header) if name in NAMES}
    for name, others in OTHER_NAMES.items():
        other = next((other for other in others if other in header), None)
        if other and name not in places:
            places[name] = header.index(other)
            say_once(f"column '{other}' of {cut_short(path.name, 200)} is taken as {name}")
    refuse_misspelt(table, [name for name in (*REQUIRED, *OPTIONAL) if name not in places])
    for name in required:
        if name not in places and not (name == "modality" and "path" in places):
            there = quoted(", ".join(filter(None, header)), 200) or "nothing"
            raise CrosswakeError(
                f"{path}: column {name} is missing; the first line must name "
                f"{', '.join(required)}; it names {there}"
            )
    return ChipTable(text=table, places=places)


def refuse_misspelt(table: TextTable, absent: list[str]) -> None:
    """Raise if a column's name is close to one of ours that is absent; those that are close to none
    are the user's own."""
    for name in table.header:
        close = [] if name in KNOWN else get_close_matches(name, absent, n=1, cutoff=0.75)
        if close:
            raise CrosswakeError(
                f"{table.path}: column '{quoted(name)}' looks like a misspelt '{close[0]}'; rename "
                "or drop it"
            )


def quoted(value: object, most: int = VALUE_SHOWN) -> str:
    """A value from a table in an error; what no font shows is written as in Python's strings."""
    text = cut_short(value, most)
    return text if text.isprintable() else cut_short(ascii(text)[1:-1], most)
