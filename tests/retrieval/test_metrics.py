from collections.abc import Iterator, Sequence
from itertools import permutations
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosswake.core.errors import CrosswakeError
from crosswake.retrieval.baselines import chance
from crosswake.retrieval.products import RankOptions
from crosswake.retrieval.protocols import evaluate_protocol, score, score_protocols
from crosswake.retrieval.ranking import distance_rows, rank, rank_rows
from tests.golden import golden as golden_file

Case = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


@pytest.fixture(scope="module")
def golden() -> Iterator[dict[str, NDArray[Any]]]:
    with np.load(golden_file("retrieval.npz")) as file:
        yield dict(file)


def random_case(seed: int, queries: int = 8, gallery: int = 30, identities: int = 6) -> Case:
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=(queries, 5)),
        generator.normal(size=(gallery, 5)),
        generator.integers(0, identities, queries),
        generator.integers(0, identities, gallery),
    )


def naive(case: Case) -> list[tuple[float, int, float]]:
    """Average precision, first match and inverse negative penalty, straight from the
    definitions."""
    query, gallery, query_ids, gallery_ids = case
    rows = []
    for feature, identity in zip(query, query_ids, strict=True):
        unit = feature / np.linalg.norm(feature)
        distances = [np.sum((unit - g / np.linalg.norm(g)) ** 2) for g in gallery]
        order = sorted(range(len(gallery)), key=lambda i: (np.float32(distances[i]), i))
        hits = [gallery_ids[i] == identity for i in order]
        found = [k for k, hit in enumerate(hits, start=1) if hit]
        if found:
            precision = sum(sum(hits[:k]) / k for k in found) / len(found)
            rows.append((precision, found[0], len(found) / found[-1]))
        else:
            rows.append((float("nan"), 0, float("nan")))
    return rows


def test_golden_distances(golden: dict[str, NDArray[Any]]) -> None:
    found = np.stack(list(distance_rows(golden["query"], golden["gallery"])))
    np.testing.assert_allclose(found, golden["distance"], atol=1e-5)


@pytest.mark.parametrize(
    ("of_query", "of_gallery", "prefix"),
    [(None, None, ""), (0, 1, "optical_to_sar_"), (1, 0, "sar_to_optical_")],
)
def test_golden_protocols(
    golden: dict[str, NDArray[Any]], of_query: int | None, of_gallery: int | None, prefix: str
) -> None:
    rows = golden["query_modality"] == of_query if of_query is not None else slice(None)
    columns = golden["gallery_modality"] == of_gallery if of_gallery is not None else slice(None)
    ranking = rank(
        golden["query"][rows],
        golden["gallery"][columns],
        golden["query_ids"][rows],
        golden["gallery_ids"][columns],
    )
    result = evaluate_protocol("all", ranking)
    assert result.mAP == pytest.approx(float(golden[f"{prefix}mAP"]), abs=1e-5)
    np.testing.assert_allclose(result.curve, golden[f"{prefix}cmc"], atol=1e-5)
    assert result.cmc[10] == pytest.approx(float(golden[f"{prefix}cmc"][9]), abs=1e-5)


def test_golden_scores_by_modality(golden: dict[str, NDArray[Any]]) -> None:
    names = ("query", "gallery", "query_ids", "gallery_ids", "query_modality", "gallery_modality")
    scores = score_protocols(*(golden[name] for name in names))
    for name, key in (("all", "mAP"), ("o2s", "optical_to_sar_mAP"), ("s2o", "sar_to_optical_mAP")):
        assert scores[name]["mAP"] == pytest.approx(float(golden[key]), abs=1e-5)  # type: ignore[index]


@pytest.mark.parametrize("seed", range(5))
def test_equals_naive_recomputation(seed: int) -> None:
    case = random_case(seed, identities=12)
    ranking = rank(*case)
    expected = naive(case)
    np.testing.assert_allclose(ranking.average_precision, [row[0] for row in expected], atol=1e-12)
    np.testing.assert_array_equal(ranking.first_match, [row[1] for row in expected])
    np.testing.assert_allclose(
        ranking.inverse_negative_penalty, [row[2] for row in expected], atol=1e-12
    )


def test_ties_go_to_the_lower_index() -> None:
    gallery = np.repeat([[1.0, 0.0], [0.0, 1.0]], 300, axis=0)
    ids = np.array(["other"] * 599 + ["ship"])
    ids[7] = "ship"
    ranking = rank([[1.0, 0.0]], gallery, ["ship"], ids, RankOptions(top=4))
    assert ranking.top.tolist() == [[0, 1, 2, 3]]
    assert ranking.first_match.tolist() == [8]
    assert ranking.average_precision[0] == pytest.approx((1 / 8 + 2 / 600) / 2)


def precision_of(hits: Sequence[bool]) -> float:
    """Average precision of one rank list, from its definition."""
    found = [k for k, hit in enumerate(hits, start=1) if hit]
    return sum(sum(hits[:k]) / k for k in found) / len(found)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_precision_among_equals_is_its_mean_over_all_their_orders(
    gallery: list[tuple[int, bool]],
) -> None:
    distance = np.array([[float(near) for near, _ in gallery]])
    ids = [int(true) for _, true in gallery]
    ranking = rank_rows(distance, [1], ids)
    if not any(ids):
        assert np.isnan(ranking.expected_precision[0])
        return
    orders = [
        [true for _, true in order]
        for order in permutations(gallery)
        if [near for near, _ in order] == sorted(near for near, _ in gallery)
    ]
    assert ranking.expected_precision[0] == pytest.approx(
        np.mean([precision_of(order) for order in orders])
    )
    mixed = any(one[0] == other[0] and one[1] != other[1] for one in gallery for other in gallery)
    assert ranking.tied[0] == mixed
    if not mixed:
        assert ranking.expected_precision[0] == ranking.average_precision[0]
    np.testing.assert_array_equal(
        ranking.equal[0],
        [
            sum(near == n for n, _ in gallery)
            for near, true in sorted(gallery, key=itemgetter(0))
            if true
        ],
    )


