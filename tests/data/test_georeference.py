"""Promise: size and place of a chip are those that its file states, in whatever system."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.warp import transform

from crosswake.core.boxes import Box
from crosswake.core.said import start_saying
from crosswake.data.chips import Chip, Modality, Reading
from crosswake.data.pixels import read_chip
from tests.data.making import sar, write_image
from tests.golden import real_data

HEIGHT, WIDTH = 40, 20
US_FOOT = 1200 / 3937


def placed(path: Path, **known: Any) -> Chip:
    return read_chip(Chip(path=path, modality=Modality.SAR, **known))[1]


def image(path: Path, **georeference: Any) -> Path:
    return write_image(path, sar(height=HEIGHT, width=WIDTH), **georeference)


@settings(deadline=None, max_examples=40)
@given(
    epsg=st.sampled_from([32631, 32733, 3857, 2263, 4326, 4258, 3413]),
    turn=st.floats(-180, 180),
    size=st.floats(0.3, 30),
    windowed=st.booleans(),
)
def test_any_system_and_any_turn(
    tmp_path_factory: pytest.TempPathFactory, epsg: int, turn: float, size: float, windowed: bool
) -> None:
    """Pixels of ``size`` metres on the ground, turned by ``turn`` degrees, around a known point."""
    crs, at = CRS.from_epsg(epsg), {32631: (4.35, 51.9), 32733: (16, -30), 2263: (-74, 40.7)}
    lon, lat = at.get(epsg, (10.0, 75.0) if epsg == 3413 else (129.0, 36.0))
    (x,), (y,) = transform("EPSG:4326", crs, [lon], [lat])
    if crs.is_geographic:
        across, down = size / 111_320 / math.cos(math.radians(lat)), size / 111_035
        turn = 0.0
    else:
        metres = US_FOOT if epsg == 2263 else 1.0
        stretch = {3857: 1 / math.cos(math.radians(lat)), 3413: 0.9865}.get(epsg, 1.0)
        across = down = size / metres * stretch
    box = Box(8, 4, 16, 10) if windowed else Box(0, 0, HEIGHT, WIDTH)
    middle = (box.left + box.width / 2, box.top + box.height / 2)
    matrix = Affine.translation(x, y) @ Affine.rotation(turn) @ Affine.scale(across, -down)
    matrix = matrix @ Affine.translation(-middle[0], -middle[1])
    path = image(tmp_path_factory.mktemp("place") / "a.tif", crs=crs, transform=matrix)
    chip = placed(path, box=box if windowed else None)
    assert chip.width_m == pytest.approx(size * box.width, rel=0.005)
    assert chip.height_m == pytest.approx(size * box.height, rel=0.005)
    assert (chip.lon, chip.lat) == pytest.approx((lon, lat), abs=1e-6)


def test_utm_counts_in_the_metres_of_the_map(tmp_path: Path) -> None:
    matrix = Affine(10, 0, 5e5, 0, -10, 4e6)
    chip = placed(image(tmp_path / "a.tif", crs="EPSG:32652", transform=matrix))
    assert (chip.width_m, chip.height_m) == pytest.approx((200, 400), abs=1e-6)


def test_ground_control_points(tmp_path: Path) -> None:
    points = [
        GroundControlPoint(row, column, 129 + column * 1e-4, 36 - row * 9e-5)
        for row, column in ((0, 0), (0, 19), (39, 0), (39, 19))
    ]
    chip = placed(image(tmp_path / "a.tif", crs="EPSG:4326", gcps=points))
    assert (chip.width_m, chip.height_m) == pytest.approx((180.3, 399.5), abs=0.1)
    assert (chip.lon, chip.lat) == pytest.approx((129.001, 35.9982), abs=1e-6)


@pytest.mark.parametrize(
    "georeference",
    [
        {},
        {"crs": "EPSG:4326"},
        {"crs": "EPSG:32652", "transform": Affine(1e-9, 0, 5e5, 0, -1e-9, 4e6)},
        {"crs": "EPSG:32652", "transform": Affine(1e308, 0, 5e5, 0, -1e308, 4e6)},
        {"transform": Affine(1e-4, 0, 129, 0, -1e-4, 36)},
    ],
)
def test_no_or_no_possible_georeference(
    tmp_path: Path, georeference: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    start_saying()
    chip = placed(image(tmp_path / "a.tif", **georeference))
    assert (chip.width_m, chip.height_m, chip.lon, chip.lat) == (None,) * 4
    assert chip.ground_extent(HEIGHT, WIDTH) == (WIDTH, HEIGHT)
    assert capsys.readouterr().err == (
        "note: SAR images without georeference or size in a table have 1 m a pixel, as in HOSS "
        "ReID\n"
    )


def test_a_transform_without_a_system_counts_in_metres(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_saying()
    chip = placed(image(tmp_path / "a.tif", transform=Affine(10, 0, 5e5, 0, -10, 4e6)))
    assert (chip.width_m, chip.height_m, chip.lon) == (200, 400, None)
    assert "counts in metres" in capsys.readouterr().err


def test_a_table_wins_and_a_contradiction_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_saying()
    path = image(tmp_path / "a.tif", crs="EPSG:32652", transform=Affine(10, 0, 5e5, 0, -10, 4e6))
    for _ in range(2):
        chip = placed(path, width_m=21.5, lon=-3.5, lat=51.2)
        assert (chip.width_m, chip.lon, chip.lat) == (21.5, -3.5, 51.2)
        assert chip.height_m == pytest.approx(400)
    said = capsys.readouterr().err
    assert said.count("sizes in the table win over the georeference") == 1
    assert "taken as 21.5 x 400 m, not 200 x 400 m" in said


def test_real_scenes_lie_where_they_are() -> None:
    root = real_data("rotterdam")
    turned = placed(root / "sar_vv.tif")
    harbour = placed(root / "sar_masked.tif", reading=Reading(sar_band=1))
    assert (turned.width_m, turned.height_m) == pytest.approx((500, 500), abs=0.1)
    assert (harbour.width_m, harbour.height_m) == pytest.approx((900, 900), abs=0.1)
    assert (harbour.lon, harbour.lat) == pytest.approx((4.348, 51.890), abs=1e-3)
    path = real_data("sen2ships") / "busan_rgb.tiff"
    chip = Chip(path=path, modality=Modality.OPTICAL, box=Box(100, 200, 60, 40))
    busan = read_chip(chip)[1]
    assert busan.width_m == pytest.approx(40 * 10.004 * math.cos(math.radians(35.12)), rel=5e-3)
    assert np.isclose(busan.lat or 0, 35.12, atol=0.01)
