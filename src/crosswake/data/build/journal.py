"""Remembers what a build has done, so that an interrupted one goes on."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import cannot_write, is_below, replacing
from crosswake.data.build.plan import BuildPlan
from crosswake.data.build.work import BuiltItem, JobOutcome
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
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CrosswakeError(f"{path}: damaged; remove {out} and build it again") from error
    with replacing(path, remedy="choose another folder") as part:
        part.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8", newline="\n")


def require_same_plan(out: Path, old: Any, new: dict[str, Any]) -> None:
    """Raise if the plans differ; the line says in what."""
    if old == new:
        return
    before, after = ({**plan["settings"], "sources": plan["sources"]} for plan in (old, new))
    changed = [
        f"{name} was {before.get(name)}, is {after[name]}"
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
        CrosswakeError: the journal names a file outside ``out``, or cannot be read.
    """
    path = out / JOURNAL
    known: dict[int, JobOutcome] = {}
    whole = 0
    try:
        if not path.is_file():
            return {}
        with path.open("rb+") as file:
            for line in file:
                outcome = outcome_of(line, plan)
                if outcome is None:
                    break
                refuse_outside(path, outcome)
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
        fits = outcome.job >= 0 and all(
            item.id in ids and isinstance(item.rgb, str) and isinstance(item.sar, str)
            for item in items
        )
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return outcome if fits and line.endswith(b"\n") else None


def refuse_outside(path: Path, outcome: JobOutcome) -> None:
    """Raise if a journal names a file outside its folder: the build deletes files by these names,
    and folders are passed from hand to hand."""
    for name in (name for item in outcome.items for name in (item.rgb, item.sar)):
        if name and not is_below(name):
            raise CrosswakeError(
                f"{path}: names {name!r}, which is outside its folder; remove {path.parent} and "
                "build it again"
            )


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