def test_a_collapsed_model_scores_as_chance_does() -> None:
    """Sorted by identity, the gallery's order would give the first ship full marks."""
    ids = np.repeat(np.arange(20), 5)
    collapsed = np.ones((100, 3))
    result = evaluate_protocol("all", rank(collapsed, collapsed, ids, ids))
    assert result.tied == 100
    assert result.mAP == pytest.approx(chance(result.ranking)["mAP"])
    apart = np.random.default_rng(0).normal(size=(100, 3))
    assert evaluate_protocol("all", rank(apart, apart, ids, ids)).tied == 0


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_query_is_no_answer_to_itself(seed: int, given_distances: bool) -> None:
    """As if the gallery did not hold it, for each query by itself."""
    _, features, _, ids = random_case(seed)
    own = np.arange(len(ids))
    if given_distances:
        rows = list(distance_rows(features, features))
        found = rank_rows(iter(rows), ids, ids, own=own)
    else:
        found = rank(features, features, ids, ids, own=own)
    assert found.top.shape == (len(ids), len(ids) - 1)
    for row in own:
        rest = np.delete(own, row)
        alone = rank(features[[row]], features[rest], ids[[row]], ids[rest])
        np.testing.assert_array_equal(found.top[row], rest[alone.top[0]])
        np.testing.assert_array_equal(found.ranks[row], alone.ranks[0])
        np.testing.assert_array_equal(found.average_precision[row], alone.average_precision[0])
        assert found.matches[row] == alone.matches[0]
    for name, value in chance(found).items():
        known = [
            chance(
                rank(features[[row]], np.delete(features, row, 0), ids[[row]], np.delete(ids, row))
            )
            for row in own
            if found.used[row]
        ]
        assert value == pytest.approx(np.mean([one[name] for one in known]))


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_order_of_the_gallery_changes_nothing(seed: int) -> None:
    query, gallery, query_ids, gallery_ids = random_case(seed)
    order = np.random.default_rng(seed).permutation(len(gallery))
    before = rank(query, gallery, query_ids, gallery_ids)
    after = rank(query, gallery[order], query_ids, gallery_ids[order])
    np.testing.assert_allclose(after.average_precision, before.average_precision)
    np.testing.assert_array_equal(after.first_match, before.first_match)
    np.testing.assert_array_equal(order[after.top], before.top)


@given(st.integers(0, 10_000), st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_length_of_features_changes_nothing(seed: int, scale: float) -> None:
    query, gallery, query_ids, gallery_ids = random_case(seed)
    before = score(query, gallery, query_ids, gallery_ids)
    assert score(query * scale, gallery, query_ids, gallery_ids) == pytest.approx(before)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_perfect_features_score_one(identities: list[int]) -> None:
    features = np.eye(7)[identities]
    scores = score(features, features, identities, identities)
    assert all(value == 1 for value in scores.values())


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_metrics_are_ordered(seed: int) -> None:
    scores = score(*random_case(seed))
    assert 0 <= scores["rank1"] <= scores["rank5"] <= scores["rank10"] <= 1


@pytest.mark.parametrize("size", [1, 3])
def test_gallery_smaller_than_ten(size: int) -> None:
    result = evaluate_protocol(
        "all", rank(np.ones((2, 4)), np.ones((size, 4)), ["a", "b"], ["a"] * size)
    )
    assert result.cmc == {1: 1, 5: 1, 10: 1}
    assert (result.queries, result.left_out, result.gallery) == (1, 1, size)


def test_no_queries_or_no_gallery() -> None:
    empty = np.zeros((0, 4))
    for ranking in (
        rank(empty, np.ones((3, 4)), [], ["a"] * 3),
        rank(np.ones((2, 4)), empty, ["a", "b"], []),
        rank(np.ones((2, 4)), np.ones((3, 4)), ["a", "b"], ["c"] * 3),
    ):
        result = evaluate_protocol("all", ranking)
        assert result.queries == 0
        assert np.isnan([result.mAP, result.mINP, *result.cmc.values()]).all()
    assert np.isnan(score(empty, np.ones((3, 4)), [], ["a"] * 3)["mAP"])


def test_features_that_are_not_finite_are_refused() -> None:
    gallery = np.ones((3, 4))
    gallery[1, 2] = np.nan
    with pytest.raises(CrosswakeError, match="gallery features: 1 of 3 rows are not finite, row 1"):
        rank(np.ones((2, 4)), gallery, ["a", "b"], ["a"] * 3)


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CrosswakeError, match="query features"):
        rank(np.ones((2, 4)), np.ones((3, 4)), ["a"], ["a"] * 3)
    with pytest.raises(CrosswakeError, match="width"):
        rank(np.ones((2, 4)), np.ones((3, 5)), ["a", "b"], ["a"] * 3)
