"""Promise: each kind of evidence is what its formula says, nothing is said of what is not known,
and probabilities add up to 1, wherever on Earth and whenever."""

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crosswake.core.earth import great_circle_km
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.gallery.evidence import Fleet, Weighing, weigh
from crosswake.gallery.facts import SightingFacts, sighting_facts
from crosswake.gallery.reach import Sailing, log_kernels, reach_ratio, rings_of
from crosswake.gallery.sizes import FLEET_BANDWIDTH, OUTLIERS, log_sizes, size_ratio
from crosswake.retrieval.calibration import (
    MODALITY_PAIRS,
    Calibration,
    EvidenceWeights,
    Motion,
    SizeSpread,
)
from crosswake.retrieval.curves import RatioCurve
from crosswake.settings.evidence import EvidenceConfig

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = RatioCurve(similarity=np.array([-1.0, 1]), ratio=np.array([-8.0, 8]), method="logistic")
MODEL = Calibration(curves=dict.fromkeys(MODALITY_PAIRS, LINE), model="m")
SAILING = Sailing(max_speed=30.0, motion=Motion(slow=2.0, forget_hours=100.0))


def sightings(*rows: dict[str, Any]) -> SightingFacts:
    usual = {"id": "x", "modality": "optical"}
    return sighting_facts(pa.Table.from_pylist([usual | row for row in rows], SIGHTING_COLUMNS))


def at(lon: float, lat: float, hours: float = 0, **more: Any) -> dict[str, Any]:
    return {"lon": lon, "lat": lat, "time": NOON + timedelta(hours=hours), **more}


def some_fleet(count: int, seed: int = 0) -> SightingFacts:
    random = np.random.default_rng(seed)
    rows = [
        at(lon, lat, hours, length_m=length, width_m=length / 6, modality=modality)
        for lon, lat, hours, length, modality in zip(
            random.uniform(-5, 5, count),
            random.uniform(-5, 5, count),
            random.uniform(0, 300, count),
            random.lognormal(4.6, 0.5, count),
            random.choice(["optical", "sar"], count),
            strict=True,
        )
    ]
    return sightings(*rows)


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


def test_the_way_around_land_is_taken_where_it_is_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    # Across an isthmus: 111 km as the crow flies, 2000 km by sea, in 20 hours.
    monkeypatch.setattr(
        "crosswake.gallery.sea_routes.sea_route_km",
        lambda _start, end: 2000.0 if end[0] > 0 else 10.0,
    )
    facts = sightings(at(1, 0, 20), at(-1, 0, 20))
    straight, around = (
        weigh(
            sightings(at(0, 0)), facts, np.zeros(2), Weighing(config=EvidenceConfig(sea_routes=s))
        )
        for s in (False, True)
    )
    assert straight.possible.all()
    assert around.possible.tolist() == [False, True]
    np.testing.assert_allclose(around.km, [2000, straight.km[1]])


def plain_normal(away: float, deviation: float) -> float:
    return math.exp(-0.5 * (away / deviation) ** 2) / deviation / math.sqrt(2 * math.pi)


def test_size_is_same_ship_against_fleet() -> None:
    """Recomputed ship by ship with plain numbers."""
    query = sightings({"length_m": 100, "width_m": 16, "size_error_m": 4})
    others = some_fleet(30)
    errors = np.full(30, 3.0)
    others = SightingFacts(**{**vars(others), "size_error_m": errors})
    own, fleet = log_sizes(query), log_sizes(others)
    found = size_ratio(own, fleet, fleet)

    def density(row: int, extra: float) -> float:
        value = 1.0
        for mine, theirs in ((100, others.length_m[row]), (16, others.width_m[row])):
            variance = (4 / mine) ** 2 + (3 / theirs) ** 2 + extra**2
            value *= plain_normal(math.log(mine / theirs), math.sqrt(variance))
        return value

    chance = np.mean([density(row, FLEET_BANDWIDTH) for row in range(30)])
    plain = [math.log((1 - OUTLIERS) * density(r, 0) / chance + OUTLIERS) for r in range(30)]
    np.testing.assert_allclose(found, plain)
    assert found[np.argmin(np.abs(others.length_m - 100))] > 1
    assert found.min() >= math.log(OUTLIERS) - 1e-9


def test_a_size_in_part_counts_in_part() -> None:
    fleet = log_sizes(some_fleet(50))
    parts = (100, 16), (100, None), (None, 16), (None, 0)
    facts = sightings(*({"length_m": length, "width_m": width} for length, width in parts))
    rows = log_sizes(facts)
    for place in range(4):
        query = log_sizes(facts.take(slice(place, place + 1)))
        found = size_ratio(query, rows, fleet)
        common = ~np.isnan(query.values[0]) & ~np.isnan(rows.values)
        assert ((found != 0) == common.any(axis=1)).all()


