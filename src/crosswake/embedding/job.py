"""One embedding job from its settings to its file; run again after an interruption, it goes on."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.lock import only_writer
from crosswake.core.progress import Progress
from crosswake.core.provenance import Origin, origin_text
from crosswake.data.reading import chip_read_as
from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry, Listing, open_listing
from crosswake.embedding.output import (
    is_own_list,
    merge_parts,
    read_bad_list,
    refuse_foreign,
    remove_parts,
    working_folder,
)
from crosswake.embedding.parts import Clock, Part, cut_parts, embed_parts, is_intact, read_facts
from crosswake.models.embedder import load
from crosswake.settings.embed import EmbedConfig


@dataclass(frozen=True, kw_only=True)
class JobOutline:
    """What a job comes to, found by going through the names once.

    Attributes:
        sizes: chips of each part.
        fingerprints: of each part.
        chips: a hash of all chips.
        passed_over: files that cannot be chips, by their names alone.
    """

    sizes: tuple[int, ...]
    fingerprints: tuple[str, ...]
    chips: str
    passed_over: tuple[BadFile, ...]

    @property
    def count(self) -> int:
        """How many chips there are."""
        return sum(self.sizes)

    @property
    def fingerprint(self) -> str:
        """Of all parts together."""
        return hashlib.sha256("".join(self.fingerprints).encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a job did.

    Attributes:
        output: the Parquet file.
        rows: chips in it.
        done_before: chips that an earlier run had embedded already.
        left_out: number of files left out.
        bad_files: these files, unreadable or no chips by their name; none if an earlier run left
            them out and its list was removed.
        waiting: share of the time that the model waited for chips; None where it did not run here.
    """

    output: Path
    rows: int
    done_before: int
    left_out: int
    bad_files: tuple[BadFile, ...]
    waiting: float | None = None


def embed_archive(settings: EmbedConfig) -> Outcome:
    """Embed everything that ``settings.data`` names into ``settings.output``.

    Finished parts lie in ``<output>.parts`` until all are there. So the same settings go on where
    a run was stopped, by whatever means, and end in the same bytes.

    Raises:
        CrosswakeError: the data or model cannot be read, no chip can be embedded, the output cannot
            be written, another process writes it, it is another program's file or of another job
            (unless ``overwrite``), or a file is bad and ``strict`` is set.
    """
    with only_writer(settings.output.parent, settings.output.name):
        listing, origin = open_listing(settings.data, settings.modality), settings.origin()
        outline = make_outline(listing, settings, origin_text(origin))
        refuse_foreign(settings, origin, outline.chips)
        return finished(settings, outline) or work_off(settings, listing, outline, origin)


def finished(settings: EmbedConfig, outline: JobOutline) -> Outcome | None:
    """What an earlier run did, if it did all of it and its file is intact."""
    facts = read_facts(settings.output)
    if facts is None or facts["fingerprint"] != outline.fingerprint:
        return None
    listed = is_own_list(settings)
    left_out = int(facts["bad_files"])
    # Killed just before the list was written, a run leaves all parts.
    unlisted = left_out and not listed and not parts_to_do(settings, outline)
    if unlisted or not is_intact(settings.output):
        return None
    remove_parts(settings)
    return Outcome(
        output=settings.output,
        rows=int(facts["rows"]),
        done_before=outline.count,
        left_out=left_out,
        bad_files=read_bad_list(settings.bad_list) if listed else (),
    )


def work_off(
    settings: EmbedConfig, listing: Listing, outline: JobOutline, origin: Origin
) -> Outcome:
    """Make the parts that are missing, and the file out of all of them."""
    todo = parts_to_do(settings, outline)
    done_before = outline.count - sum(outline.sizes[index] for index in todo)
    clock = Clock()
    with (
        working_folder(settings),
        Progress(outline.count, "embed", quiet=settings.quiet, already=done_before) as progress,
    ):
        every = parts_of(listing, settings, origin_text(origin))
        parts = (part for part in every if part.index in todo)
        for part, content in run_engine(settings, parts, clock, progress.advance) if todo else ():
            with replacing(settings.part_path(part.index)) as temporary:
                temporary.write_bytes(content)
        facts = {
            "checkpoint": settings.checkpoint.name,
            "data": listing.name,
            "fingerprint": outline.fingerprint,
            "chips": outline.chips,
        }
        count = len(outline.sizes)
        rows, bad = merge_parts(settings, count, outline.passed_over, origin, facts)
    spent = clock.waiting + clock.embedding
    return Outcome(
        output=settings.output,
        rows=rows,
        done_before=done_before,
        left_out=len(bad),
        bad_files=bad,
        waiting=clock.waiting / spent if spent else None,
    )


def make_outline(listing: Listing, settings: EmbedConfig, origin: str) -> JobOutline:
    """Go through the names once: count, check, and take fingerprints.

    Raises:
        CrosswakeError: there are no chips, or a file cannot be one and ``strict`` is set.
    """
    passed_over: list[BadFile] = []
    digest = hashlib.sha256()
    sizes, fingerprints = [], []
    for part in parts_of(listing, settings, origin, passed_over):
        sizes.append(len(part.entries))
        fingerprints.append(part.fingerprint)
        digest.update(part.chips.encode())
    if settings.strict and passed_over:
        raise CrosswakeError(f"{passed_over[0].path}: {passed_over[0].reason} (--strict)")
    if not sizes:
        why = [
            f"; the first of {len(passed_over)} files: {bad.path}: {bad.reason}"
            for bad in passed_over[:1]
        ]
        raise CrosswakeError(f"{settings.data}: names no chips{''.join(why)}")
    return JobOutline(
        sizes=tuple(sizes),
        fingerprints=tuple(fingerprints),
        chips=digest.hexdigest(),
        passed_over=tuple(passed_over),
    )


def parts_of(
    listing: Listing,
    settings: EmbedConfig,
    origin: str,
    passed_over: list[BadFile] | None = None,
) -> Iterator[Part]:
    """The parts of a listing, one by one; files that cannot be chips are appended to
    ``passed_over``."""

    def entries() -> Iterator[Entry]:
        for found in listing.entries():
            if isinstance(found, Entry):
                yield replace(found, chip=chip_read_as(found.chip, settings.reading))
            elif passed_over is not None:
                passed_over.append(found)

    return cut_parts(entries(), settings.save_every, origin)


def parts_to_do(settings: EmbedConfig, outline: JobOutline) -> set[int]:
    """The parts that are not there, are damaged, or were made from something else than is there
    now."""
    todo = set()
    for index, fingerprint in enumerate(outline.fingerprints):
        facts = read_facts(settings.part_path(index))
        same = facts is not None and facts["fingerprint"] == fingerprint
        if not same or not is_intact(settings.part_path(index)):
            todo.add(index)
    return todo


def run_engine(
    settings: EmbedConfig, parts: Iterable[Part], clock: Clock, progress: Callable[[int], None]
) -> Iterator[tuple[Part, bytes]]:
    """Parts and the content of their files, by the engine that the settings name."""
    if settings.engine == "ray":
        from crosswake.embedding.ray_engine import embed_with_ray

        return embed_with_ray(settings, parts, progress)
    embedder = load(settings.checkpoint, device=settings.device, precision=settings.precision)
    return embed_parts(
        embedder, parts, settings.batch_size, settings.strict, progress=progress, clock=clock
    )
