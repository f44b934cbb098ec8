"""Tables as spreadsheets and libraries write them: any encoding, delimiter and header, .xlsx."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.said import say_once
from crosswake.core.text import cut_short
from crosswake.data.sources.folders import is_file
from crosswake.data.sources.workbook import sheet_lines

DELIMITERS = ",;\t|"
SNIFFED = 1 << 16
"""Bytes from which encoding and delimiter are told."""
FALLBACK = "cp1252"
"""What Excel writes in western countries where it is not told UTF-8."""
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""UTF-32 stands before UTF-16, whose mark its own begins with."""
OTHER_FILES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
    b"II+\0": "a TIFF image",
    b"MM\0+": "a TIFF image",
    b"BM": "a BMP image",
    b"\0\0\0\x0cjP": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image",
    b"GIF8": "a GIF image",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"(\xb5/\xfd": "a zstd archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"%PDF": "a PDF",
    b"\x80\x02": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
}
WORKBOOK = "an Excel workbook"
TAR_MARK = slice(257, 262)
CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f]")
"""Bytes that no text has, in any encoding of one byte a character."""
SEPARATOR_LINE = re.compile(r'\s*"?sep=([^\r\n"])"?[ \t;,|]*[\r\n]', re.IGNORECASE)
"""What Excel takes the delimiter from, where it stands in front of the header."""


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """How a table is written.

    Attributes:
        path: the file.
        lines: starts to read it from the first line: number and fields of each.
        decimal_comma: whether a comma may stand for the point of a number.
        header: the names of the columns in lower case, without spaces around them and with ``_``
            for spaces inside; empty for columns without a name.
        header_line: the line that they stand in.
    """

    path: Path
    lines: Callable[[], Iterator[tuple[int, list[str]]]]
    decimal_comma: bool
    header: tuple[str, ...]
    header_line: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and fields of each row below the header, as many as it has columns; rows
        without any content are left out.

        Raises:
            CrosswakeError: a row has more or fewer fields, or the file is no text table.
        """
        for line, fields in self.lines():
            if line <= self.header_line or not any(fields):
                continue
            width = len(self.header)
            if len(fields) < width or any(fields[width:]):
                fault = f"has more or fewer fields than the header's {width}"
                raise CrosswakeError(f"{self.path}, line {line}: {fault}")
            yield line, fields[:width]


def open_text_table(path: Path, known: Iterable[str]) -> TextTable:
    """Find out how a table is written.

    Args:
        path: the file.
        known: names of columns, by which the delimiter is told.

    Raises:
        CrosswakeError: no such file, or it is none of the text encodings, or something else than a
            table.
    """
    if not is_file(path):
        raise CrosswakeError(f"{cut_short(path, 200)}: no such table")
    start = first_bytes(path)
    if kind_of_file(start) == WORKBOOK:
        line, header = header_of(sheet_lines(path))
        width = len(header)  # empty cells at the end of a row are not stored
        return TextTable(
            path=path,
            lines=lambda: (
                (number, fields + [""] * (width - len(fields)))
                for number, fields in sheet_lines(path)
            ),
            decimal_comma=False,
            header=header,
            header_line=line,
        )
    refuse_other_kinds(path, start)
    encoding = encoding_of(path, start)
    if encoding == FALLBACK:
        say_once(f"{cut_short(path.name, 200)} is not in UTF-8; it is read as Windows-1252")
    text = codecs.getincrementaldecoder(encoding)().decode(start)  # its last character may be cut
    told = SEPARATOR_LINE.match(text)
    delimiter = told[1] if told else best_delimiter(text, set(known))
    line, header = header_of(lines_in(io.StringIO(text, newline=""), delimiter))
    return TextTable(
        path=path,
        lines=lambda: lines_of(path, encoding, delimiter),
        decimal_comma=delimiter != ",",
        header=header,
        header_line=line,
    )


def first_bytes(path: Path) -> bytes:
    """The start of a file.

    Raises:
        CrosswakeError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(SNIFFED)
    except OSError as error:
        raise CrosswakeError(f"{path}: cannot be read ({error.strerror}); check it") from error


