"""One embedding job from its settings to its file; run again after an interruption, it goes on."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.progress import Progress
from crosswake.data.reading import chip_read_as
from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry, Listing, open_listing
from crosswake.embedding.output import merge_parts, read_bad_list, refuse_foreign, working_folder
from crosswake.embedding.parts import Clock, Part, cut_parts, embed_parts, read_facts
from crosswake.models.embedder import load
from crosswake.settings.embed import EmbedConfig


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What a job comes to, found by going through the names once.

    Attributes:
        sizes: chips of each part.
        fingerprints: of each part.
        passed_over: files that cannot be chips, by their names alone.
    """

    sizes: tuple[int, ...]
    fingerprints: tuple[str, ...]
    passed_over: tuple[BadFile, ...]

    @property
    def chips(self) -> int:
        """How many there are."""
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
        bad_files: files left out, unreadable or no chips by their name.
        waiting: share of the time that the model waited for chips; None where it did not run here.
    """

    output: Path
    rows: int
    done_before: int
    bad_files: tuple[BadFile, ...]
    waiting: float | None = None


def embed_archive(settings: EmbedConfig) -> Outcome:
    """Embed everything that ``settings.data`` names into ``settings.output``.

    Finished parts lie in ``<output>.parts`` until all are there. So the same settings go on where
    a run was stopped, by whatever means, and end in the same bytes.

    Raises:
        CrosswakeError: the data or model cannot be read, no chip can be, the output cannot be
            written or is another program's file, or a file is bad and ``strict`` is set.
    """
    listing = open_listing(settings.data, settings.modality)
    described = settings.describe()
    identity = json.dumps(described, sort_keys=True)
    outline = make_outline(listing, settings, identity)
    refuse_foreign(settings)
    whole = read_facts(settings.output)
    if whole is not None and whole["fingerprint"] == outline.fingerprint:
        return Outcome(
            output=settings.output,
            rows=int(whole["rows"]),
            done_before=outline.chips,
            bad_files=read_bad_list(settings.bad_list),
        )
    todo = parts_to_do(settings, outline)
    done_before = outline.chips - sum(outline.sizes[index] for index in todo)
    clock = Clock()
    with (
        working_folder(settings),
        Progress(outline.chips, "embed", quiet=settings.quiet, already=done_before) as progress,
    ):
        parts = (part for part in parts_of(listing, settings, identity) if part.index in todo)
        for part, content in run_engine(settings, parts, clock, progress.advance) if todo else ():
            with replacing(settings.part_path(part.index)) as temporary:
                temporary.write_bytes(content)
        facts = described | {"data": listing.name, "fingerprint": outline.fingerprint}
        rows, bad = merge_parts(settings, len(outline.sizes), outline.passed_over, facts)
    spent = clock.waiting + clock.embedding
    return Outcome(
        output=settings.output,
        rows=rows,
        done_before=done_before,
        bad_files=bad,
        waiting=clock.waiting / spent if spent else None,
    )


def make_outline(listing: Listing, settings: EmbedConfig, identity: str) -> Outline:
    """Go through the names once: count, check, and take fingerprints.

    Raises:
        CrosswakeError: there are no chips, or a file cannot be one and ``strict`` is set.
    """
    passed_over: list[BadFile] = []
    parts = [
        (len(part.entries), part.fingerprint)
        for part in parts_of(listing, settings, identity, passed_over)
    ]
    if settings.strict and passed_over:
        raise CrosswakeError(f"{passed_over[0].path}: {passed_over[0].reason} (--strict)")
    if not parts:
        why = [
            f"; the first of {len(passed_over)} files: {bad.path}: {bad.reason}"
            for bad in passed_over[:1]
        ]
        raise CrosswakeError(f"{settings.data}: names no chips{''.join(why)}")
    sizes, fingerprints = zip(*parts, strict=True)
    return Outline(sizes=sizes, fingerprints=fingerprints, passed_over=tuple(passed_over))


def parts_of(
    listing: Listing,
    settings: EmbedConfig,
    identity: str,
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

    return cut_parts(entries(), settings.save_every, identity)


def parts_to_do(settings: EmbedConfig, outline: Outline) -> set[int]:
    """The parts that are not there, or were made from something else than is there now."""
    todo = set()
    for index, fingerprint in enumerate(outline.fingerprints):
        facts = read_facts(settings.part_path(index))
        if facts is None or facts["fingerprint"] != fingerprint:
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
