"""Builds OptiSar_Pair out of SEN1-2, DFC23 and scenes, in parallel.

A build that was stopped goes on, and the files are the same bytes every time.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import cannot_write, remove_dead_parts, replacing
from crosswake.core.progress import Progress
from crosswake.data.build.journal import DISK_FULL, claim, note, read_journal
from crosswake.data.build.plan import BuildJob, BuildPlan
from crosswake.data.build.work import BuiltItem, JobOutcome, do_job
from crosswake.data.check.registration import Offset
from crosswake.data.reid import BadFile
from crosswake.data.sources.optisar import JOURNAL, MANIFEST, OPTISAR_FOLDER

JOBS_AT_ONCE = 512
"""Jobs handed to the threads together, so that a million do not wait in memory."""
PAIR_COLUMNS = ("scene", "city", "season", "terrain", "split")
ITEM_COLUMNS = ("id", "rgb", "sar", "height", "width", "hash")
OFFSET_COLUMNS = ("offset_rows", "offset_columns", "confidence")
"""Columns of the manifest that a pair and a built item know by the same name."""
MISREGISTERED = "off by more than --max_offset"


@dataclass(frozen=True, kw_only=True)
class Built:
    """A finished build.

    Attributes:
        plan: what was to be made.
        kept: the pairs that are there, each with its job, by id.
        left_out: those that are not, with the reason in the item.
        misregistered: ids of kept pairs beyond the allowed offset.
        same_optical: (id, earlier id) of kept pairs with equal optical and different SAR pixels.
        bad_files: of the sources, and those that turned out to be unusable.
    """

    plan: BuildPlan
    kept: tuple[tuple[BuiltItem, BuildJob], ...]
    left_out: tuple[tuple[BuiltItem, BuildJob], ...]
    misregistered: tuple[int, ...]
    same_optical: tuple[tuple[int, int], ...]
    bad_files: tuple[BadFile, ...]


def build_pairs(
    out: Path, plan: BuildPlan, *, workers: int = 0, quiet: bool = False, strict: bool = False
) -> Built:
    """Make the images of the pairs; a second call with the same plan makes what is still missing.

    Args:
        out: folder for ``OptiSar_Pair/``, the manifest and the report.
        plan: what to make.
        workers: threads, or 0 for one a core.
        quiet: show no progress.
        strict: stop at the first bad file.

    Raises:
        CrosswakeError: ``out`` is not free or of another plan, cannot be written, or ``strict`` and
            a file is bad.
        KeyboardInterrupt: with how far it got.
    """
    if workers < 0:
        raise CrosswakeError(
            f"--workers is {workers}; give a number of threads, or 0 for one a core"
        )
    if strict and plan.bad_files:
        stop_at(plan.bad_files[0].path, plan.bad_files[0].reason)
    claim(out, plan)
    outcomes = read_journal(out, plan)
    journal_file = out / JOURNAL
    missing = missing_jobs(out, plan, outcomes)

    def work(number: int) -> JobOutcome:
        return do_job(out, number, plan.jobs[number])

    already = plan.pair_count - sum(len(plan.jobs[number].boxes) for number in missing)
    try:
        with (
            Progress(plan.pair_count, "building", "pairs", quiet, already) as progress,
            journal_file.open("a", encoding="utf-8", newline="\n") as journal,
        ):
            for outcome in do_jobs(work, missing, workers or os.cpu_count() or 1):
                outcomes[outcome.job] = outcome
                if strict and outcome.bad_path:
                    stop_at(outcome.bad_path, outcome.bad_reason)
                note(journal, outcome)
                progress.advance(len(plan.jobs[outcome.job].boxes))
    except OSError as error:
        raise cannot_write(journal_file, error, remedy=DISK_FULL) from error
    except KeyboardInterrupt as error:
        done = f"{progress.done} of {progress.total} pairs"
        raise KeyboardInterrupt(
            f"stopped after {done}; the same command goes on from there"
        ) from error
    built = judge(plan, outcomes)
    remove_left_out(out, built)
    return built


def stop_at(path: Path | str, reason: str) -> None:
    """Refuse to go on after a bad file."""
    raise CrosswakeError(f"{path}: {reason} (--strict stops at the first bad file)")


def do_jobs(
    work: Callable[[int], JobOutcome], numbers: Sequence[int], workers: int
) -> Iterator[JobOutcome]:
    """Do the jobs in threads; outcomes in order. Threads are enough, since decoding, Fourier
    transforms and encoding release the interpreter."""
    with ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, len(numbers), JOBS_AT_ONCE):
                yield from pool.map(work, numbers[start : start + JOBS_AT_ONCE])
        finally:
            pool.shutdown(cancel_futures=True)


def missing_jobs(out: Path, plan: BuildPlan, outcomes: dict[int, JobOutcome]) -> list[int]:
    """The jobs not done yet, those with a bad file (it may have been corrected since), and those
    whose files are gone or do not have the size they were written with."""
    present = present_files(out)
    kept = {item.id for item, _ in judge(plan, outcomes).kept}

    def complete(outcome: JobOutcome) -> bool:
        written = (item for item in outcome.items if item.id in kept)
        return not outcome.bad_path and all(
            present.get(item.rgb) == item.rgb_bytes and present.get(item.sar) == item.sar_bytes
            for item in written
        )

    return [
        number
        for number in range(len(plan.jobs))
        if number not in outcomes or not complete(outcomes[number])
    ]


def present_files(out: Path) -> dict[str, int]:
    """Every image in the output: its path from the output folder, and its size in bytes."""
    return {
        f"{OPTISAR_FOLDER}/{folder.name}/{file.name}": file.stat(follow_symlinks=False).st_size
        for folder in image_folders(out)
        for file in os.scandir(folder)
    }


def image_folders(out: Path) -> list[Path]:
    """The folders of images in the output."""
    base = out / OPTISAR_FOLDER
    return sorted(path for path in base.iterdir() if path.is_dir()) if base.is_dir() else []


def judge(plan: BuildPlan, outcomes: dict[int, JobOutcome]) -> Built:
    """Which pairs stay: the first of those with equal pixels, and with ``drop_misregistered`` only
    those whose two images match in place."""
    settings = plan.settings
    kept, left_out, misregistered, same_optical = [], [], [], []
    first: dict[str, int] = {}
    first_optical: dict[str, int] = {}
    for number in sorted(outcomes):
        job = plan.jobs[number]
        for item in outcomes[number].items:
            far = settings.max_offset is not None and offset_of(item).beyond(settings.max_offset)
            if item.reason:
                left_out.append((item, job))
            elif (earlier := first.setdefault(item.hash, item.id)) != item.id:
                left_out.append((replace(item, reason=f"same pixels as pair {earlier}"), job))
            elif far and settings.drop_misregistered:
                left_out.append((replace(item, reason=MISREGISTERED), job))
            else:
                kept.append((item, job))
                misregistered += [item.id] * far
                if (twin := first_optical.setdefault(item.optical_hash, item.id)) != item.id:
                    same_optical.append((item.id, twin))
    failed = [outcomes[number] for number in sorted(outcomes) if outcomes[number].bad_path]
    return Built(
        plan=plan,
        kept=tuple(kept),
        left_out=tuple(left_out),
        misregistered=tuple(misregistered),
        same_optical=tuple(same_optical),
        bad_files=plan.bad_files
        + tuple(BadFile(path=Path(one.bad_path), reason=one.bad_reason) for one in failed),
    )


def offset_of(item: BuiltItem) -> Offset:
    """The offset of an item."""
    return Offset(rows=item.offset_rows, columns=item.offset_columns, confidence=item.confidence)


def remove_left_out(out: Path, built: Built) -> None:
    """Delete the files of pairs that were written before it was known that they are left out, and
    temporary files of a killed build."""
    try:
        for item, _ in built.left_out:
            for name in filter(None, (item.rgb, item.sar)):
                (out / name).unlink(missing_ok=True)
        for folder in image_folders(out):
            remove_dead_parts(folder, "*")
    except OSError as error:
        raise CrosswakeError(
            f"{error.filename}: cannot be removed ({error.strerror}); check the folder's rights"
        ) from error


def write_manifest(out: Path, built: Built) -> Path:
    """Write one row for each pair that is there, by id; returns the file."""
    import pyarrow
    import pyarrow.parquet

    path = out / MANIFEST
    table = pyarrow.Table.from_pylist(list(manifest_rows(built.kept)), manifest_schema())
    with replacing(path, remedy=DISK_FULL) as part:
        pyarrow.parquet.write_table(table, part)
    return path


def manifest_schema() -> Any:
    """The manifest's columns; crop boxes are null for whole images."""
    import pyarrow

    texts = ("rgb", "sar", "optical_path", "sar_path", "place")
    numbers = ("top", "left", "height", "width", "offset_rows", "offset_columns")
    columns = [("id", pyarrow.int64()), ("source", pyarrow.string())]
    columns += [(name, pyarrow.string()) for name in (*texts, *PAIR_COLUMNS)]
    columns += [(name, pyarrow.int32()) for name in numbers]
    return pyarrow.schema([*columns, ("confidence", pyarrow.float32()), ("hash", pyarrow.string())])


def manifest_rows(kept: Iterable[tuple[BuiltItem, BuildJob]]) -> Iterator[dict[str, Any]]:
    """The manifest, row by row."""
    for item, job in kept:
        pair, box = job.pair, job.boxes[item.id - job.first_id]
        yield {
            "source": pair.source,
            "optical_path": str(pair.optical.absolute()),
            "sar_path": str(pair.sar.absolute()),
            "place": pair.id,
            "top": box.top if box else None,
            "left": box.left if box else None,
            **{name: getattr(pair, name) for name in PAIR_COLUMNS},
            **{name: getattr(item, name) for name in ITEM_COLUMNS + OFFSET_COLUMNS},
        }
