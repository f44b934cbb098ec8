"""Remembers what a build has done, so that an interrupted one goes on."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from crosswake.data.build.plan import Plan
from crosswake.data.build.work import Item, Outcome
from crosswake.core.errors import CrosswakeError

PLAN, JOURNAL = "plan.json", "journal.jsonl"


def claim(out: Path, plan: Plan) -> None:
    """Make the output folder, or see that it was made by the same plan.

    Raises:
        CrosswakeError: it holds something else, or was made by another plan; it says what differs.
    """
    wanted = plan.describe()
    path = out / PLAN
    try:
        if path.is_file():
            compare(out, json.loads(path.read_text(encoding="utf-8")), wanted)
            return
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CrosswakeError(f"{out}: exists and was not made by this command; name a new folder")
        out.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(wanted, indent=2) + "\n")
    except OSError as error:
        raise CrosswakeError(f"{out}: cannot be written ({error.strerror}); choose another folder") from error
    except ValueError as error:
        raise CrosswakeError(f"{path}: damaged; remove {out} and build it again") from error


def compare(out: Path, old: Any, new: dict[str, Any]) -> None:
    """Raise one line if the plans differ."""
    if old == new:
        return
    before, after = ({**plan["settings"], "sources": plan["sources"]} for plan in (old, new))
    changed = [f"{name} was {before.get(name)}, is {after[name]}" for name in after if before.get(name) != after[name]]
    what = "; ".join(changed) or "other files or sizes in the sources"
    raise CrosswakeError(f"{out}: was begun with another plan ({what}); use that one again, or name a new folder")


def read_journal(out: Path, plan: Plan) -> dict[int, Outcome]:
    """What became of each job that was done; a last line cut short by a kill is removed from the
    file."""
    path = out / JOURNAL
    if not path.is_file():
        return {}
    known: dict[int, Outcome] = {}
    whole = 0
    with path.open("rb+") as file:
        for line in file:
            try:
                outcome = outcome_of(json.loads(line))
            except (ValueError, TypeError, KeyError):
                break
            if not line.endswith(b"\n") or outcome.job >= len(plan.jobs):
                break
            known[outcome.job] = outcome
            whole += len(line)
        file.truncate(whole)
    return known


def outcome_of(row: dict[str, Any]) -> Outcome:
    """An outcome from its line."""
    return Outcome(**{**row, "items": tuple(Item(**item) for item in row["items"])})


@contextlib.contextmanager
def append_journal(out: Path) -> Iterator[IO[str]]:
    """The journal, open for further lines."""
    with (out / JOURNAL).open("a", encoding="utf-8", newline="\n") as file:
        yield file


def note(file: IO[str], outcome: Outcome) -> None:
    """Write down one outcome, its files being in place.

    Raises:
        CrosswakeError: it cannot be written.
    """
    try:
        file.write(json.dumps(asdict(outcome)) + "\n")
        file.flush()
    except OSError as error:
        raise CrosswakeError(f"{file.name}: cannot be written ({error.strerror}); is the disk full?") from error


def write_text(path: Path, text: str) -> None:
    """Write to a temporary name, then rename."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)
