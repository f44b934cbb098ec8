"""One embedding job from its settings to its file; run again after an interruption, it goes on."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.progress import Progress
from crosswake.data.reid import BadFile
from crosswake.data.sources.listing import Entry, Listing, open_listing
from crosswake.embedding.local import Clock, embed_parts
from crosswake.embedding.merge import merge_parts, read_bad_list
from crosswake.embedding.parts import Part, cut_parts, read_facts, read_finished
from crosswake.models.embedder import load
from crosswake.settings.embed import EmbedConfig


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a job comes to, found by going through the names once.

    Attributes:
        chips: how many there are.
        sizes: chips of each part.
        fingerprints: of each part.
        passed_over: files that cannot be chips, by their names alone.
        fingerprint: of all together.
    """

    chips: int
    sizes: tuple[int, ...]
    fingerprints: tuple[str, ...]
    passed_over: tuple[BadFile, ...]
    fingerprint: str


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

    Finished parts lie in ``<output>.parts`` until all are there, so that the same settings go on
    where a run was stopped, by whatever means, and end in the same bytes.

    Raises:
        CrosswakeError: the data or model cannot be read, no chip can be, the output cannot be
            written, or a file is bad and ``strict`` is set.
    """
    listing = open_listing(settings.data, settings.modality)
    described = settings.describe()
    identity = json.dumps(described, sort_keys=True)
    plan = make_plan(listing, settings, identity)
    facts = described | {"data": listing.name, "fingerprint": plan.fingerprint}
    if (rows := rows_of_whole(settings, plan)) is not None:
        bad = read_bad_list(settings.bad_list)
        return Outcome(output=settings.output, rows=rows, done_before=plan.chips, bad_files=bad)
    todo = {index for index in range(len(plan.sizes)) if not is_done(settings, plan, index)}
    done_before = plan.chips - sum(plan.sizes[index] for index in todo)
    clock = Clock()
    with (
        working_folder(settings),
        Progress(plan.chips, "embed", quiet=settings.quiet, already=done_before) as progress,
    ):
        parts = (part for part in parts_of(listing, settings, identity) if part.index in todo)
        for part, content in run_engine(settings, parts, clock, progress.advance) if todo else ():
            with replacing(settings.part_path(part.index)) as temporary:
                temporary.write_bytes(content)
    rows, bad = merge_parts(settings, len(plan.sizes), plan.passed_over, facts)
    spent = clock.waiting + clock.embedding
    waiting = clock.waiting / spent if spent else None
    return Outcome(
        output=settings.output, rows=rows, done_before=done_before, bad_files=bad, waiting=waiting
    )


def make_plan(listing: Listing, settings: EmbedConfig, identity: str) -> Plan:
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
    return Plan(
        chips=sum(sizes),
        sizes=sizes,
        fingerprints=fingerprints,
        passed_over=tuple(passed_over),
        fingerprint=hashlib.sha256("".join(fingerprints).encode()).hexdigest()[:32],
    )


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
                yield found
            elif passed_over is not None:
                passed_over.append(found)

    return cut_parts(entries(), settings.save_every, identity)


def run_engine(
    settings: EmbedConfig, parts: Iterable[Part], clock: Clock, advance: Callable[[int], None]
) -> Iterator[tuple[Part, bytes]]:
    """Parts and the content of their files, by the engine that the settings name."""
    if settings.engine == "ray":
        from crosswake.embedding.ray_engine import embed_with_ray

        return embed_with_ray(settings, parts, advance)
    embedder = load(settings.checkpoint, device=settings.device, precision=settings.precision)
    return embed_parts(embedder, parts, settings.batch_size, settings.strict, clock, advance)


@contextlib.contextmanager
def working_folder(settings: EmbedConfig) -> Iterator[None]:
    """The folder of finished parts; it stays where there are any."""
    try:
        settings.parts_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = f"{settings.parts_folder}: cannot be made ({error.strerror})"
        raise CrosswakeError(f"{where}; choose another --output") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            settings.parts_folder.rmdir()  # does nothing while it holds a part


def is_done(settings: EmbedConfig, plan: Plan, index: int) -> bool:
    """Whether a part's file is there and was made from what is there now."""
    finished = read_finished(settings.part_path(index))
    return finished is not None and finished.fingerprint == plan.fingerprints[index]


def rows_of_whole(settings: EmbedConfig, plan: Plan) -> int | None:
    """Rows of the output if it is there already, made from what is there now."""
    facts = read_facts(settings.output)
    return (
        int(facts["rows"])
        if facts is not None and facts.get("fingerprint") == plan.fingerprint
        else None
    )
