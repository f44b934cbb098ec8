"""Promise: probabilities add up to 1 and are what their formula says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.gallery.evidence import Weighing, posterior, weigh
from crosswake.retrieval.calibration import (
    Calibration,
    EvidenceWeights,
)
from tests.gallery.test_evidence import MODEL, sightings


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


def test_the_weights_go_with_the_modalities_of_the_candidates() -> None:
    weights = {"appearance": EvidenceWeights(), "o2s:appearance": EvidenceWeights(absent=3)}
    model = Calibration(curves=MODEL.curves, model="m", weights=weights)
    query, how = sightings({"modality": "optical"}), Weighing(calibration=model)
    radar, optical = {"modality": "sar"}, {"modality": "optical"}
    found = [
        weigh(query, sightings(*some), np.ones(2), how)
        for some in ((radar, radar), (radar, optical), (optical, optical))
    ]
    assert [one.raw.direction for one in found] == ["o2s", "all", "all"]
    assert found[0].not_there > found[1].not_there


def test_without_evidence_the_prior_stays() -> None:
    chance, none = posterior(np.zeros(40), 0.3, 40)
    assert none == pytest.approx(0.3)
    np.testing.assert_allclose(chance, 0.7 / 40)
    chance, none = posterior(np.zeros(0), 0.3, 40)
    assert none == 1
