"""Promise: what is learnt from known ships makes evidence that is added up come true."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from crosswake.core.errors import CrosswakeError
from crosswake.gallery.calibrating import calibrate, fair_comparisons, pairs_to_fit, spread_of
from crosswake.gallery.evidence import Weighing, posterior
from crosswake.gallery.fusion import Choices, choice_loss, fit_weights
from crosswake.gallery.motion import fit_motion
from crosswake.gallery.trial import Comparison, KnownSightings, compare_sightings, subsets_of
from crosswake.retrieval.calibration import USUAL_MOTION, EvidenceWeights
from crosswake.retrieval.metrics import Floats
from crosswake.settings.evidence import EvidenceConfig
from tests.gallery.trials import some_sightings

TRAINING = some_sightings(40, 6)


@pytest.fixture(scope="module")
def comparisons() -> list[Comparison]:
    return fair_comparisons(TRAINING, Weighing(), {})


def test_the_loss_is_that_of_the_posterior_and_its_slope_right(
    comparisons: list[Comparison],
) -> None:
    one, kinds = comparisons[1], ("size", "reachability")
    choices = Choices.of(one, kinds)
    weights, prior = np.array([0.7, 1.2, 0.4, 0.6, 0.5]), 0.3
    learnt = EvidenceWeights(absent=0.4, nest=0.6, peak=0.5)
    value, slope = choice_loss(choices, weights, prior)
    plain: dict[bool, list[float]] = {True: [], False: []}
    for row in range(len(one.query)):
        total = 0.7 * one.parts["size"][row] + 1.2 * one.parts["reachability"][row]
        match = one.match[row] & np.isfinite(total)
        itself = one.own[row] >= 0
        if match.any():
            chance, _ = posterior(total, prior, len(total) - itself, learnt)
            plain[True].append(-np.log(chance[match].sum()))
        others = total[~one.match[row]]
        plain[False].append(-np.log(posterior(others, prior, len(others) - itself, learnt)[1]))
    assert value == pytest.approx(0.7 * np.mean(plain[True]) + 0.3 * np.mean(plain[False]))

    def plain_loss(at: Floats) -> float:
        return choice_loss(choices, at, prior)[0]

    numeric = approx_fprime(weights, plain_loss, 1e-6)
    np.testing.assert_allclose(slope, numeric, atol=1e-4)


def test_evidence_that_is_said_twice_counts_half(comparisons: list[Comparison]) -> None:
    one = comparisons[0]
    once = fit_weights(one, ["reachability"], 0.3)
    parts = {"reachability": 2 * one.parts["reachability"]}
    doubled = Comparison(**{**vars(one), "parts": parts})
    twice = fit_weights(doubled, ["reachability"], 0.3)
    assert twice.reachability == pytest.approx(once.reachability / 2, rel=0.05)
    assert twice.absent == pytest.approx(once.absent, abs=0.05)


def test_evidence_that_tells_nothing_counts_little(comparisons: list[Comparison]) -> None:
    random = np.random.default_rng(0)
    one = comparisons[0]
    noise = random.normal(0, 2, one.cosine.shape).astype(np.float32)
    noisy = Comparison(**{**vars(one), "parts": {**one.parts, "size": noise}})
    found = fit_weights(noisy, ["size", "reachability"], 0.3)
    assert found.size < 0.1
    assert found.reachability > 0.5


def test_pairs_are_all_pairs_of_known_ships() -> None:
    few = some_sightings(10, 4)
    for name in ("optical-optical", "optical-sar", "sar-sar"):
        pairs = pairs_to_fit(few, name, 0)
        plain = []
        for i in range(len(few)):
            for j in range(i + 1, len(few)):
                kinds = sorted(["sar" if few.facts.sar[k] else "optical" for k in (i, j)])
                if few.named[i] and few.named[j] and "-".join(kinds) == name:
                    same = few.ship[i] == few.ship[j]
                    plain.append((round(float(few.features[i] @ few.features[j]), 5), bool(same)))
        found = zip(pairs.similarity.round(5).tolist(), pairs.same.tolist(), strict=True)
        for (cosine, same), (expected, truth) in zip(sorted(found), sorted(plain), strict=True):
            assert (cosine, same) == (pytest.approx(expected, abs=2e-5), truth)


def test_errors_of_sizes_are_learnt_where_nobody_says_them() -> None:
    spread = spread_of(TRAINING)
    assert spread is not None
    for one in (spread.optical, spread.sar):
        assert one[0] == pytest.approx(0.03, rel=0.3)
        assert one[1] == pytest.approx(0.1, rel=0.3)
    assert abs(spread.sar_longer[0]) < 0.01
    assert spread_of(some_sightings(4, 4)) is None


def test_curves_weights_and_reliability_are_there() -> None:
    found = calibrate(TRAINING, "m", EvidenceConfig(not_there=0.4))
    calibration = found.calibration
    assert calibration.not_there == 0.4
    kinds = ["+".join(some) for some in subsets_of(("appearance", "size", "reachability"))]
    assert set(calibration.weights) == {
        start + some for start in ("", "o2s:", "s2o:") for some in kinds
    }
    one = calibration.weights_for(["appearance", "claims"], "s2o")
    assert one == calibration.weights["s2o:appearance"] != calibration.weights["appearance"]
    assert set(found.reliability) == set(calibration.curves)
    assert calibration.facts["ships"] == 40


def test_too_few_ships_are_refused() -> None:
    with pytest.raises(CrosswakeError, match=r"5 ships to calibrate on, 8 are needed"):
        calibrate(some_sightings(5, 4), "m", EvidenceConfig())
    once = some_sightings(20, 1)
    with pytest.raises(CrosswakeError, match="no ship was seen twice"):
        calibrate(once, "m", EvidenceConfig())


def test_nobody_is_compared_with_itself() -> None:
    few: KnownSightings = some_sightings(6, 4)
    rows = np.arange(len(few))
    one = compare_sightings(few, rows[::3], rows, Weighing())
    assert (one.counts == len(few) - 1).all()
    assert np.isinf(one.cosine[np.arange(len(one.query)), rows[::3]]).all()
    assert not one.match[np.arange(len(one.query)), rows[::3]].any()
    assert (one.match.sum(axis=1) >= 2 * few.named[rows[::3]]).all()


def test_ships_that_wander_are_forgotten_sooner_than_ships_that_stay() -> None:
    ways = {}
    for name, shuffled in (("sail", False), ("wander", True)):
        facts = TRAINING.facts
        order = np.arange(len(TRAINING))
        if shuffled:  # places that have nothing to do with the ship
            order = np.random.default_rng(0).permutation(order)
        moved = {"lon": facts.lon[order], "lat": facts.lat[order]}
        sightings = KnownSightings(
            **{**vars(TRAINING), "facts": type(facts)(**{**vars(facts), **moved})}
        )
        ways[name] = fit_motion(sightings, EvidenceConfig(max_speed=400))
    assert ways["wander"].forget_hours < 0.5 * ways["sail"].forget_hours
    assert fit_motion(some_sightings(3, 3), EvidenceConfig()) == USUAL_MOTION
