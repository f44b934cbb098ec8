"""Adds a source to a gallery: only what is new is embedded, and each batch is there or is not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.provenance import file_hash
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.pixels import Pixels
from crosswake.data.reid import BadFile
from crosswake.data.sources.folders import IMAGE_SUFFIXES, is_file
from crosswake.data.sources.listing import Entry, ModalityChoice, loose_file, open_listing
from crosswake.embedding.parts import NO_EMBEDDING, report_and_locate
from crosswake.gallery.catalogue import LENGTH_TOLERANCE, Gallery
from crosswake.gallery.origins import FactsOfPath, facts_beside
from crosswake.gallery.sources import (
    Bringing,
    SeenChip,
    bytes_of_file,
    each_band,
    embedded_rows,
    embedded_tables,
    sighting_id,
    sightings_table,
    thumbnail_of,
    weights_of,
)
from crosswake.gallery.store import sql_in
from crosswake.models.base import ChipEmbedder

ADDED_TOGETHER = 512
"""Chips that are embedded and added together: one transaction."""


@dataclass(frozen=True, kw_only=True)
class AddOptions:
    """How a source is added.

    Attributes:
        how: how chips become sightings.
        modality: of images whose names do not say it.
        batch_size: chips that go through the model together.
        strict: stop at the first bad file.
        quiet: show no progress.
    """

    how: Bringing
    modality: ModalityChoice = "auto"
    batch_size: int = 64
    strict: bool = False
    quiet: bool = True


@dataclass
class Added:
    """What became of a source.

    Attributes:
        new: sightings that were added.
        known: those that were there before.
        bad_files: files that were left out.
        without_image: rows of a Parquet file whose image cannot be read; they are added.
    """

    new: int = 0
    known: int = 0
    bad_files: list[BadFile] = field(default_factory=list)
    without_image: list[BadFile] = field(default_factory=list)


def add_source(
    gallery: Gallery, source: Path, model: ChipEmbedder | None, options: AddOptions
) -> Added:
    """Add all that a source names: images, a folder, a table, OpenSARShip, or a Parquet file with
    embeddings, which needs no model.

    Raises:
        CrosswakeError: the source cannot be read, its embeddings or ``model`` are of another model
            than the gallery's, a file is bad and ``options.strict`` is set, or the gallery cannot
            be written. What was added before stays, and the same command goes on from there.
    """
    rows = embedded_rows(source)
    if rows is not None:
        return add_embedded(gallery, source, rows, options)
    if model is None:
        raise CrosswakeError("--checkpoint: is needed to embed images; name the gallery's model")
    gallery.require_model(file_hash(Path(model.source)), model.source)
    result = Added()
    chips = chips_to_add(source, options, result.bad_files)
    if options.strict and result.bad_files:
        refuse_bad(result.bad_files[0])
    more = facts_beside(source.absolute())
    with Progress(len(chips), "add", quiet=options.quiet) as progress:
        for start in range(0, len(chips), ADDED_TOGETHER):
            chunk = chips[start : start + ADDED_TOGETHER]
            add_chips(gallery, model, chunk, more, (options, result))
            progress.advance(len(chunk))
    return result


def add_embedded(gallery: Gallery, source: Path, rows: int, options: AddOptions) -> Added:
    """:func:`add_source` for a Parquet file."""
    gallery.require_model(weights_of(source), source)
    result = Added()
    with Progress(rows, "add", "sightings", quiet=options.quiet) as progress:
        for table in embedded_tables(source, options.how, result.without_image.append):
            if options.strict and result.without_image:
                refuse_bad(result.without_image[0])
            new = gallery.add(table)
            result.new += new
            result.known += table.num_rows - new
            progress.advance(table.num_rows)
    return result


def refuse_bad(bad: BadFile) -> None:
    """Stop at a bad file, as ``--strict`` wants it."""
    raise CrosswakeError(f"{bad.path}: {bad.reason} (--strict)")


def chips_to_add(source: Path, options: AddOptions, bad: list[BadFile]) -> list[Chip]:
    """The chips that a source names, read as wanted; files that can be none go to ``bad``."""
    source = source.absolute()
    if is_file(source) and source.suffix.lower() in IMAGE_SUFFIXES:
        found: list[Entry | BadFile] = [loose_file(source, source.parent, options.modality)]
    else:
        found = list(open_listing(source, options.modality).entries())
    bad += [one for one in found if isinstance(one, BadFile)]
    entries = [one for one in found if isinstance(one, Entry)]
    return [chip for entry in entries for chip in each_band(entry, options.how.reading)]


def add_chips(
    gallery: Gallery,
    model: ChipEmbedder,
    chips: Sequence[Chip],
    more: FactsOfPath,
    to: tuple[AddOptions, Added],
) -> None:
    """Embed and add those of some chips that are new."""
    options, result = to
    named, doubled = with_ids(chips, result.bad_files)
    there = gallery.read(sql_in("id", list(named)), ["id"])["id"].to_pylist() if named else []
    new = {name: chip for name, chip in named.items() if name not in set(there)}
    result.known += doubled + len(there)
    found, features = embed_new(model, new, to)
    if options.strict and result.bad_files:
        refuse_bad(result.bad_files[0])
    if found:
        added = gallery.add(sightings_table(found, features, more, options.how.columns()))
        result.new += added
        result.known += len(found) - added  # another writer was quicker


def with_ids(chips: Sequence[Chip], bad: list[BadFile]) -> tuple[dict[str, Chip], int]:
    """Chips by their ids, and how many stand there twice; unreadable files go to ``bad``."""
    named: dict[str, Chip] = {}
    doubled = 0
    for chip in chips:
        try:
            name = sighting_id(bytes_of_file(chip.path), chip)
        except UnreadableChipError as error:
            bad.append(BadFile(path=chip.path, reason=error.reason))
            continue
        doubled += name in named
        named.setdefault(name, chip)
    return named, doubled


def embed_new(
    model: ChipEmbedder, new: dict[str, Chip], to: tuple[AddOptions, Added]
) -> tuple[list[SeenChip], np.ndarray[Any, np.dtype[np.float32]]]:
    """Embed chips by their ids, looking at each once."""
    options, result = to
    names = {chip: name for name, chip in new.items()}

    def look(chip: Chip, pixels: Pixels) -> tuple[Any, bytes | None]:
        picture = thumbnail_of(chip, pixels) if options.how.thumbnails else None
        return report_and_locate(chip, pixels), picture

    def batches() -> Iterator[tuple[None, Sequence[Chip]]]:
        for start in range(0, len(new), options.batch_size):
            yield None, list(new.values())[start : start + options.batch_size]

    found: list[SeenChip] = []
    parts = [np.empty((0, model.width), np.float32)]
    for _, batch in model.embed_batches(batches(), look=look, strict=options.strict):
        result.bad_files += batch.bad_files
        length = np.linalg.norm(batch.features.astype(np.float64), axis=1)
        good = np.abs(length - 1) < LENGTH_TOLERANCE
        for row, chip in enumerate(batch.chips):
            if good[row]:
                place, picture = batch.seen[row]
                found.append(SeenChip(chip=chip, id=names[chip], place=place, thumbnail=picture))
            else:
                result.bad_files.append(BadFile(path=chip.path, reason=NO_EMBEDDING))
        parts.append(batch.features[good])
    return found, np.concatenate(parts)
