"""Writes what a search found: a page with the chips, and a table for other programs."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from markupsafe import Markup

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, file_hash, origin_text, refuse_other
from crosswake.data.chips import UnreadableChipError
from crosswake.embedding.search import SearchResult, chip_of_record
from crosswake.reports.html import page_environment
from crosswake.reports.pictures import Pictures
from crosswake.settings.search import SearchConfig

MOST_QUERIES = 50
"""Number of queries on the page, which holds all its pictures; the table has every query."""
COLUMNS = (
    *("query_number", "query", "rank", "cosine", "id", "path", "identity", "modality"),
    *("width_m", "height_m", "time", "lon", "lat", "hours", "km", "knots"),
)


def search_origin(config: SearchConfig) -> Origin:
    """What the results are made from."""
    return {
        "command": "search",
        "weights": file_hash(config.checkpoint),
        "query": str(config.query.resolve()),
        "in": str(config.in_.resolve()),
        "top": config.top,
        "find": config.find,
        "modality": config.modality,
        "sar_band": config.sar_band,
        "precision": config.precision,
    }


def refuse_other_results(config: SearchConfig, origin: Origin) -> None:
    """Refuse to begin where another file would be replaced.

    A CSV table cannot say what it was made from; one with our columns may be replaced.

    Raises:
        CrosswakeError: there is such a file.
    """
    refuse_other([config.output], origin, config.overwrite)
    table = config.table
    if table is None or not table.exists():
        return
    if table.suffix.lower() != ".csv":
        refuse_other([table], origin, config.overwrite, "--table")
    elif not is_our_csv(table):
        raise CrosswakeError(
            f"{table}: was not written by crosswake search; move it, or choose another --table"
        )


def is_our_csv(path: Path) -> bool:
    """Whether a file begins as our tables do."""
    head = ",".join(COLUMNS).encode()
    try:
        with path.open("rb") as file:
            return file.read(len(head)) == head
    except OSError:
        return False


def write_candidates(path: Path, result: SearchResult, origin: Origin) -> None:
    """All candidates of all queries, as CSV, JSON or Parquet by the file's ending."""
    with replacing(path, "--table") as temporary:
        if path.suffix.lower() == ".parquet":
            made_from = {ORIGIN_KEY: origin_text(origin)}
            pq.write_table(result.candidates.replace_schema_metadata(made_from), temporary)
        elif path.suffix.lower() == ".json":
            record = {ORIGIN_KEY: origin, "candidates": records(result.candidates)}
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        else:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                writer.writeheader()
                writer.writerows(records(result.candidates))


def records(candidates: pa.Table) -> list[dict[str, Any]]:
    """The rows; a speed that is infinite, some way in no time, is null, as JSON has no such
    number."""
    rows: list[dict[str, Any]] = candidates.to_pylist()
    for row in rows:
        row["knots"] = None if row["knots"] == float("inf") else row["knots"]
    return rows


def write_search(path: Path, result: SearchResult, origin: Origin) -> None:
    """One page that needs no other file: each query and its candidates, with what speaks for
    them."""
    environment = page_environment()
    pictures = Pictures()

    def thumbnail(record: dict[str, Any]) -> Markup | None:
        """The chip's picture; None where an archive's image is gone or cannot be read."""
        try:
            return pictures.uri(chip_of_record(record))
        except UnreadableChipError:
            return None

    environment.filters["thumbnail"] = thumbnail
    shown = [found for _, found in zip(range(MOST_QUERIES), result.lists(), strict=False)]
    page = environment.get_template("search.html.j2").render(
        result=result, shown=shown, origin=origin, made_from=origin_text(origin)
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
