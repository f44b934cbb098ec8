"""Remembers what a build has done, so that an interrupted one goes on."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import cannot_write, replacing
from crosswake.core.text import cut_short
from crosswake.data.build.plan import BuildPlan
from crosswake.data.build.work import BuiltItem, JobOutcome, image_stem
from crosswake.data.sources.optisar import BUILD_PLAN, JOURNAL

DISK_FULL = "is the disk full?"


def claim(out: Path, plan: BuildPlan) -> None:
    """Make the output folder, or see that it was made by the same plan.

    Raises:
        CrosswakeError: it holds something else, or was made by another plan; it says what differs.
    """
    wanted = plan.describe()
    path = out / BUILD_PLAN
    try:
        if path.is_file():
            require_same_plan(out, json.loads(path.read_text(encoding="utf-8")), wanted)
            return
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CrosswakeError(
                f"{out}: exists and was not made by this command; name a new folder"
            )
    except OSError as error:
        raise cannot_write(out, error, remedy="choose another folder") from error
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise CrosswakeError(
            f"{path}: is damaged, or no plan of this command; name a new folder"
        ) from error
    with replacing(path, remedy="choose another folder") as part:
        part.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8", newline="\n")


def require_same_plan(out: Path, old: Any, new: dict[str, Any]) -> None:
    """Raise if the plans differ; the line says in what."""
    if old == new:
        return
    before, after = ({**plan["settings"], "sources": plan["sources"]} for plan in (old, new))
    changed = [
        f"{name} was {cut_short(before.get(name), 200)}, is {after[name]}"
        for name in after
        if before.get(name) != after[name]
    ]
    what = "; ".join(changed) or "other files or sizes in the sources"
    raise CrosswakeError(
        f"{out}: was begun with another plan ({what}); use that one again, or name a new folder"
    )


def read_journal(out: Path, plan: BuildPlan) -> dict[int, JobOutcome]:
    """What became of each job that was done, by the job's number.

    A kill may cut the last line short; from the first line that is not whole on, the journal is
    cut off and those jobs are done again.

    Raises:
        CrosswakeError: the journal names other files than the plan does, or cannot be read.
    """
    path = out / JOURNAL
    known: dict[int, JobOutcome] = {}
    whole = 0
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise CrosswakeError(f"{path}: is a link or no file, and would be written to; remove it")
    try:
        if not path.exists():
            return {}
        with path.open("rb+") as file:
            for line in file:
                outcome = outcome_of(line, plan)
                if outcome is None:
                    break
                refuse_other_names(path, outcome, plan)
                known[outcome.job] = outcome
                whole += len(line)
            file.truncate(whole)
    except OSError as error:
        raise cannot_write(path, error, remedy="choose another folder") from error
    return known


def outcome_of(line: bytes, plan: BuildPlan) -> JobOutcome | None:
    """An outcome from its line; None where the line is cut short or fits no job of the plan."""
    try:
        row = json.loads(line)
        items = tuple(BuiltItem(**item) for item in row["items"])
        outcome = JobOutcome(**{**row, "items": items})
        job = plan.jobs[outcome.job]
        ids = range(job.first_id, job.first_id + len(job.boxes))
        fits = outcome.job >= 0 and has_types(outcome, JobOutcome(job=0))
        fits = fits and all(item.id in ids and has_types(item, BuiltItem(id=0)) for item in items)
    except (ValueError, RecursionError, TypeError, KeyError, IndexError):
        return None
    return outcome if fits and line.endswith(b"\n") else None


def has_types(found: BuiltItem | JobOutcome, like: BuiltItem | JobOutcome) -> bool:
    """Whether each value of a row has the type of another row's, and fits into the manifest."""
    for one in fields(found):
        value, kind = getattr(found, one.name), type(getattr(like, one.name))
        if type(value) not in ((int, float) if kind is float else (kind,)):
            return False
        if kind is int and not one.name.endswith("_bytes") and abs(value) >= 1 << 31:
            return False
        if isinstance(value, str) and isinstance(found, BuiltItem) and not value.isascii():
            return False
    return True


def refuse_other_names(path: Path, outcome: JobOutcome, plan: BuildPlan) -> None:
    """Raise if a journal names other files than the plan does: the build deletes files by these
    names, and folders are passed from hand to hand."""
    for item in outcome.items:
        stem = image_stem(plan.jobs[outcome.job], item.id)
        for name, kind in ((item.rgb, "RGB"), (item.sar, "SAR")):
            if name not in ("", f"{stem}_{kind}.png", f"{stem}_{kind}.tif"):
                what = f"{ascii(name)[:200]}, which is no image of this plan"
                raise CrosswakeError(f"{path}: names {what}; name a new folder")


def note(file: IO[str], outcome: JobOutcome) -> None:
    """Write down one outcome, once its files are in place.

    Raises:
        CrosswakeError: it cannot be written.
    """
    try:
        file.write(json.dumps(asdict(outcome)) + "\n")
        file.flush()
    except OSError as error:
        raise cannot_write(Path(file.name), error, remedy=DISK_FULL) from error
