"""Promise: the nearest of every chip in exact order, however the products are cut."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval import nearest, ranking
from crosswake.retrieval.features import exact_pairs, features_of
from crosswake.retrieval.neighbours import find_neighbours


def tied_rows(seed: int, count: int = 60) -> NDArray[np.float32]:
    """Few distinct features, each there several times."""
    generator = np.random.default_rng(seed)
    return generator.integers(-2, 3, (12, 4)).astype(np.float32)[generator.integers(0, 12, count)]


def sorted_lists(rows: NDArray[Any], count: int, normalise: bool) -> NDArray[np.int64]:
    """By a stable sort of all exact distances."""
    features = features_of(rows, normalise=normalise, name="features")
    everyone = np.arange(len(rows))
    distances = np.stack(
        [exact_pairs(features, 0 * everyone + row, features, everyone) for row in range(len(rows))]
    )
    return np.argsort(distances, axis=1, kind="stable")[:, :count]


@given(st.integers(0, 10_000), st.sampled_from([1, 5, 52, 60]), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_equals_a_stable_sort(seed: int, count: int, normalise: bool, tied: bool) -> None:
    rows = (
        tied_rows(seed)
        if tied
        else np.random.default_rng(seed).normal(size=(60, 6)).astype(np.float32)
    )
    found = find_neighbours(
        features_of(rows, normalise=normalise, name="features"), range(1, count + 1)
    )
    np.testing.assert_array_equal(found.lists[0], sorted_lists(rows, count, normalise))


@pytest.mark.parametrize(("tile", "strip"), [(7, 5), (1, 60), (59, 1)])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("square", [0, 60])
def test_blocks_change_nothing(
    tile: int, strip: int, tied: bool, square: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (
        tied_rows(0) if tied else np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    )
    features = features_of(rows, normalise=True, name="features")
    expected = find_neighbours(features, range(1, 10))
    monkeypatch.setattr(ranking, "SQUARE", square)
    monkeypatch.setattr(ranking, "MIRRORED", 17)
    monkeypatch.setattr(ranking, "TILE", tile)
    monkeypatch.setattr(ranking, "STRIP", strip)
    found = find_neighbours(features, range(1, 10))
    np.testing.assert_array_equal(found.lists[0], expected.lists[0])
    np.testing.assert_allclose(found.farthest, expected.farthest, atol=1e-5)


def test_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(CrosswakeError, match="device: torch cannot use 'nonsense'"):
        find_neighbours(
            features_of(tied_rows(0), normalise=True, name="features"), [3], device="nonsense"
        )


@given(st.integers(0, 10_000), st.lists(st.integers(1, 60), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_the_nearest_of_each_count_are_exact_as_a_set(seed: int, counts: list[int]) -> None:
    rows = tied_rows(seed)
    found = find_neighbours(features_of(rows, normalise=True, name="features"), counts).lists[0]
    expected = sorted_lists(rows, max(counts), normalise=True)
    for count in counts:
        np.testing.assert_array_equal(np.sort(found[:, :count]), np.sort(expected[:, :count]))


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(12, 90))
@settings(max_examples=40, deadline=None)
def test_the_largest_are_those_of_a_sort(seed: int, count: int, width: int) -> None:
    block = torch.from_numpy(
        np.random.default_rng(seed).integers(0, 40, (4, width)).astype(np.float32)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "SORTED", 1)
        values, where = nearest.largest(block, count)
    np.testing.assert_array_equal(values, np.sort(block, axis=1)[:, ::-1][:, :count])
    np.testing.assert_array_equal(block.gather(1, where), values)
    assert all(len(set(row)) == count for row in where.tolist())
