"""Promise: k-reciprocal re-ranking as published, without its quadratic arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.plain import dense_rerank
from crosswake.core.errors import CrosswakeError
from crosswake.retrieval import rerank
from crosswake.retrieval.features import Features
from crosswake.retrieval.products import LEAST_BUDGET, RankOptions
from crosswake.retrieval.protocols import evaluate_protocol
from crosswake.retrieval.ranking import rank_rows
from crosswake.retrieval.rerank import find_neighbours, rerank_rows
from crosswake.settings.evaluate import RerankConfig
from tests.golden import golden

GOLDEN = [(20, 6), (50, 15)]


@pytest.fixture(scope="module")
def retrieval() -> Iterator[dict[str, NDArray[Any]]]:
    with np.load(golden("retrieval.npz")) as file:
        yield dict(file)


def made(
    seed: int, queries: int = 15, gallery: int = 70, width: int = 12
) -> tuple[NDArray[Any], NDArray[Any]]:
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(8, width))
    query, gallery_rows = (
        centres[generator.integers(0, 8, count)] + 0.6 * generator.normal(size=(count, width))
        for count in (queries, gallery)
    )
    one, other = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (query, gallery_rows)
    )
    return one, other


def reranked(*parts: Any, **options: Any) -> NDArray[np.float32]:
    return np.stack(list(rerank_rows(*parts, **options)))


@pytest.mark.parametrize(("k1", "k2"), GOLDEN)
@pytest.mark.parametrize("half", [True, False])
def test_golden_metrics(retrieval: dict[str, NDArray[Any]], k1: int, k2: int, half: bool) -> None:
    distance = reranked(
        retrieval["query"], retrieval["gallery"], RerankConfig(k1=k1, k2=k2, half=half)
    )
    result = evaluate_protocol(
        "all", rank_rows(distance, retrieval["query_ids"], retrieval["gallery_ids"])
    )
    assert result.mAP == pytest.approx(float(retrieval[f"rerank_{k1}_{k2}_mAP"]), abs=2e-3)


@pytest.mark.parametrize(("k1", "k2"), GOLDEN)
def test_golden_distances_in_the_half_precision_they_were_made_in(
    retrieval: dict[str, NDArray[Any]], k1: int, k2: int
) -> None:
    distance = reranked(
        retrieval["query"], retrieval["gallery"], RerankConfig(k1=k1, k2=k2, half=True)
    )
    np.testing.assert_allclose(distance, retrieval[f"rerank_{k1}_{k2}_distance"], atol=1e-3)


@pytest.mark.parametrize(("k1", "k2"), GOLDEN)
def test_golden_distances_but_for_half_precision(
    retrieval: dict[str, NDArray[Any]], k1: int, k2: int
) -> None:
    """In single precision 99 of 100 are within 2e-3, the rest within what adding up in half
    precision loses."""
    distance = reranked(retrieval["query"], retrieval["gallery"], RerankConfig(k1=k1, k2=k2))
    apart = np.abs(distance - retrieval[f"rerank_{k1}_{k2}_distance"])
    assert np.quantile(apart, 0.99) < 2e-3
    assert apart.max() < 4e-3


@pytest.mark.parametrize(
    ("k1", "k2", "share"), [(20, 6, 0.3), (5, 1, 0.0), (50, 15, 1.0), (1, 1, 0.5), (7, 9, 0.2)]
)
def test_equals_the_dense_way_in_double_precision(k1: int, k2: int, share: float) -> None:
    query, gallery = made(k1)
    expected = dense_rerank(query, gallery, k1, k2, share, np.float64)
    found = reranked(query, gallery, RerankConfig(k1=k1, k2=k2, lambda_=share))
    np.testing.assert_allclose(found, expected, atol=2e-6)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 10))
@settings(max_examples=20, deadline=None)
def test_equals_the_dense_way_for_any_settings(seed: int, k1: int, k2: int) -> None:
    query, gallery = made(seed, 6, 25, 5)
    expected = dense_rerank(query, gallery, k1, k2, 0.3, np.float64)
    np.testing.assert_allclose(
        reranked(query, gallery, RerankConfig(k1=k1, k2=k2)), expected, atol=2e-6
    )


def test_blocks_and_budget_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = made(1)
    expected = reranked(query, gallery)
    found = reranked(query, gallery, options=RankOptions(budget=LEAST_BUDGET))
    np.testing.assert_array_equal(found, expected)
    monkeypatch.setattr(rerank, "RERANKED_AT_ONCE", 7)
    np.testing.assert_array_equal(reranked(query, gallery), expected)


def test_where_the_origin_lies_changes_nothing() -> None:
    query, gallery = made(4)
    expected = reranked(query, gallery, options=RankOptions(normalise=False))
    np.testing.assert_allclose(
        reranked(query + 1000, gallery + 1000, options=RankOptions(normalise=False)),
        expected,
        atol=1e-5,
    )


@pytest.mark.parametrize("k1", [3, 20])
def test_a_collapsed_model_has_finite_distances(k1: int) -> None:
    """With more equal features than neighbours, a chip need not be among its own."""
    features = np.ones((50, 8), dtype=np.float32)
    for half in (False, True):
        found = reranked(features[:5], features[5:], RerankConfig(k1=k1, k2=2, half=half))
        assert np.isfinite(found).all()
        assert 0 <= found.min() <= found.max() <= 1


def test_distances_are_from_0_to_1_and_lambda_1_keeps_the_order() -> None:
    query, gallery = made(2)
    assert 0 <= reranked(query, gallery).min() <= reranked(query, gallery).max() <= 1 + 1e-6
    original = reranked(query, gallery, RerankConfig(lambda_=1))
    expected = np.argsort(-(query @ gallery.T), axis=1)
    np.testing.assert_array_equal(np.argsort(original, axis=1), expected)


def test_neighbours_of_each_modality_apart() -> None:
    query, gallery = made(3)
    rows = np.concatenate([query, gallery])
    modality = np.arange(len(rows)) % 2
    found = find_neighbours(Features.of(rows, "features"), modality, 4, RankOptions())
    similarity = rows @ rows.T
    for value, part in enumerate(found.lists):
        group = np.flatnonzero(modality == value)
        expected = group[np.argsort(-similarity[:, group], axis=1)[:, :4]]
        np.testing.assert_array_equal(part, expected)
    np.testing.assert_allclose(found.farthest, (2 - 2 * similarity).max(axis=1), atol=1e-5)


def test_apart_overcomes_a_gap_between_modalities() -> None:
    """Each modality has an offset of its own, so that all near neighbours are of one's own
    modality."""
    generator = np.random.default_rng(0)
    ids = np.repeat(np.arange(20), 4)
    modality = np.tile([0, 1, 0, 1], 20)
    ships, gap = generator.normal(size=(20, 32)), 3 * generator.normal(size=(2, 32))
    rows = ships[ids] + gap[modality] + 0.8 * generator.normal(size=(80, 32))
    optical, sar = modality == 0, modality == 1

    def precision(apart: bool) -> float:
        distance = rerank_rows(
            rows[optical],
            rows[sar],
            RerankConfig(k1=6, k2=3, apart=apart),
            (modality[optical], modality[sar]),
        )
        return evaluate_protocol("o2s", rank_rows(distance, ids[optical], ids[sar])).mAP

    assert precision(True) > precision(False) + 0.05


def test_apart_with_one_modality_is_the_same_as_together() -> None:
    query, gallery = made(4)
    apart = reranked(
        query,
        gallery,
        RerankConfig(apart=True),
        (np.zeros(len(query)), np.zeros(len(gallery))),
    )
    np.testing.assert_array_equal(apart, reranked(query, gallery))


def test_no_queries_or_no_gallery() -> None:
    empty = np.zeros((0, 4))
    assert list(rerank_rows(empty, np.ones((3, 4)))) == []
    assert [row.shape for row in rerank_rows(np.ones((2, 4)), empty)] == [(0,), (0,)]


def test_one_query_and_one_gallery_chip() -> None:
    assert np.isfinite(reranked(np.ones((1, 4)), np.ones((1, 4)))).all()


@pytest.mark.parametrize(
    ("settings_", "message"),
    [({"k1": 0}, "rerank.k1"), ({"k2": 0}, "rerank.k2"), ({"lambda_": 1.5}, "rerank.lambda")],
)
def test_settings_out_of_range_are_refused(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(CrosswakeError, match=message):
        RerankConfig(**settings_)


def test_mistakes_are_refused() -> None:
    good = np.ones((3, 4))
    broken = good.copy()
    broken[1, 2] = np.inf
    with pytest.raises(CrosswakeError, match="gallery features: 1 of 3 rows are not finite, row 1"):
        list(rerank_rows(good, broken))
    with pytest.raises(CrosswakeError, match="width"):
        list(rerank_rows(good, np.ones((3, 5))))
    with pytest.raises(CrosswakeError, match=r"rerank\.apart: the modality of every"):
        list(rerank_rows(good, good, RerankConfig(apart=True), ([0, 1, 0], [0])))
    with pytest.raises(CrosswakeError, match=r"rerank\.apart: the modality of every"):
        list(rerank_rows(good, good, RerankConfig(apart=True)))
