"""Promise: the ranking of a stable sort by exact distances, whatever the budget, the block and the
device."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval import compiling, counting, metrics, ranking
from crosswake.retrieval.features import Features, exact_pairs, features_of, order_keys
from crosswake.retrieval.metrics import Ranking, distance_rows, rank, rank_rows
from crosswake.retrieval.ranking import LEAST_BUDGET, find_matches, query_blocks
from crosswake.retrieval.space import UNIT, Space

Case = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def hard_case(
    seed: int, queries: int = 12, gallery: int = 300, width: int = 6, identities: int = 9
) -> Case:
    """Many exact ties: few distinct features, each there many times, some as a multiple of
    another."""
    generator = np.random.default_rng(seed)
    distinct = generator.integers(-2, 3, (20, width)).astype(np.float32)
    return (
        distinct[generator.integers(0, 20, queries)],
        distinct[generator.integers(0, 20, gallery)] * generator.choice([1, 2, 4], (gallery, 1)),
        generator.integers(0, identities, queries),
        generator.integers(0, identities, gallery),
    )


def smooth_case(seed: int, queries: int = 25, gallery: int = 900, width: int = 64) -> Case:
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=(queries, width)).astype(np.float32),
        generator.normal(size=(gallery, width)).astype(np.float32),
        generator.integers(0, 40, queries),
        generator.integers(0, 40, gallery),
    )


def exact_features(case: Case, normalise: bool = True) -> tuple[Features, Features]:
    query, gallery = (features_of(part, normalise=normalise, name="features") for part in case[:2])
    return query, gallery


def sorted_ranking(case: Case, top: int = 50, normalise: bool = True) -> Ranking:
    """By a stable sort of every pair's exact distance, nothing clever."""
    query, gallery = exact_features(case, normalise)
    everyone = np.arange(len(gallery))
    rows = [exact_pairs(query, 0 * everyone + row, gallery, everyone) for row in range(len(query))]
    return rank_rows(rows, case[2], case[3], top=top)


