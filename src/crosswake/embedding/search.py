"""From chips to the chips of an archive that look most like them: every one compared, exactly."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crosswake.core.earth import great_circle_km, hours_between, knots
from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.provenance import file_hash, read_origin
from crosswake.data.chips import AS_THE_FILE_SAYS, Chip, Modality, Reading
from crosswake.data.reading import chip_read_as
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import IMAGE_SUFFIXES, identifier
from crosswake.data.sources.listing import Entry, ModalityChoice, loose_file, open_listing
from crosswake.embedding.parts import (
    FACTS_KEY,
    bad_files_of,
    cut_parts,
    embed_parts,
    is_intact,
    read_facts,
)
from crosswake.models.base import ChipEmbedder
from crosswake.retrieval.products import RankOptions
from crosswake.retrieval.ranking import rank

ChipSource = Path | str | Sequence[Chip]
"""A folder, table, list of files, image, Parquet file of ``crosswake embed``, or chips."""
PART = 512
"""Chips that are embedded into one table."""
FACTS = ("id", "path", "identity", "modality", "width_m", "height_m", "time", "lon", "lat")
"""Columns of an archive that candidates keep."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How to search.

    Attributes:
        top: candidates for each query.
        find: modality of the candidates.
        modality: of images whose names do not say it.
        reading: how SAR files with several bands are read.
        batch_size: chips that go through the model together.
        strict: stop at the first bad file.
        quiet: show no progress.
        device: what similarities are computed on.
    """

    top: int = 10
    find: Literal["any", "optical", "sar"] = "any"
    modality: ModalityChoice = "auto"
    reading: Reading = AS_THE_FILE_SAYS
    batch_size: int = 64
    strict: bool = False
    quiet: bool = True
    device: str = "cpu"


SEARCH_DEFAULTS = SearchOptions()


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """Candidates for each query, nearest first.

    Attributes:
        queries: the :data:`FACTS` of each query.
        candidates: a row for each candidate of each query, see :func:`candidate_table`.
        searched: number of chips that were compared with each query.
        bad_files: files that were left out, and why.
    """

    queries: pa.Table
    candidates: pa.Table
    searched: int
    bad_files: tuple[BadFile, ...]

    def __repr__(self) -> str:
        return (
            f"SearchResult({self.queries.num_rows} queries among {self.searched} chips, "
            f"{self.candidates.num_rows} candidates)"
        )

    def to_pandas(self) -> Any:
        """The candidates as a DataFrame; needs pandas."""
        return self.candidates.to_pandas()

    def lists(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Each query with its candidates, as records."""
        rows = self.candidates.to_pylist()
        place = 0
        for number, query in enumerate(self.queries.to_pylist()):
            start = place
            while place < len(rows) and rows[place]["query_number"] == number:
                place += 1
            yield query, rows[start:place]


def search_chips(
    model: ChipEmbedder,
    queries: ChipSource,
    gallery: ChipSource,
    options: SearchOptions = SEARCH_DEFAULTS,
) -> SearchResult:
    """Find the chips of a gallery that look most like each query.

    A chip is no answer to itself: the file that a query was read from, with all its windows, is no
    candidate for it.

    Args:
        model: what embeds chips, see :func:`crosswake.load`.
        queries: what to look for.
        gallery: where to look.
        options: how.

    Raises:
        CrosswakeError: no query or no chip can be read, the gallery's embeddings are of another
            model, or a file is bad and ``options.strict`` is set.
    """
    wanted, bad = table_of(model, queries, "queries", options)
    archive, bad_too = table_of(model, gallery, "gallery", options)
    if options.find != "any":
        archive = archive.filter(pc.field("modality") == options.find)
        if not archive.num_rows:
            raise CrosswakeError(f"--find {options.find}: the gallery has no chip of this modality")
    columns, cosine = nearest_chips(wanted, archive, options)
    return SearchResult(
        queries=wanted.select(FACTS),
        candidates=candidate_table(wanted, archive, columns, cosine),
        searched=archive.num_rows,
        bad_files=(*bad, *bad_too),
    )


def table_of(
    model: ChipEmbedder, source: ChipSource, what: str, options: SearchOptions
) -> tuple[pa.Table, tuple[BadFile, ...]]:
    """Embeddings and facts of a source's chips, in the columns of ``crosswake embed``; and the
    files that were left out."""
    if isinstance(source, Path | str) and Path(source).suffix.lower() == ".parquet":
        return read_archive(Path(source), model), ()
    entries, bad = entries_of(source, options)
    if options.strict and bad:
        raise CrosswakeError(f"{bad[0].path}: {bad[0].reason} (--strict)")
    tables: list[pa.Table] = []
    with Progress(len(entries), f"embed {what}", quiet=options.quiet) as progress:
        parts = cut_parts(entries, PART, "")
        how = options.batch_size, options.strict, progress.advance
        for _, content in embed_parts(model, parts, *how):
            table = pq.read_table(pa.BufferReader(content))
            bad += bad_files_of(json.loads(table.schema.metadata[FACTS_KEY]))
            tables.append(table.replace_schema_metadata(None))
    if not any(table.num_rows for table in tables):
        where = source if isinstance(source, Path | str) else "the chips given"
        why = "holds no images"
        if bad:
            why = f"not one chip can be read; the first: {bad[0].path}: {bad[0].reason}"
        raise CrosswakeError(f"{what}: {where}: {why}")
    return pa.concat_tables(tables), tuple(bad)