def test_errors_of_sizes_come_from_sighting_calibration_or_pixels() -> None:
    both = sightings(
        {"length_m": 100, "width_m": 20, "size_error_m": 5},
        {"length_m": 100, "width_m": 20},
        {"length_m": 100, "width_m": 20, "modality": "sar"},
    )
    np.testing.assert_allclose(log_sizes(both).spread[:, 0], [0.05, 0.015, 0.02], atol=1e-6)
    learnt = SizeSpread(optical=(0.03, 0.1), sar=(0.04, 0.2), sar_longer=(0.1, 0.3))
    found = log_sizes(both, learnt)
    np.testing.assert_allclose(found.spread[:, 1], [0.25, 0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(found.values[0] - found.values[2], [0.1, 0.3], atol=1e-6)


def test_the_kernel_is_a_density() -> None:
    km = np.linspace(0, 700, 700_001)
    for hours in (0.0, 2.0, 12.0):
        for density in np.exp(log_kernels(km, np.array(hours), np.array(5.0), SAILING)):
            assert np.trapezoid(density * 2 * np.pi * km, km) == pytest.approx(1, abs=0.14)


def plain_kernels(km: float, hours: float, error: float) -> list[float]:
    reach = 30.0 * 1.852 * hours + error
    if km > reach:
        return [0.0, 0.0]
    variance = (SAILING.motion.drift_knots * 1.852 * hours) ** 2 + (error / 2) ** 2
    still = math.exp(-(km**2) / 2 / variance) / (2 * math.pi * variance)
    falling = 6 * (1 - km / reach) ** 2 / (math.pi * reach**2)
    return [still, 0.9 * falling + 0.1 / (math.pi * reach**2)]


def test_reachability_is_kernel_against_surroundings() -> None:
    """Recomputed pair by pair; the quick way sorts distances and times and is some percent off."""
    facts = some_fleet(300)
    km = great_circle_km(0, 0, facts.lon, facts.lat)
    hours = facts.hours - facts.hours.min()
    found = reach_ratio(km, hours, np.ones(300), rings_of(km), SAILING)
    for row in range(0, 300, 7):
        own = plain_kernels(km[row], hours[row], 1.0)
        if own[1] == 0:
            assert found[row] == -np.inf
            continue
        means = np.mean([plain_kernels(other, hours[row], 1.0) for other in km], axis=0)
        share = SAILING.motion.still
        mixture = share * own[0] / max(means[0], 1e-30) + (1 - share) * own[1] / means[1]
        remember = math.exp(-hours[row] / 100)
        expected = math.log(remember * mixture + 1 - remember)
        assert found[row] == pytest.approx(expected, abs=0.2)
    assert np.isinf(found).any()
    assert found.max() <= math.log(301)


def test_after_a_long_time_a_place_says_nothing() -> None:
    facts = some_fleet(400)
    km = great_circle_km(0, 0, facts.lon, facts.lat)
    far = reach_ratio(km, np.full(400, 20_000.0), np.ones(400), rings_of(km), SAILING)
    assert np.abs(far).max() < 1e-6


def reach(query: dict[str, Any], *others: dict[str, Any], **config: Any) -> Any:
    how = Weighing(config=EvidenceConfig(**config), calibration=MODEL)
    facts = sightings(*others)
    return weigh(sightings(query), facts, np.zeros(len(facts)), how)


def test_faster_than_a_ship_is_no_candidate() -> None:
    found = reach(at(0, 0), at(1, 0, 1), at(1, 0, 4), at(1, 0, -4), at(1, 0, -1), max_speed=30)
    assert found.possible.tolist() == [False, True, True, False]
    assert found.impossible == 2
    assert found.probability[0] == 0
    assert set(found.order()) == {1, 2}
    np.testing.assert_allclose(found.knots, np.array([60.04, 15.01, 15.01, 60.04]), atol=0.01)
    assert reach(at(0, 0), at(1, 0, 1), max_speed=61).impossible == 0


def test_in_the_same_second_only_errors_make_room() -> None:
    there = at(0.01, 0)  # 1.1 km
    assert reach(at(0, 0), there, position_error=500).impossible == 1
    assert reach(at(0, 0), there, position_error=600).impossible == 0
    assert reach(at(0, 0, position_error_m=100), there, position_error=600).impossible == 1
    sure = at(0.01, 0, position_error_m=900)
    assert reach(at(0, 0, position_error_m=300), sure, position_error=1).impossible == 0
    same = reach(at(0, 0), at(0, 0))
    assert np.isfinite(same.reachability).all()
    assert same.probability.sum() + same.not_there == pytest.approx(1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((179.9, 10), (-179.9, 10)),  # over the antimeridian
        ((-179.9, -10), (179.9, -10)),
        ((180.0, 0), (-180.0, 0)),
        ((0, 89.99), (180, 89.99)),  # over the pole
        ((37, 90), (-120, 90)),
        ((10, -89.95), (-170, -89.99)),
    ],
)
def test_near_is_near_everywhere(one: tuple[float, float], other: tuple[float, float]) -> None:
    found = reach(at(*one), at(*other, 2), at(one[0] / 2, 0 if abs(one[1]) > 80 else 60, 2))
    assert found.possible.tolist() == [True, False]
    assert found.km[0] < 25


def test_what_is_not_known_says_nothing() -> None:
    bare: dict[str, Any] = {"lon": None, "lat": None, "time": None}
    fleet = Fleet.of(some_fleet(50))
    for query in (at(0, 0, length_m=100, mmsi="1"), bare, {"lon": 3.0, "time": NOON}):
        facts = sightings(bare, {"lat": 1.0, "time": NOON}, {"lon": 1.0, "lat": 1.0})
        found = weigh(
            sightings(query), facts, np.zeros(3), Weighing(calibration=MODEL, fleet=fleet)
        )
        for part in (found.size, found.reachability, found.claims):
            assert (part == 0).all()
        assert found.impossible == 0
        assert found.probability.sum() + found.not_there == pytest.approx(1)


def test_claims_agree_contradict_or_say_nothing() -> None:
    query = {"mmsi": "1", "name": "A", "ship_type": "tanker"}
    others: tuple[dict[str, Any], ...] = (
        {"mmsi": "1", "name": "B", "ship_type": "tanker"},  # the MMSI counts before the name
        {"mmsi": "2", "name": "A"},
        {"name": "A", "ship_type": "cargo"},
        {"imo": "9"},
        {},
    )
    found = reach(query, *others, claim_ratio=5, type_ratio=2).claims
    np.testing.assert_allclose(np.exp(found), [10, 1 / 5, 5 / 2, 1, 1])
    assert (reach({}, *others).claims == 0).all()


def test_weights_count_and_what_is_impossible_stays_so() -> None:
    weights = {"appearance+reachability": EvidenceWeights(appearance=0.5, reachability=0, absent=1)}
    model = Calibration(curves=MODEL.curves, model="m", weights=weights)
    facts = sightings(at(1, 0, 1), at(1, 0, 9))
    found = weigh(sightings(at(0, 0)), facts, np.ones(2), Weighing(calibration=model))
    np.testing.assert_allclose(found.appearance, [4, 4])
    np.testing.assert_array_equal(found.reachability, [-np.inf, 0])
    none = 0.3 * math.e / (0.3 * math.e + 0.7 / 2 * math.exp(4))
    assert found.not_there == pytest.approx(none)


def test_without_a_calibration_there_are_ranks_and_no_probability() -> None:
    facts = sightings(at(0, 0, 5), at(0, 0, 1), at(20, 0, 1))
    found = weigh(sightings(at(0, 0)), facts, np.array([0.1, 0.7, 0.9]), Weighing())
    assert not found.calibrated
    assert np.isnan(found.probability).all()
    assert math.isnan(found.not_there)
    assert found.order().tolist() == [1, 0]  # the third is out of reach
    assert (found.appearance == 0).all()


def test_the_prior_is_set_or_learnt() -> None:
    facts = sightings({}, {})
    flat = RatioCurve(similarity=np.array([-1.0, 1]), ratio=np.zeros(2), method="x")
    model = Calibration(curves=dict.fromkeys(MODALITY_PAIRS, flat), model="m", not_there=0.4)
    for set_to, expected in ((None, 0.4), (0.9, 0.9)):
        how = Weighing(config=EvidenceConfig(not_there=set_to), calibration=model)
        assert weigh(sightings({}), facts, np.zeros(2), how).not_there == pytest.approx(expected)


def test_one_query_among_a_hundred_thousand_is_quick() -> None:
    random, count = np.random.default_rng(0), 100_000
    table = pa.table(
        {
            "modality": random.choice(["optical", "sar"], count),
            "time": pa.array(
                (1.77e15 + random.uniform(0, 2.6e12, count)).astype(np.int64),
                pa.timestamp("us", tz="UTC"),
            ),
            "lon": random.uniform(-180, 180, count),
            "lat": random.uniform(-90, 90, count),
            "length_m": random.lognormal(5, 0.5, count).astype(np.float32),
            "width_m": random.lognormal(3, 0.5, count).astype(np.float32),
        }
    )
    facts = sighting_facts(table)
    how = Weighing(calibration=MODEL, fleet=Fleet.of(facts))
    cosine = random.uniform(-1, 1, count)
    took = []
    for row in range(3):
        begun = time.process_time()
        found = weigh(facts.take(slice(row, row + 1)), facts, cosine, how)
        took.append(time.process_time() - begun)
    assert min(took) < 1.0
    assert found.probability.sum() + found.not_there == pytest.approx(1)
