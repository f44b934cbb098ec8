"""Writes the pages about probabilities: of a calibration, and of what evidence is worth."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from crosswake.core.files import replacing
from crosswake.core.provenance import Origin, origin_text
from crosswake.reports.html import page_environment
from crosswake.reports.summary import percent
from crosswake.retrieval.protocols import Estimate


@dataclass(frozen=True, kw_only=True)
class ShownPicture:
    """A PNG on the page."""

    title: str
    path: Path
    caption: str

    @property
    def uri(self) -> Markup:
        """The picture as the value of ``src``."""
        content = base64.b64encode(self.path.read_bytes()).decode()
        return Markup("data:image/png;base64," + content)


@dataclass(frozen=True, kw_only=True)
class ShownRow:
    """A row of a table: a name, then cells with what stands small below each."""

    name: str
    cells: Sequence[tuple[str, str]]
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class ShownTable:
    """A table on the page."""

    title: str
    note: str
    heads: Sequence[str]
    rows: Sequence[ShownRow]


@dataclass(frozen=True, kw_only=True)
class EvidencePage:
    """What a page shows."""

    over: str
    title: str
    summary: str
    pictures: Sequence[ShownPicture]
    tables: Sequence[ShownTable]
    facts: Mapping[str, object]
    footer: str


def write_evidence_page(path: Path, page: EvidencePage, origin: Origin) -> None:
    """Write one page that needs no other file."""
    text = (
        page_environment()
        .get_template("evidence.html.j2")
        .render(
            over=page.over,
            title=page.title,
            summary=page.summary,
            pictures=page.pictures,
            tables=page.tables,
            facts=list(page.facts.items()),
            footer=page.footer,
            made_from=origin_text(origin),
        )
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def percent_cell(estimate: Estimate, sign: bool = False) -> tuple[str, str]:
    """A value in percent, and its interval."""
    return spelt_out(estimate, 100, 1, sign)


def spelt_out(
    estimate: Estimate, factor: float, digits: int, sign: bool = False
) -> tuple[str, str]:
    """A value and its interval, times a factor; nothing in place of what is not measured."""
    if math.isnan(estimate.value):
        return "–", ""
    form = f"{{:{'+' if sign else ''}.{digits}f}}"
    interval = ""
    if not math.isnan(estimate.low):
        ends = form.format(factor * estimate.low), form.format(factor * estimate.high)
        interval = " to ".join(ends)
    return form.format(factor * estimate.value), interval


def error_text(estimate: Estimate) -> str:
    """``4.1 % (2.0 to 5.2)``."""
    text = f"{percent(estimate.value)} %"
    if math.isnan(estimate.low):
        return text
    return f"{text} ({percent(estimate.low)} to {percent(estimate.high)})"