def assert_same(one: Ranking, other: Ranking) -> None:
    for name in (
        "average_precision",
        "first_match",
        "inverse_negative_penalty",
        "matches",
        "top",
        "top_distance",
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@given(st.integers(0, 10_000), st.sampled_from([1, 7, 50, 400]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_equals_a_stable_sort_where_ties_abound(seed: int, top: int, normalise: bool) -> None:
    case = hard_case(seed)
    assert_same(rank(*case, top=top, normalise=normalise), sorted_ranking(case, top, normalise))


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_equals_a_stable_sort_of_any_kind_of_features(kind: Any, normalise: bool) -> None:
    query, gallery, *ids = smooth_case(3)
    case = (query.astype(kind), gallery.astype(kind), ids[0], ids[1])
    assert_same(rank(*case, normalise=normalise), sorted_ranking(case, normalise=normalise))


def test_equals_the_plain_path_in_double_precision() -> None:
    case = smooth_case(0)
    plain = rank_rows(distance_rows(*case[:2]), *case[2:])
    found = rank(*case)
    for name in ("average_precision", "inverse_negative_penalty"):
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), atol=1e-6)
    np.testing.assert_array_equal(found.top, plain.top)
    np.testing.assert_allclose(found.top_distance, plain.top_distance, atol=1e-6)


@pytest.mark.parametrize("make", [hard_case, smooth_case])
@pytest.mark.parametrize(("tile", "strip"), [(7, 3), (64, 1), (1000, 1000)])
def test_blocks_change_nothing(
    make: Any, tile: int, strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make(1)
    expected = rank(*case, top=20)
    monkeypatch.setattr(ranking, "TILE", tile)
    monkeypatch.setattr(ranking, "STRIP", strip)
    assert_same(rank(*case, top=20), expected)


@pytest.mark.parametrize("make", [hard_case, smooth_case])
def test_what_is_put_off_is_counted_all_the_same(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make(2)
    expected = rank(*case)
    monkeypatch.setattr(counting, "ENOUGH", 0)
    assert_same(rank(*case), expected)


@given(
    st.integers(0, 10_000),
    st.sampled_from(["numba", "plain"]),
    st.sampled_from([0, 2**16]),
    st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_compiled_counting_changes_nothing(seed: int, way: str, enough: int, smooth: bool) -> None:
    case = smooth_case(seed, 5, 80, 8) if smooth else hard_case(seed)
    expected = rank(*case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "WORTH", 0)
        patch.setattr(counting, "ENOUGH", enough)
        if way == "plain":
            patch.setattr(compiling, "compiled", lambda function, _: function)
        assert_same(rank(*case), expected)


def test_budget_and_threads_change_nothing() -> None:
    case = smooth_case(4)
    expected = rank(*case)
    assert_same(rank(*case, budget=LEAST_BUDGET), expected)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert_same(rank(*case), expected)
    finally:
        torch.set_num_threads(before)


def test_lower_precision_elsewhere_changes_nothing() -> None:
    """A process that allows products in half precision gets exact ranks all the same, and keeps its
    setting."""
    case = smooth_case(5)
    expected = rank(*case)
    torch.set_float32_matmul_precision("medium")
    try:
        assert_same(rank(*case), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_error_within_the_bound_changes_nothing(seed: int, share: float) -> None:
    """Whatever a device adds to similarities, up to the bound, is undone."""
    case = hard_case(seed)
    expected = rank(*case, top=5)
    generator = np.random.default_rng(seed)
    blocks = ranking.similarities

    def disturbed(space: Space, *rest: Any) -> Iterator[tuple[int, int, Any]]:
        bound = share * case[0].shape[1] * UNIT
        for first, start, similarity in blocks(space, *rest):
            noise = generator.uniform(-bound, bound, similarity.shape).astype(np.float32)
            yield first, start, similarity + torch.from_numpy(noise)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "similarities", disturbed)
        assert_same(rank(*case, top=5), expected)


def test_all_features_equal() -> None:
    """A model that has collapsed: everything ties, so the gallery's order decides."""
    features = np.ones((500, 8), dtype=np.float32)
    ids = np.arange(500) % 50
    found = rank(features[:5], features, ids[:5], ids, top=30)
    assert (found.top == np.arange(30)).all()
    assert (found.top_distance == 0).all()
    assert found.first_match.tolist() == [1, 2, 3, 4, 5]


def test_rows_of_zeros_stay_where_they_are() -> None:
    case = smooth_case(6)
    case[0][2], case[1][[5, 700]] = 0, 0
    assert_same(rank(*case, top=900), sorted_ranking(case, 900))


@given(st.integers(0, 1000), st.integers(1, 40), st.booleans())
@settings(max_examples=30, deadline=None)
def test_distance_of_a_pair_depends_on_the_pair_alone(
    seed: int, width: int, normalise: bool
) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(30, width)).astype(np.float32)
    rows[1::2] = rows[::2]
    features = features_of(rows, normalise=normalise, name="features")
    ours, theirs = np.divmod(np.arange(900), 30)
    together = exact_pairs(features, ours, features, theirs, threads=2).reshape(30, 30)
    np.testing.assert_array_equal(together[:, 1::2], together[:, ::2])
    np.testing.assert_array_equal(together, together.T)
    np.testing.assert_array_equal(np.diag(together), 0)
    for column in (0, 7, 29):
        alone = exact_pairs(features, np.array([3]), features, np.array([column]))
        assert alone[0] == together[3, column]


def test_far_from_the_origin_small_distances_count() -> None:
    query = np.array([[500_000.0, 4_000_000.0]])
    gallery = query + np.array([[3.0, 0], [2, 0], [1, 0], [0, 0]])
    found = rank(query, gallery, [0], [1, 1, 1, 0], normalise=False)
    assert found.top.tolist() == [[3, 2, 1, 0]]
    assert found.top_distance.tolist() == [[0, 1, 4, 9]]


@given(st.integers(0, 10_000), st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_many_matches_rank_as_few_do(seed: int, many: int) -> None:
    case = hard_case(seed, queries=3, gallery=80, identities=2)
    rows = list(distance_rows(*case[:2]))
    expected = rank_rows(rows, *case[2:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "MANY", many)
        assert_same(rank_rows(rows, *case[2:]), expected)


@given(st.lists(st.floats(0, 4, width=32), min_size=1, max_size=30))
def test_order_keys_sort_as_distances_do(values: list[float]) -> None:
    distance = np.abs(np.asarray(values, dtype=np.float32))
    keys = order_keys(distance, np.arange(len(values)))
    np.testing.assert_array_equal(np.argsort(keys), np.argsort(distance, kind="stable"))


def test_matches_are_found_by_identity() -> None:
    matches = find_matches(np.array(["b", "z", "a"]), np.array(["a", "b", "a", "c", "b"]))
    assert [matches.of(row).tolist() for row in range(3)] == [[1, 4], [], [0, 2]]


def test_query_blocks_cover_all_and_fit() -> None:
    case = smooth_case(7)
    query, _ = exact_features(case)
    matches = find_matches(*case[2:])
    blocks = list(query_blocks(query, matches, 50, 20_000))
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(25))
    assert len(blocks) > 5
    assert len(list(query_blocks(query, matches, 50, 1))) == 25
    assert len(list(query_blocks(query, matches, 50, 10**9))) == 1


def test_budget_too_small_is_refused() -> None:
    with pytest.raises(CrosswakeError, match="budget: 1000 bytes are too few"):
        rank(*smooth_case(0), budget=1000)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(CrosswakeError, match=f"device: torch cannot use '{device}'"):
        rank(*smooth_case(0), device=device)
