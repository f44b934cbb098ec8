"""Promise: distances, times and speeds are those of textbooks; what is unknown stays unknown."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.earth import great_circle_km, hours_between, knots

LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


def test_known_distances() -> None:
    # One degree of latitude is 111.195 km on the mean sphere; London to New York 5,570 km.
    assert great_circle_km(0, 0, 0, 1) == pytest.approx(111.195, abs=1e-3)
    assert great_circle_km(-0.1276, 51.5072, -74.006, 40.7128) == pytest.approx(5570, abs=2)
    assert great_circle_km(179.9, 0, -179.9, 0) == pytest.approx(0.2 * 111.195, abs=1e-3)
    assert np.isnan(great_circle_km(np.nan, 0, 0, 1))


@given(LON, LAT, LON, LAT)
def test_the_angle_between_two_points(
    lon: float, lat: float, other: float, other_lat: float
) -> None:
    def vector(x: float, y: float) -> list[float]:
        x, y = math.radians(x), math.radians(y)
        return [math.cos(y) * math.cos(x), math.cos(y) * math.sin(x), math.sin(y)]

    one, two = vector(lon, lat), vector(other, other_lat)
    angle = math.atan2(float(np.linalg.norm(np.cross(one, two))), float(np.dot(one, two)))
    km = float(great_circle_km(lon, lat, other, other_lat))
    assert km == pytest.approx(6371.0088 * angle, abs=1e-3)
    assert km == pytest.approx(float(great_circle_km(other, other_lat, lon, lat)), abs=1e-9)


def test_hours_know_zones() -> None:
    assert hours_between("2026-03-01T12:00:00Z", "2026-03-02T00:30:00+00:00") == 12.5
    assert hours_between("2026-03-01T12:00:00", "2026-03-01T12:00:00Z") == 0
    assert hours_between("2026-03-01T12:00:00+02:00", "2026-03-01T08:00:00Z") == -2
    assert math.isnan(hours_between("", "2026-03-01T12:00:00Z"))


def test_speeds() -> None:
    assert knots(18.52, 1.0) == pytest.approx(10)
    assert knots(18.52, -2.0) == pytest.approx(5)
    assert knots(1.0, 0.0) == np.inf
    assert np.isnan(knots(0.0, 0.0))
    assert np.isnan(knots(np.nan, 1.0))
