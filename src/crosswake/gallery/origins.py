"""What tables and archives say of a ship beside what a chip holds: names, numbers, headings."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip
from crosswake.data.sources.columns import KNOWN, NOTHING, OTHER_NAMES
from crosswake.data.sources.dialect import open_text_table
from crosswake.data.sources.folders import IMAGE_SUFFIXES, is_file
from crosswake.data.sources.listing import LISTS
from crosswake.data.sources.opensarship import (
    Fields,
    Product,
    find_products,
    is_opensarship,
    number_of,
    ships_of_product,
)
from crosswake.data.sources.table import resolve

FactsOfPath = Mapping[Path, Mapping[str, Any]]
"""Columns of a sighting by the file of its chip."""
MORE_WORDS = {
    "sensor": ("sensor", "satellite"),
    "scene": ("scene",),
    "name": ("name", "ship_name", "vesselname"),
    "mmsi": ("mmsi",),
    "imo": ("imo",),
    "ship_type": ("ship_type", "vesseltype"),
    "licence": ("licence", "license"),
}
"""Columns of text that a table may have, and the names that count for each, the first one first."""
MORE_NUMBERS = {
    "position_error_m": ("position_error_m",),
    "length_m": ("ship_length_m", "length_m"),
    "width_m": ("ship_width_m", "beam_m"),
    "size_error_m": ("size_error_m",),
    "heading_deg": ("heading_deg", "heading"),
}
AMBIGUOUS = "heading_ambiguous"
TRUE_WORDS = {"true", "1", "1.0", "yes"}
NO_HEADING = 360.0
"""AIS writes 511 for a heading that is not known."""


def facts_beside(source: Path) -> FactsOfPath:
    """What a source says of its chips' ships that a :class:`Chip` does not hold; empty for sources
    that say nothing more."""
    if is_opensarship(source):
        return {
            path: ship_facts(product, ship)
            for product in find_products(source, [])
            for path, ship, _ in ships_of_product(product, [])
        }
    if is_file(source) and source.suffix.lower() not in (*LISTS, *IMAGE_SUFFIXES):
        return dict(table_facts(source))
    return {}


def ship_facts(product: Product, ship: Fields) -> dict[str, Any]:
    """What ``Ship.xml`` of OpenSARShip says; the name and numbers are claims of AIS."""
    heading = number_of(ship, ("True_Head",), 0, NO_HEADING)
    imo = ship.get("IMO", "").lstrip("0")
    found = {
        "sensor": product.name[:3].upper().replace("S1", "Sentinel-1"),
        "name": ship.get("Name", "").strip("@ "),
        "mmsi": ship.get("MMSI", "").lstrip("0"),
        "imo": imo if imo.isdecimal() else "",
        "heading_deg": None if heading is None else heading % 360,
        AMBIGUOUS: None if heading is None else False,
    }
    return {name: value for name, value in found.items() if value not in ("", None)}


def table_facts(table: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and facts of each row of a table of chips.

    Raises:
        CrosswakeError: a number is none; the line is named.
    """
    names = {
        other for group in (MORE_WORDS, MORE_NUMBERS) for one in group.values() for other in one
    }
    text = open_text_table(table, KNOWN | names | {AMBIGUOUS})
    paths = ("path", *OTHER_NAMES["path"])
    place = next((text.header.index(name) for name in paths if name in text.header), None)
    if place is None:
        return
    columns = {
        column: text.header.index(next(name for name in others if name in text.header))
        for column, others in (MORE_WORDS | MORE_NUMBERS | {AMBIGUOUS: (AMBIGUOUS,)}).items()
        if any(name in text.header for name in others)
    }
    for line, fields in text.rows():
        found: dict[str, Any] = {}
        for column, at in columns.items():
            value = fields[at]
            if value.lower() in NOTHING:
                continue
            if column in MORE_NUMBERS:
                found[column] = number_of_cell(value, text.decimal_comma, f"{table}, line {line}")
            else:
                found[column] = value.lower() in TRUE_WORDS if column == AMBIGUOUS else value
        yield resolve(fields[place], table.parent), found


def number_of_cell(text: str, decimal_comma: bool, where: str) -> float:
    """A cell as a number."""
    try:
        return float(text.replace(",", ".") if decimal_comma else text)
    except ValueError as error:
        raise CrosswakeError(f"{where}: '{text[:60]}' is no number; correct it") from error


def with_more_facts(chip: Chip, row: Mapping[str, Any], more: FactsOfPath) -> dict[str, Any]:
    """A sighting's columns, with what its source says beside the chip, which is nearer to the
    source and wins."""
    return {**row, **more.get(chip.path, {})}
