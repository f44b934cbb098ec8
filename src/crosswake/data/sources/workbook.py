"""The first sheet of an Excel workbook (.xlsx, ECMA-376) as lines of text."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO
from xml.etree import ElementTree

from crosswake.core.errors import CrosswakeError
from crosswake.core.said import say_once
from crosswake.core.text import cut_short
from crosswake.data.archives import ZIP_ERRORS

BOOK, STRINGS = "xl/workbook.xml", "xl/sharedStrings.xml"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
PLACE = re.compile(r"([A-Z]{1,3})\d+")
MOST_WORKBOOK_BYTES = 500_000_000
"""Of one part of a workbook; what unpacks to more is no table of chips."""


def sheet_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each row of the first sheet that is not empty.

    Raises:
        CrosswakeError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as book:
            strings = shared_strings(book)
            with part_of_book(book, first_sheet(book, path)) as sheet:
                for _, element in ElementTree.iterparse(sheet):
                    if tag_of(element) == "row":
                        yield int(element.get("r", "0")), fields_of(element, strings)
                        element.clear()
    except (KeyError, ValueError, IndexError, ElementTree.ParseError, *ZIP_ERRORS) as error:
        raise CrosswakeError(
            f"{path}: an Excel workbook that cannot be read ({cut_short(error, 200)}); save it as "
            "CSV"
        ) from error


def first_sheet(book: zipfile.ZipFile, path: Path) -> str:
    """The name of the part that holds the first sheet; with several, that is said."""
    with part_of_book(book, BOOK) as file:
        sheets = [one for one in ElementTree.parse(file).iter() if tag_of(one) == "sheet"]
    with part_of_book(book, "xl/_rels/workbook.xml.rels") as file:
        targets = {one.get("Id"): one.get("Target", "") for one in ElementTree.parse(file).iter()}
    if len(sheets) > 1:
        name = cut_short(sheets[0].get("name", ""), 60)
        say_once(f"of the sheets of {cut_short(path.name, 200)} the first is read, {name}")
    target = PurePosixPath("/xl") / targets[sheets[0].get(RELATION)]
    return target.as_posix().lstrip("/")


def shared_strings(book: zipfile.ZipFile) -> list[str]:
    """The texts that cells refer to by number."""
    if STRINGS not in book.namelist():
        return []
    with part_of_book(book, STRINGS) as file:
        entries = (one for one in ElementTree.parse(file).iter() if tag_of(one) == "si")
        return [text_in(entry) for entry in entries]


def part_of_book(book: zipfile.ZipFile, name: str) -> IO[bytes]:
    """A part of a workbook for reading.

    Raises:
        ValueError: it unpacks to more than a table should.
    """
    if book.getinfo(name).file_size > MOST_WORKBOOK_BYTES:
        raise ValueError(f"{name} unpacks to more than {MOST_WORKBOOK_BYTES:,} bytes")
    return book.open(name)


def fields_of(row: ElementTree.Element, strings: list[str]) -> list[str]:
    """The cells of a row in their columns; empty for those that are not there."""
    fields: list[str] = []
    for cell in row:
        match = PLACE.fullmatch(cell.get("r", ""))
        column = column_number(match[1]) if match else len(fields)
        fields += [""] * (column + 1 - len(fields))
        fields[column] = value_of(cell, strings).strip()
    return fields


def column_number(letters: str) -> int:
    """0 for A, 26 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def value_of(cell: ElementTree.Element, strings: list[str]) -> str:
    """What a cell holds, a number with all its digits."""
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return text_in(cell)
    text = next((one.text or "" for one in cell if tag_of(one) == "v"), "")
    if kind == "s":
        return strings[int(text)]
    if kind == "b":
        return "true" if text == "1" else "false"
    if kind != "n" or not text:
        return text
    number = float(text)
    return str(int(number)) if number.is_integer() else repr(number)


def text_in(element: ElementTree.Element) -> str:
    """All text below an element, without the reading aids of Japanese names."""
    return "".join(one.text or "" for one in runs_of(element) if tag_of(one) == "t")


def runs_of(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The elements below one, without those of phonetic runs."""
    for one in element:
        if tag_of(one) != "rPh":
            yield one
            yield from runs_of(one)


def tag_of(element: ElementTree.Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]
