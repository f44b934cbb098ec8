"""Promise: filters leave exactly what they say, at the antimeridian, the poles and the same second,
and what is not known is never taken for known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.earth import great_circle_km
from crosswake.core.errors import CrosswakeError
from crosswake.gallery.catalogue import Gallery
from crosswake.gallery.filters import Filters, box_around
from crosswake.gallery.search import GallerySearch, GallerySearchOptions, search_gallery
from crosswake.settings.evidence import EvidenceConfig
from tests.gallery.making import BEGIN, made_gallery, made_sightings

ANY_SPEED = EvidenceConfig(max_speed=1000)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return made_gallery(tmp_path_factory.mktemp("g") / "g", made_sightings(120))


def left_by(gallery: Gallery, filters: Filters) -> set[str]:
    where = " AND ".join(sql for _, sql in filters.conditions())
    return set(gallery.read(where, ["id"])["id"].to_pylist())


def rows_where(good: object) -> set[str]:
    return set(np.array(made_sightings(120)["id"].to_pylist())[np.asarray(good)])


def test_each_filter_alone(gallery: Gallery) -> None:
    table = made_sightings(120)
    column = {name: np.array(table[name].to_pylist()) for name in ("lon", "lat", "length_m")}
    lon, lat = column["lon"], column["lat"]
    number = np.arange(120)
    start, end = BEGIN + timedelta(hours=10), BEGIN + timedelta(hours=20)
    cases = {
        Filters(start=start, end=end): (number >= 10) & (number <= 20),
        Filters(bbox=(-20, -30, 60, 45)): (lon >= -20) & (lon <= 60) & (lat >= -30) & (lat <= 45),
        Filters(bbox=(170, -90, -150, 90)): (lon >= 170) | (lon <= -150),
        Filters(length=(150, 160)): (column["length_m"] >= 150) & (column["length_m"] <= 160),
        Filters(length=(None, 105)): column["length_m"] <= 105,
        Filters(modality="sar"): number % 2 == 1,
        Filters(sensor=("SENSOR-1", "sensor-2")): number % 3 > 0,
        Filters(ship_type="tanker"): number % 3 == 0,
        Filters(where="length_m > 200"): column["length_m"] > 200,
    }
    for filters, good in cases.items():
        assert left_by(gallery, filters) == rows_where(good), filters
        assert 0 < len(rows_where(good)) < 120


def test_any_year_is_a_time(gallery: Gallery) -> None:
    early, late = (datetime(year, 1, 1, tzinfo=UTC) for year in (1, 9999))
    assert left_by(gallery, Filters(start=early, end=late)) == rows_where(np.ones(120, bool))
    assert left_by(gallery, Filters(end=early)) == set()


def test_a_type_is_taken_letter_by_letter(tmp_path: Path) -> None:
    """``_`` and ``%`` stand for themselves, and a quote ends nothing."""
    kinds = ["general_cargo", "generalXcargo", "50 % Owner's", None]
    gallery = made_gallery(tmp_path / "g", made_sightings(4, ship_type=kinds))
    ids = made_sightings(4)["id"].to_pylist()
    for asked, rows in (("General_Cargo", [0]), ("%", [2]), ("owner's", [2]), ("cargo", [0, 1])):
        assert left_by(gallery, Filters(ship_type=asked)) == {ids[row] for row in rows}, asked


def test_what_is_not_known_meets_no_bound(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {
        name: [None] * 4 for name in ("time", "lon", "lat", "length_m", "ship_type")
    }
    gallery = made_gallery(tmp_path / "g", made_sightings(4, **nothing))
    for filters in (
        Filters(start=BEGIN),
        Filters(bbox=(-180, -90, 180, 90)),
        Filters(length=(None, 1000)),
        Filters(ship_type="tanker"),
    ):
        assert left_by(gallery, filters) == set()
    query = made_sightings(1, 50)
    found = search_gallery(gallery, query, GallerySearchOptions())
    assert len(found.answers[0].candidates) == 4  # nothing speaks against them
    found = search_gallery(gallery, query, GallerySearchOptions(within_km=20_100))
    assert found.answers[0].steps["within"] == 0


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(1, 20_000), st.integers(0, 2**31))
def test_the_box_around_a_circle_holds_it(lon: float, lat: float, km: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    lons, lats = random.uniform(-180, 180, 300), np.degrees(np.arcsin(random.uniform(-1, 1, 300)))
    inside = great_circle_km(lon, lat, lons, lats) <= km
    west, south, east, north = box_around(lon, lat, km)
    across = (lons >= west) & (lons <= east) if west <= east else (lons >= west) | (lons <= east)
    assert (across & (lats >= south) & (lats <= north))[inside].all()


def near(gallery: Gallery, lon: float, lat: float, km: float) -> GallerySearch:
    query = made_sightings(1, 999, lon=[lon], lat=[lat], time=[None])
    options = GallerySearchOptions(within_km=km, top=200, evidence=ANY_SPEED)
    return search_gallery(gallery, query, options)


@pytest.mark.parametrize("place", [(179.9, 10.0), (-179.9, -10.0), (40.0, 89.5), (0.0, -90.0)])
def test_distance_over_the_antimeridian_and_the_poles(
    gallery: Gallery, place: tuple[float, float]
) -> None:
    table = made_sightings(120)
    km = great_circle_km(*place, table["lon"].to_numpy(), table["lat"].to_numpy())
    found = near(gallery, *place, 3000).answers[0]
    assert {one["id"] for one in found.candidates} == rows_where(km <= 3000)
    assert 0 < found.steps["within"] < 120


def test_two_places_at_the_same_second_are_two_ships(tmp_path: Path) -> None:
    """One 900 m away, within both errors, may be the ship; one 50 km away cannot."""
    table = made_sightings(3, lon=[10.0, 10.0, 10.0], lat=[50.0, 50.008, 50.45], time=[BEGIN] * 3)
    gallery = made_gallery(tmp_path / "g", table)
    answer = search_gallery(gallery, table.slice(0, 1), GallerySearchOptions()).answers[0]
    assert [one["id"] for one in answer.candidates] == [table["id"][1].as_py()]
    assert answer.steps["max_speed"] == 1


def test_filters_that_leave_nothing_say_which(gallery: Gallery) -> None:
    filters = Filters(modality="sar", length=(1000, None))
    with pytest.raises(CrosswakeError, match=r"modality 60, length 0\); widen them"):
        search_gallery(gallery, made_sightings(1), GallerySearchOptions(filters=filters))
    with pytest.raises(CrosswakeError, match=r"g: cannot be read \(.*colour"):
        options = GallerySearchOptions(filters=Filters(where="colour = 3"))
        search_gallery(gallery, made_sightings(1), options)
