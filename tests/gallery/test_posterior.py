"""Promise: probabilities are what the weights say and 1 in sum; ways at sea go around land."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.gallery.evidence import posterior
from crosswake.retrieval.calibration import EvidenceWeights


@settings(max_examples=50, deadline=None)
@given(
    total=st.lists(st.one_of(st.floats(-800, 800), st.just(-math.inf)), max_size=30),
    not_there=st.floats(0.001, 0.999),
    more=st.integers(0, 1000),
    shift=st.floats(-10, 10),
    nest=st.floats(0, 2),
    peak=st.floats(0, 2),
)
def test_probabilities_add_up_to_one(
    total: list[float], not_there: float, more: int, shift: float, nest: float, peak: float
) -> None:
    weights = EvidenceWeights(absent=shift, nest=nest, peak=peak)
    chance, none = posterior(np.array(total), not_there, len(total) + more, weights)
    assert chance.sum() + none == pytest.approx(1)
    assert (chance >= 0).all()
    assert 0 <= none <= 1
    assert (chance[np.isinf(total)] == 0).all()


def test_probabilities_are_bayes_rule() -> None:
    chance, none = posterior(np.array([1.0, 3.0, -math.inf]), 0.2, 10, EvidenceWeights(absent=0.5))
    parts = [0.8 / 10 * math.exp(1), 0.8 / 10 * math.exp(3), 0, 0.2 * math.exp(0.5)]
    np.testing.assert_allclose([*chance, none], np.array(parts) / sum(parts))


def test_candidates_stand_together_against_not_there() -> None:
    total = np.array([1.0, 3.0, 0.5])
    weights = EvidenceWeights(absent=0.5, nest=0.4, peak=0.7)
    chance, none = posterior(total, 0.2, 10, weights)
    share = np.exp(total) / np.exp(total).sum()
    np.testing.assert_allclose(chance / chance.sum(), share)
    there = 0.8 * (np.exp(total).sum() / 10) ** 0.4
    nobody = 0.2 * math.exp(0.5) * (share**2).sum() ** -0.7
    assert none == pytest.approx(nobody / (nobody + there))


def test_a_sea_route_goes_around_land() -> None:
    pytest.importorskip("searoute")
    from crosswake.gallery.sea_routes import sea_route_km

    venice, genoa = (12.3, 45.3), (9.5, 43.5)
    assert 1800 < sea_route_km(venice, genoa) < 2400  # around Italy; 300 km as the crow flies
    assert sea_route_km(genoa, venice) == pytest.approx(sea_route_km(venice, genoa))


def test_without_evidence_the_prior_stays() -> None:
    chance, none = posterior(np.zeros(40), 0.3, 40)
    assert none == pytest.approx(0.3)
    np.testing.assert_allclose(chance, 0.7 / 40)
    chance, none = posterior(np.zeros(0), 0.3, 40)
    assert none == 1
