"""What a search found, as a table for other programs and as a page for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from crosswake.core.files import replacing
from crosswake.core.provenance import Origin, origin_text
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.gallery.evidence import EVIDENCE
from crosswake.gallery.files import plain_cell
from crosswake.gallery.search import GallerySearch
from crosswake.reports.html import page_environment
from crosswake.reports.pictures import uri_of
from crosswake.settings.gallery_search import GallerySearchConfig

PAGE_QUERIES = 50
"""Number of queries on the page, which holds all its pictures; tables have every query."""
NUMBERS_FOUND = ("cosine", "probability", "not_there", *EVIDENCE, "total", "km", "hours", "knots")
FOUND_COLUMNS = pa.schema(
    [
        pa.field("query", pa.string()),
        pa.field("rank", pa.int32()),
        *(pa.field(name, pa.float64()) for name in NUMBERS_FOUND),
        pa.field("judged", pa.string()),
        *(SIGHTING_COLUMNS.field(name) for name in SIGHTING_COLUMNS.names if name != "thumbnail"),
    ]
)
"""Columns of the table of candidates: the query's id, rank from 1, cosine, probability, that of
"not in this gallery", the evidence and its sum, the way, what people found, and the sighting."""
GREATEST_BAR = 10.0
"""Log ratio that fills a bar of evidence on the page: odds of 22,000."""


def found_table(result: GallerySearch) -> pa.Table:
    """A row for each candidate of each query, see :data:`FOUND_COLUMNS`."""
    rows = [
        {**one, "query": answer.query["id"], "not_there": answer.not_there}
        for answer in result.answers
        for one in answer.candidates
    ]
    return pa.Table.from_pylist(rows, FOUND_COLUMNS)


def gallery_search_origin(config: GallerySearchConfig, weights: str, version: int) -> Origin:
    """What the results are made from: the gallery as it was, the query, and how it was searched."""
    asked = {
        name: plain_setting(getattr(config, name))
        for name in (
            *("query", "id", "embedding", "query_modality", "query_time", "query_position"),
            *("from_", "to", "bbox", "within", "length", "width", "modality", "sensor", "type"),
            *("where", "top", "index", "sar_band", "precision", "max_speed", "position_error"),
            *("not_there", "claim_ratio", "type_ratio", "sea_routes"),
        )
    }
    place = {"gallery": config.gallery, "version": version}
    return {"command": "gallery search", "weights": weights, **place, **asked}


def plain_setting(value: Any) -> Any:
    """A setting as JSON has it."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def write_found_page(path: Path, result: GallerySearch, origin: Origin) -> None:
    """One page that needs no other file: each query, its candidates and the evidence on each."""
    environment = page_environment()
    environment.filters["thumbnail"] = thumbnail_uri
    environment.filters["said"] = said_value
    shown = result.answers[:PAGE_QUERIES]
    page = environment.get_template("gallery.html.j2").render(
        result=result,
        shown=shown,
        origin=origin,
        made_from=origin_text(origin),
        bars=evidence_bars,
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def thumbnail_uri(row: Mapping[str, Any]) -> Markup | None:
    """A sighting's picture as the value of ``src``; None where it has none."""
    content = row.get("thumbnail")
    return uri_of(content) if content else None


def said_value(value: Any) -> str:
    """A value as the page shows it: times without the zone, which is UTC."""
    text = plain_cell(value)
    return "" if text is None else str(text).replace("T", " ").removesuffix("Z")


def evidence_bars(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name, log ratio, side and length in percent of the bar of each kind of evidence."""
    found = []
    for name in EVIDENCE:
        value = candidate[name] or 0.0
        share = min(abs(value) / GREATEST_BAR, 1.0)
        side = "for" if value > 0 else "against"
        found.append({"name": name, "value": value, "side": side, "share": 50 * share})
    return found
