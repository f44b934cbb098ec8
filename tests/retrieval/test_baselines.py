from pathlib import Path

import numpy as np
import pytest

from crosswake.data.chips import Chip, Modality
from crosswake.retrieval.baselines import (
    PlainFeatures,
    chance,
    chance_of_query,
    gradient_feature,
    plain_features,
    rank_by_size,
)
from crosswake.retrieval.protocols import score
from crosswake.retrieval.ranking import rank


@pytest.mark.parametrize(("matches", "gallery"), [(1, 1), (1, 7), (3, 12), (5, 40), (12, 12)])
def test_chance_agrees_with_simulation(matches: int, gallery: int) -> None:
    generator = np.random.default_rng(0)
    shuffled = generator.permuted(np.tile(np.arange(gallery), (20_000, 1)), axis=1) + 1
    ranks = np.sort(shuffled[:, :matches], axis=1)
    expected = chance_of_query(matches, gallery)
    precision = np.mean(np.arange(1, matches + 1) / ranks, axis=1)
    for found, simulated in (
        (expected["mAP"], precision),
        (expected["rank1"], ranks[:, 0] <= 1),
        (expected["rank5"], ranks[:, 0] <= 5),
        (expected["rank10"], ranks[:, 0] <= 10),
        (expected["mINP"], matches / ranks[:, -1]),
    ):
        assert found == pytest.approx(
            simulated.mean(), abs=4 * simulated.std() / 20_000**0.5 + 1e-9
        )


def test_chance_is_averaged_over_used_queries() -> None:
    ranking = rank(np.ones((3, 2)), np.ones((4, 2)), ["a", "b", "z"], ["a", "a", "b", "c"])
    one, two = chance_of_query(1, 4), chance_of_query(2, 4)
    assert chance(ranking) == pytest.approx({name: (one[name] + two[name]) / 2 for name in one})


def test_chance_without_queries() -> None:
    ranking = rank(np.zeros((0, 2)), np.ones((4, 2)), [], list("aabc"))
    assert np.isnan(list(chance(ranking).values())).all()


def test_size_is_in_metres_whatever_the_sensor() -> None:
    optical = Chip(path=Path("a.tif"), identity="a", modality=Modality.OPTICAL)
    sar = Chip(path=Path("b.tif"), identity="a", modality=Modality.SAR)
    seen = plain_features(optical, np.zeros((400, 80, 3), dtype=np.uint8)).size
    assert seen == pytest.approx(plain_features(sar, np.zeros((300, 60), dtype=np.float32)).size)
    assert np.exp(seen) == pytest.approx([60, 300])


def test_size_counts_and_not_shape_alone() -> None:
    """Logarithms twice as large have the same direction, but belong to a ship of another size."""

    def of(*size: float) -> PlainFeatures:
        return PlainFeatures(size=np.log(size), gradient=np.zeros(2048, dtype=np.float32))

    ranking = rank_by_size([of(20, 100)], [of(20**2, 100**2), of(20, 120)], ["a"], ["b", "a"])
    assert ranking.first_match.tolist() == [1]
    assert ranking.top_distance[0, 0] == pytest.approx(np.log(1.2) ** 2, rel=1e-4)


def test_pixel_correlation_finds_the_same_outline_at_another_size_and_gain() -> None:
    generator = np.random.default_rng(0)
    outlines = [np.kron(generator.random((8, 4)) > 0.5, np.ones((16, 16))) for _ in range(6)]
    large = [gradient_feature(o * 200, Modality.OPTICAL) for o in outlines]
    small = [
        gradient_feature((o[::2, ::2] * 50 + 10)[..., None].repeat(3, 2), Modality.OPTICAL)
        for o in outlines
    ]
    assert score(small, large, range(6), range(6))["rank1"] == 1


@pytest.mark.parametrize("value", [0, -5, np.nan, np.inf])
def test_flat_or_broken_chips_stay_finite(value: float) -> None:
    feature = gradient_feature(np.full((20, 10), value, dtype=np.float32), Modality.SAR)
    assert np.isfinite(feature).all()
    assert feature.shape == (2048,)
