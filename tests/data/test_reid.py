"""Promise: tables of chips are cut, counted and fingerprinted the same way for every data set."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.reid import (
    Chips,
    ReidData,
    chips_fingerprint,
    cross_modal_identities,
    identities,
    of_modality,
)


def chip(identity: str, modality: Modality = Modality.SAR, name: str = "") -> Chip:
    return Chip(
        path=Path("folder") / (name or f"{identity}_{modality.label}"),
        identity=identity,
        modality=modality,
    )


some_chips = st.lists(
    st.builds(chip, st.sampled_from("abcdef"), st.sampled_from(Modality)), max_size=12
).map(tuple)


@given(some_chips, some_chips)
def test_protocols_choose_by_modality(query: Chips, gallery: Chips) -> None:
    data = ReidData(name="x", root=Path("x"), query=query, gallery=gallery)
    assert data.protocol("all") == (query, gallery)
    (asked, sought), (asked_back, sought_back) = data.protocol("o2s"), data.protocol("s2o")
    assert {one.modality for one in asked + sought_back} <= {Modality.OPTICAL}
    assert {one.modality for one in sought + asked_back} <= {Modality.SAR}
    assert len(asked) + len(asked_back) == len(query)
    assert len(sought) + len(sought_back) == len(gallery)
    assert asked == tuple(one for one in query if one in asked)


def test_fixed_subset_is_used() -> None:
    fixed = ((chip("a", Modality.OPTICAL),), (chip("a"), chip("b")))
    data = ReidData(name="x", root=Path("x"), query=(chip("z"),), subsets={"o2s": fixed})
    assert data.protocol("o2s") == fixed
    assert data.protocol("s2o") == ((chip("z"),), ())


@given(some_chips)
def test_identities_are_sorted_and_counted(chips: Chips) -> None:
    names = identities(chips)
    assert names == sorted({one.identity for one in chips})
    both = {one.identity for one in of_modality(chips, Modality.SAR)} & {
        one.identity for one in of_modality(chips, Modality.OPTICAL)
    }
    assert cross_modal_identities(chips) == sorted(both)


@given(some_chips, some_chips)
def test_all_chips_are_distinct(train: Chips, query: Chips) -> None:
    chips = ReidData(name="x", root=Path("x"), train=train, query=query).all_chips()
    assert len(set(chips)) == len(chips)
    assert set(chips) == set(train) | set(query)


@pytest.mark.parametrize("train", [(), (chip("a"),), (chip("a"), chip("a", Modality.OPTICAL))])
def test_training_needs_two_identities(train: Chips) -> None:
    data = ReidData(name="x", root=Path("some/where"), train=train)
    with pytest.raises(
        CrosswakeError,
        match=f"where: training needs chips of at least two identities, found {len(train)}",
    ):
        data.require_train()
    more = replace(data, train=(*train, chip("b"), chip("c")))
    assert more.require_train() == more.train


@pytest.mark.parametrize(
    ("query", "gallery", "missing"), [((), (chip("a"),), "query"), ((chip("a"),), (), "gallery")]
)
def test_testing_needs_both(query: Chips, gallery: Chips, missing: str) -> None:
    with pytest.raises(CrosswakeError, match=f"no {missing} chips to evaluate with"):
        ReidData(name="x", root=Path("x"), query=query, gallery=gallery).require_test()
    ReidData(name="x", root=Path("x"), query=(chip("a"),), gallery=(chip("a"),)).require_test()


def files(folder: Path) -> list[Chip]:
    folder.mkdir(parents=True)
    chips = []
    for number in range(6):
        path = folder / f"{number}.tif"
        path.write_bytes(b"x" * number)
        chips.append(Chip(path=path, identity=str(number // 2), modality=Modality(number % 2)))
    return chips


def test_fingerprint_stays(tmp_path: Path) -> None:
    chips, moved = files(tmp_path / "here" / "query"), files(tmp_path / "there" / "query")
    expected = chips_fingerprint(chips)
    random.Random(0).shuffle(chips)
    assert (
        chips_fingerprint(chips)
        == chips_fingerprint(iter(chips))
        == chips_fingerprint(moved)
        == expected
    )
    assert len(expected) == 12


def test_fingerprint_changes(tmp_path: Path) -> None:
    chips = files(tmp_path / "query")
    seen = {chips_fingerprint(chips), chips_fingerprint(chips[1:]), chips_fingerprint(())}
    seen.add(chips_fingerprint([replace(chips[0], identity="9"), *chips[1:]]))
    seen.add(chips_fingerprint([replace(chips[0], modality=Modality.SAR), *chips[1:]]))
    seen.add(chips_fingerprint(files(tmp_path / "gallery")))
    chips[3].path.write_bytes(b"longer than before")
    seen.add(chips_fingerprint(chips))
    chips[3].path.unlink()
    seen.add(chips_fingerprint(chips))
    assert len(seen) == 8
