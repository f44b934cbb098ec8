"""Promise: what the fast paths are measured against does the same job."""

import numpy as np
import pytest

from benchmarks.made import make_features
from benchmarks.plain import compiled_ranking, dense_rerank, loop_ranking
from benchmarks.ranks import averages
from crosswake.retrieval.ranking import rank
from tests.golden import golden


@pytest.mark.parametrize("seed", range(3))
def test_plain_and_fast_ranking_agree(seed: int) -> None:
    data = make_features(60, 500, 32, seed=seed)
    parts = (data.query, data.gallery, data.query_ids, data.gallery_ids)
    ours = averages(rank(*parts))
    assert 0.1 < ours["mAP"] < 0.9
    for plain in (loop_ranking, compiled_ranking):
        assert plain(*parts) == pytest.approx(ours, abs=1e-6)


@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (50, 15)])
def test_dense_reranking_is_the_published_one(k1: int, k2: int) -> None:
    with np.load(golden("retrieval.npz")) as file:
        query, gallery = (
            file[name] / np.linalg.norm(file[name], axis=1, keepdims=True)
            for name in ("query", "gallery")
        )
        expected = file[f"rerank_{k1}_{k2}_distance"]
    np.testing.assert_allclose(dense_rerank(query, gallery, k1, k2, 0.3), expected, atol=1e-5)


def test_made_features_are_unit_rows_that_the_seed_fixes() -> None:
    one, again, other = (make_features(5, 90, 8, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_allclose(np.linalg.norm(one.gallery, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(one.gallery, again.gallery)
    assert not np.array_equal(one.gallery, other.gallery)
    assert len(one.of_gallery(30).gallery_ids) == 30
    assert "5 queries x 90 gallery chips x 8" in one.words
