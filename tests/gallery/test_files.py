"""Promise: other programs read what is written, with every number as it was."""

import csv
import json
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.core.provenance import read_origin
from crosswake.gallery.files import refuse_other_table, write_sightings
from tests.gallery.making import made_sightings

ORIGIN = {"command": "gallery export", "weights": "ab"}
TABLE = made_sightings(
    6, lon=[0.1, -180.0, 179.999999, None, 5.0, 6.0], length_m=[0.3, None, 180.7, 1e3, 5.5, 6.25]
)


@pytest.mark.parametrize("ending", ["parquet", "geoparquet"])
def test_geopandas_reads_geoparquet(tmp_path: Path, ending: str) -> None:
    geopandas = pytest.importorskip("geopandas")
    path = tmp_path / f"f.{ending}"
    assert write_sightings(path, [TABLE.slice(0, 2), TABLE.slice(2)], ORIGIN) == 6
    frame = geopandas.read_parquet(path)
    assert frame.crs.to_epsg() in (4326, None)
    assert frame.crs.is_geographic
    points = [None if one is None else (one.x, one.y) for one in frame.geometry]
    places = zip(TABLE["lon"].to_pylist(), TABLE["lat"].to_pylist(), strict=True)
    assert points == [None if None in place else place for place in places]
    assert frame["id"].tolist() == TABLE["id"].to_pylist()
    assert read_origin(path) == ORIGIN


def test_geojson(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    path = tmp_path / "f.geojson"
    write_sightings(path, [TABLE], ORIGIN)
    found = json.loads(path.read_text())
    assert found["features"][1]["geometry"] == {"type": "Point", "coordinates": [-180.0, -78.7]}
    assert found["features"][3]["geometry"] is None
    properties = [feature["properties"] for feature in found["features"]]
    assert [one["length_m"] for one in properties] == [0.3, None, 180.7, 1000.0, 5.5, 6.25]
    assert properties[0]["time"] == "2026-03-01T00:00:00Z"
    assert "embedding" not in properties[0]
    assert len(geopandas.read_file(path)) == 6
    assert read_origin(path) == ORIGIN


def test_csv_and_json(tmp_path: Path) -> None:
    write_sightings(tmp_path / "f.csv", [TABLE.slice(0, 3), TABLE.slice(3)], ORIGIN)
    with (tmp_path / "f.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["lon"] for row in rows] == ["0.1", "-180.0", "179.999999", "", "5.0", "6.0"]
    write_sightings(tmp_path / "f.json", [TABLE], ORIGIN)
    found = json.loads((tmp_path / "f.json").read_text())["sightings"]
    assert [row["id"] for row in found] == [row["id"] for row in rows]


@pytest.mark.parametrize("ending", ["csv", "json", "geojson", "parquet", "geoparquet"])
def test_files_of_others_stay(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"f.{ending}"
    columns = [name for name in TABLE.column_names if name not in ("embedding", "thumbnail")]
    refuse_other_table(path, columns, ORIGIN, (False, "--table"))
    write_sightings(path, [TABLE], ORIGIN)
    refuse_other_table(path, columns, ORIGIN, (False, "--table"))
    path.write_text("mine")
    with pytest.raises(CrosswakeError, match="was not written by crosswake gallery export"):
        refuse_other_table(path, columns, ORIGIN, (True, "--table"))
