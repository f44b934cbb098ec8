"""What people said of pairs of chips, brought into the training chips: pairs that are one ship get
one identity, and pairs that are two ships become negatives that meet in a batch."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.reid import UNKNOWN, Chips, ReidData, identities
from crosswake.data.sources.columns import TableRow, quoted
from crosswake.data.sources.dialect import open_text_table
from crosswake.data.sources.table import resolve

JUDGEMENT_NAMES = ("query", "candidate", "verdict")
FILES = ("query_path", "candidate_path")
"""Columns of `crosswake gallery judge --export`, where query and candidate are ids."""
VERDICTS = ("same", "different", "unsure")
JOINED = "judged-"
"""Begins the identity of unknown ships that were found to be one."""
Said = tuple[tuple[Path, Path], str, str]
"""The files of two chips, the verdict, and where it stands."""


@dataclass(frozen=True, kw_only=True)
class JudgedPair:
    """The last word on two chips.

    Attributes:
        paths: their files.
        same: whether they are one ship.
        place: where it stands, for people: its line, or its id.
    """

    paths: tuple[Path, Path]
    same: bool
    place: str


def read_judgements(path: Path) -> list[JudgedPair]:
    """The judgements of a table that are in force; of several on one pair the last counts, and one
    that is unsure counts for nothing.

    The table is what `crosswake gallery judge --export` writes, or has the columns ``query`` and
    ``candidate``, paths from the table's folder, and ``verdict``.

    Raises:
        CrosswakeError: no such table, a column is missing, or a verdict is none.
    """
    said: list[Said] = []
    for line, row in rows_in_force(path):
        names = [row[name] for name in (FILES if FILES[0] in row else JUDGEMENT_NAMES[:2])]
        if all(names):  # else a sighting was deleted
            one, other = (whole_path(name, path) for name in names)
            said.append(((one, other), row["verdict"].lower(), f"line {line}"))
    return last_words(said)


def last_words(said: Iterable[Said]) -> list[JudgedPair]:
    """What was said last of each pair, the oldest first; *unsure* takes back what was said."""
    pairs: dict[frozenset[Path], JudgedPair] = {}
    for paths, verdict, place in said:
        pairs.pop(frozenset(paths), None)
        if verdict != "unsure":
            same = verdict == "same"
            pairs[frozenset(paths)] = JudgedPair(paths=paths, same=same, place=place)
    return list(pairs.values())


def rows_in_force(path: Path) -> Iterator[tuple[int, TableRow]]:
    """Line and columns of each judgement that no later row undoes."""
    if path.is_dir():
        raise CrosswakeError(
            f"--judgements: {path} is a folder; write a gallery's judgements to a file with "
            f"crosswake gallery judge {path} --export FILE.csv, and name that"
        )
    table = open_text_table(path, (*JUDGEMENT_NAMES, *FILES, "undoes", "when"))
    missing = [name for name in JUDGEMENT_NAMES if name not in table.header]
    if missing:
        raise CrosswakeError(
            f"{path}: column {missing[0]} is missing; a table of judgements has "
            f"{', '.join(JUDGEMENT_NAMES)}"
        )
    rows = [(line, dict(zip(table.header, row, strict=True))) for line, row in table.rows()]
    undone = {row.get("undoes", "") for _, row in rows} - {""}
    for line, row in rows:
        if row.get("undoes") or row.get("id") in undone:
            continue
        if row["verdict"].lower() not in VERDICTS:
            raise CrosswakeError(
                f"{path}, line {line}: verdict is '{quoted(row['verdict'])}'; write one of "
                f"{', '.join(VERDICTS)}"
            )
        yield line, row


def whole_path(name: str, table: Path) -> Path:
    """A path from the table's folder, or else from the current one."""
    beside = resolve(name, table.parent)
    return (beside if beside.exists() else Path(name)).resolve()


def with_judgements(
    data: ReidData, path: Path, judged: Sequence[JudgedPair] | None = None
) -> tuple[ReidData, str]:
    """The training chips as judgements make them, and a line that says what became of these.
    Judgements on other chips, as those of the test split, count for nothing.

    Args:
        data: what was read.
        path: the table of the judgements, or the gallery.
        judged: those of a gallery; None to read the table.

    Raises:
        CrosswakeError: as :func:`read_judgements`; or a pair is said to be two ships that other
            judgements, or the data, make one.
    """
    chips = (*data.train, *data.unnamed)
    places: dict[Path, list[int]] = defaultdict(list)
    for place, chip in enumerate(chips):
        places[chip.path.resolve()].append(place)
    judged = read_judgements(path) if judged is None else judged
    # A file with several chips does not say which of them was meant.
    usable = [pair for pair in judged if all(len(places.get(f, ())) == 1 for f in pair.paths)]
    pairs = [(places[pair.paths[0]][0], places[pair.paths[1]][0]) for pair in usable]
    same = [pair for pair, one in zip(pairs, usable, strict=True) if one.same]
    names = joined_identities(chips, same)
    rejected = set()
    for (one, other), pair in zip(pairs, usable, strict=True):
        if not pair.same and names[one] and names[one] == names[other]:
            raise CrosswakeError(
                f"{path}, {pair.place}: says different of two chips of ship "
                f"'{quoted(names[one])}', which other judgements or the data make one; undo one"
            )
        if not pair.same and names[one] and names[other]:
            rejected.add(frozenset((names[one], names[other])))
    known = [replace(chip, identity=name) for chip, name in zip(chips, names, strict=True)]
    changed = replace(
        data,
        train=tuple(chip for chip in known if chip.identity),
        unnamed=tuple(chip for chip in known if not chip.identity),
        told_apart=tuple(sorted((min(pair), max(pair)) for pair in rejected)),
    )
    return changed, judgements_line(data, changed, (len(same), len(usable), len(judged)))


def joined_identities(chips: Chips, same: list[tuple[int, int]]) -> list[str]:
    """The identity of every chip once ``same`` pairs of them are one ship: the first of those that
    they had, or a new one where they had none; a chip that nobody knows and nobody joined stays
    unknown."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    known = identities(chips)
    number = {name: len(chips) + place for place, name in enumerate(known)}
    links = [*same, *((at, number[one.identity]) for at, one in enumerate(chips) if one.identity)]
    size = len(chips) + len(known)
    rows, columns = np.array(links, np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(links)), (rows, columns)), shape=(size, size))
    group = connected_components(graph, directed=False)[1]
    names: dict[int, str] = {}
    for name in known:
        names.setdefault(int(group[number[name]]), name)
    had = len(names)
    for place, _ in sorted(same, key=min):
        names.setdefault(int(group[place]), f"{JOINED}{len(names) - had + 1}")
    return [names.get(int(group[place]), UNKNOWN) for place in range(len(chips))]


def judgements_line(before: ReidData, after: ReidData, counts: tuple[int, int, int]) -> str:
    """What became of the judgements: pairs that are one ship, usable pairs, all pairs."""
    same, usable, judged = counts
    named = counted(len(before.unnamed) - len(after.unnamed), "chip")
    merged = len(identities(before.train)) - len(
        {name for name in identities(after.train) if not name.startswith(JOINED)}
    )
    line = (
        f"judgements: {counted(same, 'pair')} of one ship ({named} of unknown ships got an "
        f"identity, {counted(merged, 'identity')} became another), {usable - same} of two ships, "
        f"of which {counted(len(after.told_apart), 'pair')} of identities"
    )
    left = judged - usable
    return f"{line}; {left} on chips that are not learnt from" if left else line
