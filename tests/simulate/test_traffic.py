"""Promises of the simulated traffic: nothing that ships or satellites cannot do, and the shares
that were asked for."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest

from crosswake.core.earth import great_circle_km, knots
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.simulate.claims import build_ships
from crosswake.simulate.detections import POSITION_ERROR_M, SIZE_ERROR_M, Detection
from crosswake.simulate.fleet import SHIP_TYPES
from crosswake.simulate.imaging import vessel_of
from crosswake.simulate.passes import TRACK_DEGREES, launch_constellation, plan_passes
from crosswake.simulate.sightings import START, plan_voyages
from crosswake.simulate.traffic import Traffic, plan_traffic
from crosswake.simulate.traffic_settings import TrafficConfig
from crosswake.simulate.traffic_voyages import CRUISE_KNOTS
from crosswake.simulate.waters import EAST, NORTH, SOUTH, WEST

CONFIG = TrafficConfig(ships=40, days=10, pass_hours=4)


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return plan_traffic(CONFIG, 3)


def by_ship(traffic: Traffic) -> dict[str, list[Detection]]:
    found: dict[str, list[Detection]] = {}
    for one in traffic.detections:
        if one.identity:
            found.setdefault(one.identity, []).append(one)
    return found


def hours(moment: datetime) -> float:
    return (moment - START).total_seconds() / 3600


def test_every_type_has_a_speed() -> None:
    assert CRUISE_KNOTS.keys() == SHIP_TYPES.keys()


def test_no_ship_is_faster_than_its_type(traffic: Traffic) -> None:
    types = {ship.identity: ship.vessel.ship_type for ship in traffic.ships}
    checked = 0
    for identity, seen in by_ship(traffic).items():
        for one, other in pairwise(seen):
            true = great_circle_km(
                one.sighting.lon, one.sighting.lat, other.sighting.lon, other.sighting.lat
            )
            gone = hours(other.sighting.time) - hours(one.sighting.time)
            assert float(knots(true, gone)) <= CRUISE_KNOTS[types[identity]][1] * 1.002
            checked += 1
    assert checked > 150


def test_speeds_along_every_voyage_are_those_of_the_type(traffic: Traffic) -> None:
    for ship, voyage in zip(traffic.ships, traffic.voyages, strict=True):
        assert (np.diff(voyage.hours) > 0).all()
        km = great_circle_km(voyage.lon[:-1], voyage.lat[:-1], voyage.lon[1:], voyage.lat[1:])
        sailed = knots(km, np.diff(voyage.hours))
        assert sailed.max() <= CRUISE_KNOTS[ship.vessel.ship_type][1] * 1.0001
        resting = np.array([state != "sea" for state in voyage.states[:-1]])
        assert sailed[resting].max() == 0
        assert voyage.hours[0] < 0 and voyage.hours[-1] > CONFIG.days * 24


def test_motion_is_that_between_neighbouring_moments(traffic: Traffic) -> None:
    for one in traffic.detections[:200]:
        if not one.identity or one.sighting.speed == 0:
            continue
        voyage, hour = traffic.voyages[one.sighting.identity], hours(one.sighting.time)
        (lon, lat), (then_lon, then_lat) = voyage.place(hour), voyage.place(hour + 1e-3)
        km = float(great_circle_km(lon, lat, then_lon, then_lat))
        assert one.sighting.speed == pytest.approx(km / 3.6e-3, rel=0.01) or (
            voyage.piece(hour) != voyage.piece(hour + 1e-3)
        )
        assert (lon, lat) == pytest.approx((one.sighting.lon, one.sighting.lat), abs=1e-5)


def test_a_sighting_lies_in_the_swath_and_time_of_its_pass(traffic: Traffic) -> None:
    passes = {one.scene: one for one in traffic.passes}
    for one in traffic.detections:
        its, sighting = passes[one.scene], one.sighting
        assert not its.cloudy
        assert its.satellite.modality is sighting.modality
        assert its.satellite.name == one.sensor
        assert WEST <= sighting.lon <= EAST and SOUTH <= sighting.lat <= NORTH
        # The distance from the ground track, by a rotation written out again.
        course = np.radians(TRACK_DEGREES[its.ascending])
        east = (sighting.lon - its.lon) * 111.195 * np.cos(np.radians(16))
        north = (sighting.lat - 16) * 111.195
        right = east * np.cos(course) - north * np.sin(course)
        near, far = its.edges
        assert near - 0.01 <= right <= far + 0.01
        # 3 degrees of latitude take less than a minute.
        assert abs(hours(sighting.time) - its.hour) < 80 / 3600
        if sighting.look is not None:
            assert 34.9 < np.degrees(sighting.look[1]) < 52


def test_cameras_pass_by_day_and_every_satellite_near_its_local_hour(traffic: Traffic) -> None:
    for one in traffic.passes:
        local = (one.hour + 63 / 15) % 24
        apart = abs((local - one.satellite.local_hour + 6) % 12 - 6)
        assert apart < 0.6
        if one.satellite.modality is Modality.OPTICAL:
            assert 9 < local < 14.5


@pytest.mark.parametrize("hours_apart", [1.5, 6.0, 30.0, 168.0])
def test_passes_come_as_often_as_asked(hours_apart: float) -> None:
    days = 60 * hours_apart
    passes = plan_passes(launch_constellation(5, hours_apart), 5, days, 0.25)
    assert len(passes) == pytest.approx(days * 24 / hours_apart, rel=0.06)
    cameras = [one for one in passes if one.satellite.modality is Modality.OPTICAL]
    assert len(cameras) == pytest.approx(len(passes) / 2, rel=0.1)
    cloudy = sum(one.cloudy for one in passes)
    assert cloudy == sum(one.cloudy for one in cameras)
    assert abs(cloudy / len(cameras) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / len(cameras))


def test_missed_and_empty_are_the_shares_asked_for() -> None:
    config = replace(CONFIG, ships=24, missed=0.3, empty=0.2, cloud=0.5)
    traffic = plan_traffic(config, 1)
    clear = [
        count for one, count in zip(traffic.passes, traffic.counts, strict=True) if not one.cloudy
    ]
    inside, seen = sum(one.inside for one in clear), sum(one.seen for one in clear)
    assert abs(1 - seen / inside - 0.3) < 4 * np.sqrt(0.3 * 0.7 / inside)
    empty = sum(one.empty for one in clear)
    assert len(traffic.detections) == seen + empty
    assert empty == sum(not one.identity for one in traffic.detections)
    assert abs(empty / (seen + empty) - 0.2) < 4 * np.sqrt(0.2 / seen)
    hidden = [
        count.seen + count.empty
        for one, count in zip(traffic.passes, traffic.counts, strict=True)
        if one.cloudy
    ]
    assert hidden and sum(hidden) == 0


def test_claims_are_the_shares_asked_for_in_both_splits() -> None:
    ships = build_ships(TrafficConfig(ships=60, silent=0.25, false_claims=0.2), 0)
    for split, count in (("train", 20), ("both", 40)):
        says = Counter(ship.says for ship in ships if ship.split == split)
        assert says == {"none": 0.25 * count, "false": 0.2 * count, "true": 0.55 * count}
    numbers = {ship.own.mmsi: ship for ship in ships}
    assert len(numbers) == 60 and all(len(mmsi) == 9 for mmsi in numbers)
    assert len({ship.own.name for ship in ships}) == 60
    for ship in ships:
        if ship.says == "false":
            other = numbers[ship.broadcast.mmsi]
            assert other is not ship and other.own == ship.broadcast
            assert other.split == ship.split  # else a split would tell of the other


def test_measured_places_and_sizes_have_the_errors_that_are_said(traffic: Traffic) -> None:
    for modality in Modality:
        found = [
            one for one in traffic.detections if one.identity and one.sighting.modality is modality
        ]
        lon, lat, at, over = np.array(
            [(one.lon, one.lat, one.sighting.lon, one.sighting.lat) for one in found]
        ).T
        off = great_circle_km(lon, lat, at, over) * 1000
        assert off.max() <= POSITION_ERROR_M[modality]
        assert off.max() > POSITION_ERROR_M[modality] * 0.4
        error = np.array(
            [one.length_m - traffic.ships[one.sighting.identity].vessel.length for one in found]
        )
        assert error.std() == pytest.approx(SIZE_ERROR_M[modality], rel=0.25)
        assert abs(error.mean()) < 4 * SIZE_ERROR_M[modality] / np.sqrt(len(error))


def test_a_ship_that_sails_away_from_the_radar_is_shifted_against_its_flight(
    traffic: Traffic,
) -> None:
    passes = {one.scene: one for one in traffic.passes}
    shifts, away = [], []
    for one in traffic.detections:
        sighting = one.sighting
        if sighting.look is None or not one.identity:
            continue
        course = passes[one.scene].course
        north = (one.lat - sighting.lat) * 111_195
        east = (one.lon - sighting.lon) * 111_195 * np.cos(np.radians(sighting.lat))
        shifts.append(east * np.sin(course) + north * np.cos(course))
        away.append(sighting.speed * np.cos(np.radians(sighting.heading) - sighting.look[0]))
    assert np.corrcoef(shifts, away)[0, 1] < -0.95


def test_ships_of_traffic_are_those_of_no_fleet() -> None:
    ships = build_ships(TrafficConfig(ships=6), 0)
    fleet = [vessel_of(voyage[0], 0) for voyage in plan_voyages(12, 2, 0)]
    other = [ship.vessel for ship in build_ships(TrafficConfig(ships=6), 1)]
    theirs = {vessel.weathering for vessel in fleet + other}
    assert not theirs & {ship.vessel.weathering for ship in ships}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"ships": 2}, "--ships"),
        ({"days": 0.0}, "--days"),
        ({"pass_hours": float("nan")}, "--pass_hours"),
        ({"cloud": 1.0}, "--cloud"),
        ({"missed": -0.1}, "--missed"),
        ({"silent": 0.7, "false_claims": 0.4}, "--false_claims"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(CrosswakeError, match=named):
        TrafficConfig(**wrong)  # type: ignore[arg-type]
