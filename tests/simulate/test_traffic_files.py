"""Promises of what simulated traffic writes: the same bytes, taken up where a run stopped, read by
every command, and never over somebody's files."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from crosswake.cli.main import main
from crosswake.core.earth import great_circle_km
from crosswake.core.errors import CrosswakeError
from crosswake.core.provenance import file_hash
from crosswake.data.chips import Modality
from crosswake.data.pixels import read_chip, read_pixels
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.data.sources.open import open_reid
from crosswake.simulate.traffic import simulate_traffic
from crosswake.simulate.traffic_settings import TrafficConfig
from tests.simulate.test_writer import digests

SMALL = TrafficConfig(ships=6, days=3.0, pass_hours=8.0, empty=0.25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("traffic") / "out"
    simulate_traffic(out, SMALL, seed=7, workers=1, quiet=True)
    return out


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_command_reads_the_table(folder: Path) -> None:
    data = open_reid(folder / "sightings.csv")
    rows = rows_of(folder / "sightings.csv")
    assert data.bad_files == ()
    chips = {chip.path: chip for chip in (*data.train, *data.unnamed, *data.query, *data.gallery)}
    assert len(chips) == len(rows)
    for row in rows:
        chip = chips[folder / row["path"]]
        assert chip.identity == row["identity"]
        assert (chip.ship_length_m, chip.ship_width_m) == (
            float(row["ship_length_m"]),
            float(row["ship_width_m"]),
        )
        assert (chip.scene, chip.ship_type, chip.time) == (
            row["scene"],
            row["ship_type"],
            row["time"],
        )
        pixels, _ = read_chip(chip)
        size = 0.75 if chip.modality is Modality.OPTICAL else 1.0
        assert (chip.height_m, chip.width_m) == tuple(side * size for side in pixels.shape[:2])
    assert all(row["split"] == "both" for row in rows if row["identity"] > "T7-0001")
    assert {chip.identity for chip in data.train} <= {"T7-0000", "T7-0001"}


def test_parquet_holds_the_same_sightings_as_a_gallery_does(folder: Path) -> None:
    table = pq.read_table(folder / "sightings.parquet")
    assert table.schema.equals(SIGHTING_COLUMNS)
    rows = rows_of(folder / "sightings.csv")
    for row, known in zip(rows, table.to_pylist(), strict=True):
        assert known["path"] == row["path"]
        assert known["id"] == file_hash(folder / row["path"])
        assert known["identity"] == (row["identity"] or None)
        assert known["mmsi"] == (row["mmsi"] or None)
        assert known["length_m"] == pytest.approx(float(row["ship_length_m"]))
        assert known["width_m"] == pytest.approx(float(row["ship_width_m"]))
        assert known["time"].isoformat(timespec="milliseconds") == row["time"].replace(
            "Z", "+00:00"
        )
        assert known["heading_ambiguous"] is (row["modality"] == "sar")
        assert not known["heading_ambiguous"] or known["heading_deg"] <= 180


def test_tracks_lead_to_every_sighting(folder: Path) -> None:
    tracks: dict[str, list[tuple[np.datetime64, float, float]]] = {}
    for row in rows_of(folder / "tracks.csv"):
        at = (np.datetime64(row["time"].rstrip("Z")), float(row["lon"]), float(row["lat"]))
        tracks.setdefault(row["identity"], []).append(at)
    for row in rows_of(folder / "sightings.csv"):
        if row["identity"]:
            times, lon, lat = zip(*tracks[row["identity"]], strict=True)
            clock = (np.array(times) - times[0]).astype(float)
            now = (np.datetime64(row["time"].rstrip("Z")) - times[0]).astype(float)
            true = np.interp(now, clock, lon), np.interp(now, clock, lat)
            off = great_circle_km(*true, float(row["lon"]), float(row["lat"])) * 1000
            assert off <= float(row["position_error_m"]) + 5


def test_an_empty_detection_is_water(folder: Path) -> None:
    rows = rows_of(folder / "sightings.csv")
    contrast: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        pixels = read_pixels(folder / row["path"]).astype(float)
        if pixels.ndim == 2:
            contrast[bool(row["identity"])].append(float(pixels.max() / np.median(pixels)))
    assert contrast[True] and contrast[False]
    assert max(contrast[False]) < min(contrast[True])


def test_same_bytes_whatever_the_workers_and_after_a_stop(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    simulate_traffic(out, SMALL, seed=7, workers=2, quiet=True)
    assert digests(out) == digests(folder)
    whole = digests(out)
    for place, path in enumerate(sorted((out / "chips").iterdir())):
        if place % 3 == 0:
            path.unlink()
    (out / "sightings.csv").unlink()
    made_from = json.loads((out / "traffic.json").read_text())["made_from"]
    (out / "traffic.json").write_text(json.dumps({"made_from": made_from, "complete": False}))
    kept = {path.name: path.stat().st_mtime_ns for path in (out / "chips").iterdir()}
    simulate_traffic(out, SMALL, seed=7, workers=1, quiet=True)
    assert digests(out) == whole
    assert {name: (out / "chips" / name).stat().st_mtime_ns for name in kept} == kept


def test_a_folder_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="holds other traffic: seed 7, not 3"):
        simulate_traffic(folder, SMALL, seed=3, quiet=True)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(CrosswakeError, match="not empty"):
        simulate_traffic(tmp_path, SMALL, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_a_sighting_nothing_is_written(tmp_path: Path) -> None:
    config = TrafficConfig(ships=6, days=0.5, pass_hours=168)
    with pytest.raises(CrosswakeError, match=r"--days: in 0\.5 days no ship was seen"):
        simulate_traffic(tmp_path / "out", config, quiet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--ships", "9"], "--ships: is a setting of traffic; add --traffic"),
        (["--traffic", "--identities", "9"], "--identities: is a setting of a fleet"),
        (["--traffic", "--ships", "5"], "--ships: must be at least 6, got 5"),
        (["--traffic", "--cloud", "1"], "--cloud"),
    ],
)
def test_mistakes_on_the_command_line(
    words: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_command_finds_its_traffic_whole_and_draws_the_map(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, whole = tmp_path / "map.png", digests(folder)
    few = ["--ships", "6", "--days", "3", "--pass_hours", "8", "--empty", "0.25", "--seed", "7"]
    words = ["simulate", str(folder), "--traffic", *few, "--workers", "1", "--quiet"]
    assert main([*words, "--preview", str(picture)]) == 0
    assert capsys.readouterr().out.split() == [str(folder), str(picture)]
    assert digests(folder) == whole
    assert read_pixels(picture).shape == (840, 1500, 3)
    assert main(["simulate", "--traffic", "--ships", "7", "--preview", str(picture)]) == 2
    assert "ships 6, not 7" in capsys.readouterr().err