def entries_of(source: ChipSource, options: SearchOptions) -> tuple[list[Entry], list[BadFile]]:
    """The chips that a source names, and the files that can be none."""
    if not isinstance(source, Path | str):
        root = Path.cwd()
        return [Entry(chip=chip, id=identifier(chip.path, root)) for chip in source], []
    path = Path(source).absolute()
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        found: list[Entry | BadFile] = [loose_file(path, path.parent, options.modality)]
    else:
        found = list(open_listing(path, options.modality).entries())
    return (
        [
            replace(one, chip=chip_read_as(one.chip, options.reading))
            for one in found
            if isinstance(one, Entry)
        ],
        [one for one in found if isinstance(one, BadFile)],
    )


def read_archive(path: Path, model: ChipEmbedder) -> pa.Table:
    """The table that ``crosswake embed`` wrote.

    Raises:
        CrosswakeError: the file is none of ours, or its embeddings are of another model.
    """
    facts = read_facts(path)
    if facts is None:
        raise CrosswakeError(
            f"{path}: no Parquet file of crosswake embed; name one, or the folder of images"
        )
    made_from = read_origin(path) or {}
    if made_from.get("weights") != file_hash(Path(model.source)):
        raise CrosswakeError(
            f"{path}: was embedded with {facts.get('checkpoint', 'other weights')}, which is not "
            f"{model.source}; embeddings of two models do not compare, so embed again"
        )
    if not is_intact(path):
        raise CrosswakeError(f"{path}: is damaged; embed again")
    return pq.read_table(path, columns=[*FACTS, "embedding"])


def embeddings_of(table: pa.Table) -> NDArray[np.float16]:
    """(rows, width) of the column ``embedding``, without a copy where it is in one piece."""
    column = table["embedding"].combine_chunks()
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(column), -1)


def nearest_chips(
    queries: pa.Table, gallery: pa.Table, options: SearchOptions
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(queries, k) rows of the gallery, nearest first, and their cosines; -1 and NaN in places
    for which there is no row."""
    top = options.top
    windows = max(
        Counter(gallery["path"].to_pylist()).values()
    )  # of one file, of which none counts
    how = RankOptions(top=top + windows, device=options.device)
    no_identities = np.arange(queries.num_rows), np.full(gallery.num_rows, -1)
    found = rank(embeddings_of(queries), embeddings_of(gallery), *no_identities, how)
    columns = np.full((queries.num_rows, top), -1)
    cosine = np.full((queries.num_rows, top), np.nan, np.float32)
    files = [os.path.realpath(path) for path in queries["path"].to_pylist()]
    for row, own in enumerate(files):
        names = gallery["path"].take(found.top[row]).to_pylist()
        others = [place for place, name in enumerate(names) if os.path.realpath(name) != own][:top]
        columns[row, : len(others)] = found.top[row, others]
        # For vectors of length 1, cosine = 1 - squared distance / 2.
        cosine[row, : len(others)] = 1 - found.top_distance[row, others] / 2
    return columns, cosine


def candidate_table(
    queries: pa.Table,
    gallery: pa.Table,
    columns: NDArray[np.int64],
    cosine: NDArray[np.float32],
) -> pa.Table:
    """A row for each candidate of each query.

    Columns: ``query_number`` from 0, ``query`` (its id), ``rank`` from 1, ``cosine``, the
    :data:`FACTS` of the candidate, and where both sightings know them ``hours`` from the query to
    the candidate, ``km`` along the great circle, and ``knots``, the least speed that this takes.
    """
    row, place = np.nonzero(columns >= 0)
    one, other = queries.take(row), gallery.take(columns[row, place])
    times = zip(*(table["time"].to_pylist() for table in (one, other)), strict=True)
    hours = np.array([hours_between(a or "", b or "") for a, b in times], np.float64)
    where = [
        np.array(table[name].to_pylist(), np.float64)
        for table in (one, other)
        for name in ("lon", "lat")
    ]
    km = great_circle_km(*where)
    found = {
        "query_number": pa.array(row, pa.int32()),
        "query": one["id"],
        "rank": pa.array(place + 1, pa.int32()),
        "cosine": pa.array(cosine[row, place], pa.float32()),
        **{name: other[name] for name in FACTS},
        "hours": pa.array(hours, pa.float64(), from_pandas=True),
        "km": pa.array(km, pa.float64(), from_pandas=True),
        "knots": pa.array(knots(km, hours), pa.float64(), from_pandas=True),
    }
    return pa.table(found)


def chip_of_record(record: dict[str, Any]) -> Chip:
    """The chip of a row, for pictures."""
    return Chip(
        path=Path(record["path"]),
        identity=record["identity"] or "",
        modality=Modality[record["modality"].upper()],
    )
