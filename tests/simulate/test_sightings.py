from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosswake.data.chips import Modality
from crosswake.data.sources.hoss import HOSS_NAME
from crosswake.simulate.sightings import plan_voyages, sun_position

EARTH = 6_371_000.0


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 60), st.integers(2, 7), st.integers(0, 1000))
def test_every_plan_can_be_evaluated(identities: int, sightings: int, seed: int) -> None:
    voyages = plan_voyages(identities, sightings, seed)
    ships, bag = voyages[:-1], voyages[-1]
    training = [ship for ship in ships if ship[0].split == "train"]
    testing = [ship for ship in ships if ship[0].split != "train"]
    assert len(training) == round(identities * 2 / 3)
    assert all(sighting.split == "train" for ship in training for sighting in ship)
    assert all({sighting.modality for sighting in ship} == set(Modality) for ship in ships)
    queries = [sighting for ship in testing for sighting in ship if sighting.split == "query"]
    assert Counter(sighting.identity for sighting in queries) == {
        ship[0].identity: 1 for ship in testing
    }
    of_optical = sum(sighting.modality is Modality.OPTICAL for sighting in queries)
    assert abs(2 * of_optical - len(queries)) <= 1
    assert {sighting.split for sighting in bag} == {"gallery"}
    assert len({sighting.vessel for sighting in bag}) == len(bag)
    names = [sighting.name for voyage in voyages for sighting in voyage]
    assert len(set(names)) == len(names)
    assert all(HOSS_NAME.match(name.removesuffix(".tif")) for name in names)


def test_no_ship_sails_faster_than_ships_do() -> None:
    for voyage in plan_voyages(20, 6, 1)[:-1]:
        for a, b in pairwise(voyage):
            hours = (b.time - a.time).total_seconds()
            mean = np.radians((a.lat + b.lat) / 2)
            east = np.radians(b.lon - a.lon) * np.cos(mean)
            metres = EARTH * np.hypot(east, np.radians(b.lat - a.lat))
            assert hours > 0
            assert metres / hours < 11.0


@pytest.mark.parametrize(
    ("moment", "lat", "azimuth", "elevation"),
    [
        (datetime(2026, 3, 21, 12, tzinfo=UTC), 40.0, 180.0, 50.0),
        (datetime(2026, 6, 21, 12, tzinfo=UTC), 0.0, 0.0, 66.5),
        (datetime(2026, 3, 21, 6, tzinfo=UTC), 0.0, 90.0, 0.0),
        (datetime(2026, 3, 21, 18, tzinfo=UTC), 0.0, 270.0, 0.0),
    ],
)
def test_the_sun_stands_where_almanacs_say(
    moment: datetime, lat: float, azimuth: float, elevation: float
) -> None:
    found, height = np.degrees(sun_position(moment, 0.0, lat))
    assert abs((found - azimuth + 180) % 360 - 180) < 1.5
    assert height == pytest.approx(elevation, abs=1.0)
