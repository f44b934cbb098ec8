from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.batches.samplers import epoch_batches
from crosswake.data.chips import Chip, Modality
from crosswake.settings.train import BatchConfig

Counts = list[tuple[int, int]]


def chips_of(counts: Counts) -> list[Chip]:
    """For every identity, so many optical and so many SAR chips."""
    return [
        Chip(
            path=Path(f"{identity}_{modality}_{number}.tif"),
            identity=f"{identity:03d}",
            modality=modality,
        )
        for identity, pair in enumerate(counts)
        for modality in Modality
        for number in range(pair[modality])
    ]


@given(
    counts=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: sum(pair) > 0),
        min_size=2,
        max_size=12,
    ),
    identities=st.integers(2, 6),
    chips=st.sampled_from([2, 4, 6]),
    epoch=st.integers(1, 50),
)
def test_every_batch_has_what_was_promised(
    counts: Counts, identities: int, chips: int, epoch: int
) -> None:
    table = chips_of(counts)
    batches = epoch_batches(
        table, BatchConfig(identities=identities, chips=chips), seed=0, epoch=epoch
    )
    assert batches
    for batch in batches:
        groups = batch.reshape(-1, chips)
        assert len(groups) == min(identities, len(counts))
        names = {table[group[0]].identity for group in groups}
        assert len(names) == len(groups)
        for group in groups:
            members = [table[index] for index in group]
            assert len({chip.identity for chip in members}) == 1
            optical, sar = counts[int(members[0].identity)]
            if optical and sar:
                assert sum(chip.modality for chip in members) == chips // 2
            if (not sar and optical >= chips) or (not optical and sar >= chips):
                assert len(set(group)) == chips


def test_the_same_epoch_is_the_same_and_others_are_not() -> None:
    table, config = chips_of([(3, 3)] * 10), BatchConfig(identities=4, chips=4)
    first, again, other = (
        np.concatenate(epoch_batches(table, config, seed=5, epoch=epoch)).tolist()
        for epoch in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_over_epochs_every_chip_is_seen_about_equally_often() -> None:
    table, config = chips_of([(3, 3)] * 9), BatchConfig(identities=3, chips=4)
    seen = np.zeros(len(table))
    for epoch in range(300):
        np.add.at(seen, np.concatenate(epoch_batches(table, config, seed=0, epoch=epoch)), 1)
    assert seen.min() > 0.8 * seen.mean()
    assert seen.max() < 1.2 * seen.mean()


@pytest.mark.parametrize("identities", [2, 5])
def test_fewer_identities_than_asked_for_give_smaller_batches(identities: int) -> None:
    batches = epoch_batches(
        chips_of([(2, 2)] * identities), BatchConfig(identities=8, chips=4), seed=0, epoch=1
    )
    assert [len(batch) for batch in batches] == [4 * identities]


@pytest.mark.parametrize(("processes", "size"), [(1, 15), (2, 12), (3, 15), (4, 12), (8, 0)])
def test_processes_can_share_every_batch(processes: int, size: int) -> None:
    table, config = chips_of([(2, 1)] * 5), BatchConfig(identities=8, chips=3)
    assert [len(batch) for batch in epoch_batches(table, config, 0, 1, processes)] == [size] * (
        size > 0
    )


def test_identities_told_apart_meet_in_batches() -> None:
    table = chips_of([(8, 8)] * 24)
    config, pairs = BatchConfig(identities=4, chips=4), [("003", "017")]
    alone = together = 0
    for epoch in range(1, 30):
        for batch in epoch_batches(table, config, seed=0, epoch=epoch, told_apart=pairs):
            names = {table[at].identity for at in batch}
            assert len(names) == 4
            if "017" in names:
                together += "003" in names
                alone += "003" not in names
    assert together > 2 * alone
    drawn = epoch_batches(table, config, seed=0, epoch=1)
    for batch, other in zip(
        drawn, epoch_batches(table, config, 0, 1, told_apart=[("x", "y")]), strict=True
    ):
        assert (batch == other).all()


def test_every_identity_comes_as_often_whoever_is_told_apart() -> None:
    table = chips_of([(2, 2)] * 12)
    config = BatchConfig(identities=3, chips=4)
    pairs = [("001", "002"), ("001", "003"), ("004", "011")]
    batches = epoch_batches(table, config, seed=1, epoch=2, told_apart=pairs)
    assert sorted(np.concatenate(batches)) == list(range(len(table)))