def refuse_other_kinds(path: Path, start: bytes) -> None:
    """Raise if a file begins as no text does, and call it what it is."""
    if kind := kind_of_file(start):
        remedy = "name a folder, or a table in CSV"
        if kind.endswith("archive"):
            remedy = "unpack it and name the folder"
        raise CrosswakeError(f"{path}: is {kind}, not a table of chips; {remedy}")


def kind_of_file(start: bytes) -> str:
    """What a file is by its first bytes; empty for text."""
    if start[TAR_MARK] == b"ustar":
        return "a tar archive"
    if start.startswith(b"PK") and b"xl/" in start:
        return WORKBOOK
    if start.startswith(b"PK") and b"data.pkl" in start:
        return "a PyTorch file"
    if start.startswith(b"BM") and not CONTROL.search(start[:32]):
        return ""  # a table may begin with any two letters
    if start.lstrip()[:1] in (b"{", b"["):
        return "a JSON file"
    if start.lstrip()[:1] == b"<":
        return "an XML or HTML file"
    marked = (kind for magic, kind in OTHER_FILES.items() if start.startswith(magic))
    return next(marked, "")


def encoding_of(path: Path, start: bytes) -> str:
    """The encoding by the mark that the file begins with, else by its content.

    Raises:
        CrosswakeError: it is no text in UTF-8, UTF-16 or Windows-1252.
    """
    marks = (name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark))
    even, odd = start[0::2].count(0), start[1::2].count(0)
    candidates = ["utf-8-sig"]
    if marked := next(marks, ""):
        candidates = [marked]
    elif odd > len(start) // 4 and even < odd // 8:
        candidates = ["utf-16-le"]
    elif even > len(start) // 4 and odd < even // 8:
        candidates = ["utf-16-be"]
    elif not CONTROL.search(start):
        candidates.append(FALLBACK)
    reasons = []
    for name in candidates:
        try:
            with path.open(encoding=name, newline="") as file:
                while file.read(SNIFFED):
                    pass
            return name
        except (UnicodeError, OSError) as error:
            reasons.append(str(error))
    raise not_a_table(path, reasons[0])


def not_a_table(path: Path, reason: object) -> CrosswakeError:
    """The one line about a file that is no text table."""
    return CrosswakeError(f"{path}: not a CSV table in UTF-8 ({reason}); save it as one")


def best_delimiter(text: str, known: set[str]) -> str:
    """The delimiter that splits the header into most known names, and of equals into most names."""

    def found(delimiter: str) -> tuple[int, int]:
        _, names = header_of(lines_in(io.StringIO(text, newline=""), delimiter))
        return len(known.intersection(names)), len(names)

    return max(DELIMITERS, key=found)


def header_of(lines: Iterable[tuple[int, list[str]]]) -> tuple[int, tuple[str, ...]]:
    """The line that a header ends in, and its names up to the last column that has one."""
    for line, fields in lines:
        names = ["_".join(name.lower().split()) for name in fields]
        if any(names) and not names[0].startswith("sep="):
            last = max(place for place, name in enumerate(names, 1) if name)
            return line, tuple(names[:last])
    return 0, ()


def lines_of(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line of a text file.

    Raises:
        CrosswakeError: it is no text in this encoding, or no table.
    """
    try:
        with path.open(newline="", encoding=encoding) as file:
            yield from lines_in(file, delimiter)
    except (UnicodeError, csv.Error) as error:
        raise not_a_table(path, error) from error


def lines_in(file: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields, without spaces around them, of each record; none of an empty line. A
    record over several lines has the number of its last."""
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    for fields in reader:
        yield reader.line_num, [field.strip() for field in fields]
