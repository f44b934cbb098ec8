"""Promises of judgements: pairs that are one ship get one identity, pairs that are two become
negatives, and nothing of the test split is touched."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.judgements import joined_identities, read_judgements, with_judgements
from crosswake.data.reid import ReidData, training_fingerprint

Rows = list[dict[str, str]]


def chip(folder: Path, name: str, identity: str = "") -> Chip:
    return Chip(path=folder / f"{name}.tif", identity=identity, modality=Modality.SAR)


def data_in(folder: Path) -> ReidData:
    for name in ("a1", "a2", "b1", "c1", "u1", "u2", "u3", "u4", "t1", "t2"):
        (folder / f"{name}.tif").touch()
    return ReidData(
        name="ships",
        root=folder,
        train=(chip(folder, "a1", "A"), chip(folder, "a2", "A"), chip(folder, "b1", "B"),
               chip(folder, "c1", "C")),
        unnamed=tuple(chip(folder, name) for name in ("u1", "u2", "u3", "u4")),
        query=(chip(folder, "t1", "T"),),
        gallery=(chip(folder, "t2", "T"),),
    )  # fmt: skip


def write(folder: Path, *pairs: tuple[str, str, str]) -> Path:
    path = folder / "judgements.csv"
    rows = [
        {"id": str(place), "query": f"{one}.tif", "candidate": f"{other}.tif", "verdict": verdict}
        for place, (one, other, verdict) in enumerate(pairs)
    ]
    return write_rows(path, rows)


def write_rows(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def named(data: ReidData) -> dict[str, str]:
    return {chip.path.stem: chip.identity for chip in (*data.train, *data.unnamed)}


def test_one_ship_makes_one_identity(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        ("u1", "a1", "same"),
        ("u2", "u3", "same"),
        ("c1", "b1", "same"),
        ("u4", "a1", "unsure"),
    )
    after, line = with_judgements(data_in(tmp_path), path)
    names = named(after)
    assert names["u1"] == "A"
    assert names["b1"] == names["c1"] == "B"
    assert names["u2"] == names["u3"] == "judged-1"
    assert names["u4"] == ""
    assert [one.path.stem for one in after.unnamed] == ["u4"]
    assert (after.query, after.gallery) == (data_in(tmp_path).query, data_in(tmp_path).gallery)
    assert "3 pairs of one ship (3 chips of unknown ships got an identity, 1 identity" in line


def test_two_ships_are_told_apart_by_identity(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        ("a1", "b1", "different"),
        ("b1", "a2", "different"),
        ("u1", "c1", "same"),
        ("u1", "a1", "different"),
        ("u2", "a1", "different"),
    )
    before = data_in(tmp_path)
    after, line = with_judgements(before, path)
    assert after.told_apart == (("A", "B"), ("A", "C"))
    assert "4 of two ships, of which 2 pairs of identities" in line
    assert training_fingerprint(after) != training_fingerprint(
        ReidData(**{**vars(after), "told_apart": ()})
    )


def test_the_last_word_in_force_counts(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "query": "x", "candidate": "y", "verdict": "same", "undoes": "",
         "query_path": "u1.tif", "candidate_path": "u2.tif"},
        {"id": "2", "query": "x", "candidate": "z", "verdict": "same", "undoes": "",
         "query_path": "u1.tif", "candidate_path": "u3.tif"},
        {"id": "3", "query": "", "candidate": "", "verdict": "", "undoes": "2",
         "query_path": "", "candidate_path": ""},
        {"id": "4", "query": "y", "candidate": "x", "verdict": "different", "undoes": "",
         "query_path": "u2.tif", "candidate_path": "u1.tif"},
        {"id": "5", "query": "y", "candidate": "w", "verdict": "same", "undoes": "",
         "query_path": "", "candidate_path": "u1.tif"},
        {"id": "6", "query": "y", "candidate": "z", "verdict": "same", "undoes": "",
         "query_path": "u2.tif", "candidate_path": "u3.tif"},
        {"id": "7", "query": "y", "candidate": "z", "verdict": "unsure", "undoes": "",
         "query_path": "u2.tif", "candidate_path": "u3.tif"},
    ]  # fmt: skip
    (pair,) = read_judgements(write_rows(tmp_path / "judged.csv", rows))
    assert {path.name for path in pair.paths} == {"u1.tif", "u2.tif"}
    assert not pair.same and pair.place == "line 5"


def test_chips_of_the_test_split_count_for_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, ("t1", "t2", "different"), ("u1", "t1", "same"), ("u1", "x", "same"))
    before = data_in(tmp_path)
    after, line = with_judgements(before, path)
    assert after == before
    assert "3 on chips that are not learnt from" in line


@pytest.mark.parametrize(
    ("pairs", "named_in_error"),
    [
        ([("a1", "a2", "different")], "line 2: says different of two chips of ship 'A'"),
        ([("u1", "u2", "same"), ("u2", "u3", "same"), ("u1", "u3", "different")], "line 4"),
        ([("u1", "u2", "equal")], "line 2: verdict is 'equal'"),
    ],
)
def test_what_cannot_be_is_named(
    pairs: list[tuple[str, str, str]], named_in_error: str, tmp_path: Path
) -> None:
    path = write(tmp_path, *pairs)
    with pytest.raises(CrosswakeError, match=named_in_error):
        with_judgements(data_in(tmp_path), path)


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "chips.csv", [{"path": "a.tif", "query": "b"}])
    with pytest.raises(CrosswakeError, match="column candidate is missing"):
        read_judgements(path)
    with pytest.raises(CrosswakeError, match="is a folder; write a gallery's judgements"):
        read_judgements(tmp_path)


@given(
    known=st.lists(st.sampled_from(["", "", "A", "B", "C"]), min_size=2, max_size=12),
    links=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=8),
)
def test_groups_are_those_of_a_naive_closure(
    known: list[str], links: list[tuple[int, int]]
) -> None:
    chips = tuple(chip(Path("x"), str(place), name) for place, name in enumerate(known))
    count = len(known)
    same = [(i % count, j % count) for i, j in links if i % count != j % count]
    found = joined_identities(chips, same)
    groups = [{one} for one in range(count)]
    places = range(count)
    equal = [(i, j) for i in places for j in range(i) if known[i] == known[j] != ""]
    for one, other in [*same, *equal]:
        mine, theirs = (next(g for g in groups if at in g) for at in (one, other))
        if mine is not theirs:
            groups.remove(theirs)
            mine |= theirs
    for group in groups:
        assert len({found[at] for at in group}) == 1
        name, names = found[min(group)], sorted({known[at] for at in group} - {""})
        if names:
            assert name == names[0]
        else:
            assert (name == "") is (len(group) == 1)
    written = [found[min(group)] for group in groups if found[min(group)]]
    assert len(written) == len(set(written))
