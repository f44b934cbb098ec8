"""What people found: a table that is only ever appended to, so nothing that a person confirmed is
lost, whoever writes at the same moment."""

import getpass
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import cut_short
from crosswake.data.judgements import JudgedPair, last_words
from crosswake.gallery.catalogue import JUDGEMENT_COLUMNS, JUDGEMENTS, Gallery
from crosswake.gallery.store import said_of, sql_in, sql_part_of_id, sql_text, until_committed

Verdict = Literal["same", "different", "unsure"]
FEWEST_LETTERS = 4
"""Letters by which an id may be named."""
IN_FORCE = "in_force"
"""Column of exports: whether nobody has taken the judgement back."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One judgement.

    Attributes:
        query: id of a sighting.
        candidate: id of another.
        verdict: whether both are one ship.
        who: who says so; by default the user of this machine.
        note: why.
    """

    query: str
    candidate: str
    verdict: Verdict
    who: str = ""
    note: str = ""


def record_judgement(gallery: Gallery, judged: Judgement) -> str:
    """Append a judgement; returns its id.

    Raises:
        CrosswakeError: a sighting is not there, or both are one.
    """
    query, candidate = (whole_id(gallery, one) for one in (judged.query, judged.candidate))
    if query == candidate:
        raise CrosswakeError(f"{query}: query and candidate are one sighting; name two")
    row = {"query": query, "candidate": candidate, "verdict": judged.verdict, "note": judged.note}
    return append(gallery, row | {"who": judged.who})


def undo(gallery: Gallery, judgement: str, who: str = "", note: str = "") -> str:
    """Append that a judgement is taken back; returns the id of what was appended.

    Raises:
        CrosswakeError: there is no such judgement, or it is taken back already.
    """
    rows = judgements_of(gallery)
    ids = [one for one in rows["id"].to_pylist() if one.startswith(judgement)]
    name = the_one(ids, judgement, f"{gallery.place}: judgement")
    row = rows.filter(pc.field("id") == name).to_pylist()[0]
    if row["undoes"] or not row[IN_FORCE]:
        raise CrosswakeError(f"{name}: is no judgement in force; crosswake gallery judge --export")
    return append(gallery, {"undoes": name, "who": who, "note": note})


def append(gallery: Gallery, row: dict[str, Any]) -> str:
    """One more row of the table of judgements."""
    name = uuid.uuid4().hex
    row |= {"id": name, "who": row["who"] or user_name(), "when": datetime.now(UTC)}
    rows = pa.Table.from_pylist([row], JUDGEMENT_COLUMNS)
    with said_of(gallery.place, "written"):
        until_committed(lambda: gallery.store.open(JUDGEMENTS).add(rows))
    return name


def user_name() -> str:
    """Who works on this machine, as far as it knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have no users
        return "unknown"


def judgements_of(gallery: Gallery) -> pa.Table:
    """All judgements, oldest first, and whether each is in force: a judgement that was taken back
    is not, nor is a row that only takes one back."""
    table = gallery.store.open(JUDGEMENTS)
    with said_of(gallery.place, "read"):
        rows = table.to_arrow().sort_by([("when", "ascending"), ("id", "ascending")])
    gone = pc.is_in(rows["id"], rows["undoes"].combine_chunks().drop_null())
    live = pc.and_(pc.invert(gone), pc.is_valid(rows["verdict"]))
    return rows.append_column(IN_FORCE, live)


def verdicts(gallery: Gallery) -> dict[frozenset[str], Verdict]:
    """The last verdict in force on each pair of sightings."""
    return {
        frozenset((row["query"], row["candidate"])): row["verdict"]
        for row in judgements_of(gallery).to_pylist()
        if row[IN_FORCE]
    }


def whole_id(gallery: Gallery, start: str) -> str:
    """The id of a sighting by its first letters.

    Raises:
        CrosswakeError: none or several begin so.
    """
    exact = gallery.read(f"id = {sql_text(start)}", ["id"])["id"].to_pylist()
    found = exact or gallery.read(sql_part_of_id(start), ["id"])["id"].to_pylist()
    return the_one(found, start, f"{gallery.place}: sighting")


def the_one(found: list[str], start: str, what: str) -> str:
    """The only id of those that were found."""
    shown = cut_short(start, 60)
    if len(start) < FEWEST_LETTERS and start not in found:
        raise CrosswakeError(f"{what} '{shown}': give at least {FEWEST_LETTERS} letters of its id")
    if len(found) == 1:
        return found[0]
    fault = f"{len(found)} ids begin so; give more letters" if found else "there is none"
    raise CrosswakeError(f"{what} '{shown}': {fault}")


def judgements_with_paths(gallery: Gallery) -> pa.Table:
    """:func:`judgements_of` with the file of each sighting, null for one that was deleted."""
    rows = judgements_of(gallery)
    ids = {name for column in ("query", "candidate") for name in rows[column].to_pylist() if name}
    there = gallery.read(sql_in("id", sorted(ids)), ["id", "path"])
    paths = dict(zip(there["id"].to_pylist(), there["path"].to_pylist(), strict=True))
    for column in ("query", "candidate"):
        found = [paths.get(name) for name in rows[column].to_pylist()]
        rows = rows.append_column(f"{column}_path", pa.array(found, pa.string()))
    return rows


def judged_pairs(gallery: Gallery) -> list[JudgedPair]:
    """The last word on each pair of files, for training; pairs with a sighting that was deleted are
    left out."""
    return last_words(
        (
            (Path(row["query_path"]).resolve(), Path(row["candidate_path"]).resolve()),
            row["verdict"],
            f"judgement {row['id']}",
        )
        for row in judgements_with_paths(gallery).to_pylist()
        if row[IN_FORCE] and row["query_path"] and row["candidate_path"]
    )
