"""Promise: log ratios rise with the cosine, are bounded and near the truth, and a calibration is
used with its own model only."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.core.errors import CrosswakeError
from crosswake.core.provenance import file_hash
from crosswake.retrieval.calibration import (
    MODALITY_PAIRS,
    Calibration,
    CrossFit,
    EvidenceWeights,
    SizeSpread,
    calibration_beside,
    deal_folds,
    read_calibration,
    write_calibration,
)
from crosswake.retrieval.curves import KnownPairs, RatioCurve, fit_curve

GRID = np.linspace(-1, 1, 401)


def normal_pairs(same: int, different: int, seed: int = 0, ships: int = 100) -> KnownPairs:
    """Cosines of one ship about 0.5, of two about 0, of deviation 0.2: log ratio 12.5 s - 3.125."""
    random = np.random.default_rng(seed)
    kind = np.repeat([True, False], [same, different])
    first = random.integers(ships, size=len(kind))
    other = (first + random.integers(1, ships, size=len(kind))) % ships
    return KnownPairs(
        similarity=np.clip(random.normal(np.where(kind, 0.5, 0.0), 0.2), -1, 1),
        same=kind,
        first=first,
        second=np.where(kind, first, other),
    )


@pytest.mark.parametrize(
    ("same", "method", "most"), [(150, "logistic", 1.0), (3000, "isotonic", 0.7)]
)
def test_the_truth_is_found(same: int, method: str, most: float) -> None:
    curve = fit_curve(normal_pairs(same, 20_000))
    assert curve.method == method
    middle = np.linspace(0.0, 0.6, 25)
    away = curve(middle) - (12.5 * middle - 3.125)
    assert np.abs(away).max() < most
    assert np.abs(away).mean() < most / 2


@settings(max_examples=25, deadline=None)
@given(
    same=st.integers(1, 400),
    different=st.integers(1, 600),
    seed=st.integers(0, 1000),
    ships=st.integers(2, 100),
)
def test_whatever_the_pairs_ratios_rise_and_are_finite(
    same: int, different: int, seed: int, ships: int
) -> None:
    ratio = fit_curve(normal_pairs(same, different, seed, ships))(GRID)
    assert np.isfinite(ratio).all()
    assert (np.diff(ratio) >= 0).all()
    assert np.abs(ratio).max() < 30


def test_pairs_that_do_not_overlap_give_no_certainty() -> None:
    pairs = normal_pairs(300, 300)
    pairs = KnownPairs(**{**vars(pairs), "similarity": np.where(pairs.same, 0.9, -0.9)})
    assert np.abs(fit_curve(pairs)(GRID)).max() < 10


def test_a_fold_is_judged_by_a_curve_that_does_not_know_it() -> None:
    pairs = normal_pairs(300, 2000, ships=30)
    fold = deal_folds(30, 0)
    cross = CrossFit.of(pairs, fold, 0)
    found = cross.log_ratio(pairs.similarity, pairs.first)
    for row in (0, 1, 500):
        number = fold[pairs.first[row]]
        rest = (fold[pairs.first] != number) & (fold[pairs.second] != number)
        assert found[row] == fit_curve(pairs.take(rest))(pairs.similarity[row : row + 1])[0]
    said = cross.reliability(pairs, 0)
    assert said.error.value < 0.06
    assert said.share.sum() == pytest.approx(1)


def some_calibration(model: str = "abc") -> Calibration:
    curve = RatioCurve(similarity=np.array([-1.0, 0, 1]), ratio=np.array([-4.0, -2, 6]), method="x")
    return Calibration(
        curves={MODALITY_PAIRS[1]: curve},
        model=model,
        weights={
            "appearance": EvidenceWeights(appearance=0.9, absent=0.1),
            "appearance+size": EvidenceWeights(appearance=0.8, size=0.5),
        },
        spread=SizeSpread(optical=(0.02, 0.1), sar=(0.03, 0.15), sar_longer=(0.01, 0.1)),
        not_there=0.25,
        facts={"data": "ships"},
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path, one = tmp_path / "calibration.json", some_calibration()
    write_calibration(path, one, {"command": "calibrate"})
    found = read_calibration(path)
    np.testing.assert_array_equal(
        found.curves["optical-sar"].ratio, one.curves["optical-sar"].ratio
    )
    assert (found.weights, found.spread) == (one.weights, one.spread)
    assert (found.not_there, found.facts) == (0.25, {"data": "ships"})


def test_each_pair_of_modalities_has_its_curve() -> None:
    one = some_calibration()
    ratio = one.log_ratio(np.array([0.5, 0.5]), np.array([True, False]), False)
    np.testing.assert_allclose(ratio, [2, 0])  # there is no curve for optical with optical
    assert one.weights_for(["appearance", "size", "reachability"]).size == 0.5
    assert one.weights_for(["appearance", "claims"]).appearance == 0.9
    assert one.weights_for(["reachability"]) == EvidenceWeights()


def test_a_calibration_goes_with_its_weights(tmp_path: Path) -> None:
    weights = tmp_path / "best.pt"
    weights.write_bytes(b"weights")
    assert calibration_beside(weights) is None
    path = tmp_path / "calibration.json"
    write_calibration(path, some_calibration(file_hash(weights)), {"command": "calibrate"})
    assert calibration_beside(weights) is not None
    weights.write_bytes(b"others")
    with pytest.raises(CrosswakeError, match="other weights"):
        calibration_beside(weights)


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.update(format="x"),
        lambda record: record.pop("weights"),
        lambda record: record["weights"]["appearance"].update(size=-1),
        lambda record: record["weights"]["appearance"].update(size=float("nan")),
        lambda record: record["weights"]["appearance"].update(other=1),
        lambda record: record.update(not_there=1),
        lambda record: record["curves"]["optical-sar"].update(log_ratio=[3, 2, 1]),
        lambda record: record["curves"]["optical-sar"].update(log_ratio=["a", "b", "c"]),
        lambda record: record["curves"].update(x=record["curves"]["optical-sar"]),
        lambda record: record.update(size_spread={"optical": [1]}),
        lambda record: record.update(curves=[]),
    ],
)
def test_damage_is_one_line(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "calibration.json"
    write_calibration(path, some_calibration(), {"command": "calibrate"})
    record = json.loads(path.read_text())
    damage(record)  # type: ignore[operator]
    path.write_text(json.dumps(record))
    with pytest.raises(CrosswakeError, match="crosswake calibrate") as error:
        read_calibration(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", "\x00"):
        (tmp_path / "c.json").write_text(content)
        with pytest.raises(CrosswakeError, match="crosswake calibrate"):
            read_calibration(tmp_path / "c.json")
    with pytest.raises(CrosswakeError, match="cannot be read"):
        read_calibration(tmp_path / "none.json")
