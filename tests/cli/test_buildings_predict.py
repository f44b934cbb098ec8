"""Promise: ``buildings predict`` writes a submission that the check passes, and maps that others
open; a run that was stopped goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from crosswake.buildings.reference import open_reference
from crosswake.buildings.submission import check_submission, read_submission
from crosswake.cli.main import main
from crosswake.core.provenance import read_origin
from crosswake.data.sources.dfc23_tracks import read_tiles
from tests.data.tile_making import make_tiles
from tests.tasks.buildings.seeing import Seeing

pytest.importorskip("pycocotools.mask")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiles(tmp_path_factory.mktemp("tiles"), references=("train", "test"))


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Seeing:
    from crosswake.models.buildings import checkpoints

    seeing = Seeing()
    monkeypatch.setattr(checkpoints, "load_building_model", lambda *_, **__: seeing)
    return seeing


@pytest.fixture
def words(root: Path, tmp_path: Path) -> list[str]:
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"weights")
    return [
        *("buildings", "predict", "--checkpoint", str(checkpoint), "--data", str(root)),
        *("--output", str(tmp_path / "found.zip"), "--least_score", "0"),
    ]


def test_from_tiles_to_a_submission(
    words: list[str], root: Path, tmp_path: Path, finder: Seeing
) -> None:
    assert main(words) == 0
    tiles = [one for one in read_tiles(root, 2).tiles if one.split == "test"]
    found = check_submission(tmp_path / "found.zip", tiles=tiles)
    assert found.findings == ()
    assert found.track == 2
    truth = open_reference(root, 2, "test").results
    results = read_submission(tmp_path / "found.zip", truth).results
    for one, other in zip(results, truth, strict=True):
        assert {i.counts for i in one.instances} == {i.counts for i in other.instances}
    origin = read_origin(tmp_path / "found.zip")
    assert origin is not None
    assert origin["command"] == "buildings predict"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["best.pt", "found.zip"]
    assert main(words) == 0
    assert main([*words, "--window", "64", "--overlap", "16"]) == 2


def test_height_maps_lie_where_their_tiles_do(
    words: list[str], root: Path, tmp_path: Path, finder: Seeing
) -> None:
    assert main([*words, "--heights", str(tmp_path / "heights")]) == 0
    note = json.loads((tmp_path / "heights" / "heights.json").read_text())
    assert note["files"] == ["P_0420.tif", "P_0421.tif"]
    tile = root / "track2_test_data" / "rgb" / "P_0420.tif"
    with rasterio.open(tile) as source, rasterio.open(tmp_path / "heights/P_0420.tif") as found:
        assert (found.crs, found.transform) == (source.crs, source.transform)
        assert found.dtypes == ("float32",)
        assert (found.read(1) > 0).mean() > 0.1
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "P_0420.tif").touch()
    assert main([*words, "--heights", str(tmp_path / "other")]) == 2


def test_footprints_are_geoparquet(
    words: list[str], root: Path, tmp_path: Path, finder: Seeing
) -> None:
    geopandas = pytest.importorskip("geopandas")
    path = tmp_path / "found.parquet"
    assert main([*words, "--footprints", str(path)]) == 0
    table = geopandas.read_parquet(path)
    assert table.crs == CRS.from_epsg(32633)
    assert list(table["class"].unique()) == ["building"]
    assert table.geometry.area.tolist() == pytest.approx((table.pixels * 0.25).tolist())
    with rasterio.open(root / "track2_test_data" / "rgb" / "P_0421.tif") as source:
        box = source.bounds
    of_tile = table[table.tile == "P_0421"].total_bounds
    assert box.left <= of_tile[0] < of_tile[2] <= box.right
    assert box.bottom <= of_tile[1] < of_tile[3] <= box.top
    assert table.height_m.notna().all()
    assert read_origin(path) is not None


def test_a_plain_folder_needs_no_references(
    words: list[str], root: Path, tmp_path: Path, finder: Seeing, capsys: Any
) -> None:
    from PIL import Image

    folder = tmp_path / "plain" / "rgb"
    folder.mkdir(parents=True)
    for stem in ("P_0420", "P_0421"):
        pixels = rasterio.open(root / "track2_test_data/rgb" / f"{stem}.tif").read()
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{stem}.png")
    words[words.index("--data") + 1] = str(folder.parent)
    geopandas = pytest.importorskip("geopandas")
    assert main([*words, "--footprints", str(tmp_path / "f.parquet")]) == 0
    said = capsys.readouterr().err
    assert "image ids count from 0 in the order of file names" in said
    assert "footprints are in pixels of each tile" in said
    table = geopandas.read_parquet(tmp_path / "f.parquet")
    assert table.crs is None
    assert table.total_bounds.max() <= 64


def test_a_stopped_run_goes_on(
    words: list[str], tmp_path: Path, finder: Seeing, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Seeing.maps

    def maps(self: Seeing, batch: Any) -> Any:
        if len(self.looks) == 1:
            raise KeyboardInterrupt
        return whole(self, batch)

    monkeypatch.setattr(Seeing, "maps", maps)
    assert main(words) == 130
    assert not (tmp_path / "found.zip").exists()
    assert [one.name for one in (tmp_path / ".found.zip.tiles").glob("*.npz")] == ["P_0420.npz"]
    monkeypatch.setattr(Seeing, "maps", whole)
    finder.looks.clear()
    assert main(words) == 0
    assert len(finder.looks) == 1
    stopped = (tmp_path / "found.zip").read_bytes()
    (tmp_path / "found.zip").unlink()
    assert main(words) == 0
    assert (tmp_path / "found.zip").read_bytes() == stopped


def test_bad_tiles_are_listed(
    words: list[str], root: Path, tmp_path: Path, finder: Seeing, capsys: Any
) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(root, broken)
    (broken / "track2_test_data" / "rgb" / "P_0420.tif").write_bytes(b"II*\0")
    words[words.index("--data") + 1] = str(broken)
    assert main(words) == 0
    assert "P_0420.tif: truncated or damaged" in capsys.readouterr().err
    (tmp_path / "found.zip").unlink()
    assert main([*words, "--strict"]) == 2


def test_images_that_the_model_does_not_know_are_refused(
    words: list[str], finder: Seeing, capsys: Any
) -> None:
    finder.modalities = "rgb"
    assert main([*words, "--modalities", "both"]) == 2
    assert "was trained on rgb alone" in capsys.readouterr().err
    assert main(words) == 0


def test_nothing_found_is_no_submission(
    words: list[str], tmp_path: Path, finder: Seeing, capsys: Any
) -> None:
    finder.modalities = "sar"
    assert main([*words, "--heights", str(tmp_path / "heights")]) == 2
    assert "an empty list; the scorer breaks at one" in capsys.readouterr().err
    assert not (tmp_path / "found.zip").exists()
    with rasterio.open(tmp_path / "heights" / "P_0420.tif") as source:
        assert not np.any(source.read())
