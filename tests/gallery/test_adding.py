"""Promise: whatever names chips becomes sightings, once each, and bad files are listed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.core.provenance import file_hash
from crosswake.data.chips import Modality, Reading
from crosswake.embedding.job import embed_archive
from crosswake.gallery.adding import Added, AddOptions, add_source
from crosswake.gallery.catalogue import Gallery, GalleryModel, create_gallery
from crosswake.gallery.sources import Bringing
from crosswake.models.base import ChipEmbedder
from crosswake.models.embedder import load
from crosswake.settings.embed import EmbedConfig
from tests.golden import SHARED
from tests.tiny import chip_pixels, tiny_hoss, write_chip, write_sighting
from tests.tiny_models import tiny_weights

ARCHIVES = SHARED / "data" / "opensarship"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ChipEmbedder:
    return load(tiny_weights(tmp_path_factory.mktemp("model") / "tiny.pth"), device="cpu")


@pytest.fixture
def gallery(tmp_path: Path, model: ChipEmbedder) -> Gallery:
    weights = file_hash(Path(model.source))
    return create_gallery(tmp_path / "g", GalleryModel(weights=weights, width=model.width))


def add(gallery: Gallery, data: Path, model: ChipEmbedder | None, **how: Any) -> Added:
    return add_source(gallery, data, model, AddOptions(how=Bringing(**how)))


def test_a_folder_in_the_hoss_layout(tmp_path: Path, gallery: Gallery, model: ChipEmbedder) -> None:
    ships = tiny_hoss(tmp_path / "ships", train=2, test=1)
    (ships / "query" / "0009_s01c1_RGB.tif").write_bytes(b"no image")
    result = add(gallery, ships, model, source="me", licence="CC0")
    assert (result.new, result.known) == (12, 0)
    assert [bad.path.name for bad in result.bad_files] == ["0009_s01c1_RGB.tif"]
    row = gallery.read("identity = '0001' AND modality = 'sar'").to_pylist()[0]
    assert (row["source"], row["licence"]) == ("me", "CC0")
    assert gallery.read("", ["thumbnail"])["thumbnail"].to_pylist()[0].startswith(b"\xff\xd8")
    again = add(gallery, ships, model)
    assert (again.new, again.known) == (0, 12)


def test_the_same_chip_elsewhere_is_known(
    tmp_path: Path, gallery: Gallery, model: ChipEmbedder
) -> None:
    for folder in ("a", "b"):
        write_sighting(tmp_path / folder, 3, Modality.SAR, 1)
    assert add(gallery, tmp_path / "a", model).new == 1
    result = add(gallery, tmp_path / "b", model)
    assert (result.new, result.known, gallery.count()) == (0, 1, 1)


def test_a_table_with_what_is_known_of_the_ships(
    tmp_path: Path, gallery: Gallery, model: ChipEmbedder
) -> None:
    for number in (1, 2):
        write_sighting(tmp_path, number, Modality.OPTICAL, number)
    (tmp_path / "t.csv").write_text(
        "path,identity,modality,time,lon,lat,ship_length_m,ship_width_m,size_error_m,sensor,mmsi,"
        "name,ship_type,heading_deg,heading_ambiguous,position_error_m,scene\n"
        "0001_s01c1_RGB.tif,A,optical,2026-03-01T12:00:00+02:00,179.5,-90,182.5,30,5,Jilin-1,"
        "123456789,EVER,Tanker,12.5,true,100,S7\n"
        "0002_s01c2_RGB.tif,B,optical,,,,,,,,,,,,,,\n"
    )
    assert add(gallery, tmp_path / "t.csv", model).new == 2
    row = gallery.read("identity = 'A'").to_pylist()[0]
    assert row["time"].isoformat() == "2026-03-01T10:00:00+00:00"
    wanted: dict[str, Any] = {
        "lon": 179.5,
        "lat": -90.0,
        "length_m": 182.5,
        "width_m": 30.0,
        "size_error_m": 5.0,
    }
    wanted |= {"sensor": "Jilin-1", "mmsi": "123456789", "name": "EVER", "ship_type": "Tanker"}
    wanted |= {"heading_deg": 12.5, "heading_ambiguous": True, "position_error_m": 100.0}
    assert {name: row[name] for name in wanted} == wanted
    row = gallery.read("identity = 'B'").to_pylist()[0]
    assert [row[name] for name in ("time", "lon", "length_m", "mmsi", "heading_ambiguous")] == (
        [None] * 5
    )


def test_embeddings_of_embed_are_those_of_add(
    tmp_path: Path, gallery: Gallery, model: ChipEmbedder
) -> None:
    ships = tiny_hoss(tmp_path / "ships", train=1, test=1)
    output = tmp_path / "e.parquet"
    embed_archive(
        EmbedConfig(checkpoint=Path(model.source), data=ships, output=output, device="cpu")
    )
    assert add(gallery, output, None).new == 8
    there = gallery.read("", ["id", "embedding"])
    assert add(gallery, ships, model).new == 0  # the same ids
    other = create_gallery(tmp_path / "h", gallery.model)
    add(other, ships, model)
    vectors = {row["id"]: row["embedding"] for row in there.to_pylist()}
    for row in other.read("", ["id", "embedding"]).to_pylist():
        np.testing.assert_allclose(row["embedding"], vectors[row["id"]], atol=2e-3)
    strange = create_gallery(tmp_path / "s", GalleryModel(weights="cd" * 32, width=model.width))
    for source, by in ((output, None), (ships, model)):
        with pytest.raises(CrosswakeError, match="embeddings of two models do not compare"):
            add(strange, source, by)
    for path in (ships / "query").iterdir():
        path.unlink()
    gone = create_gallery(tmp_path / "i", gallery.model)
    result = add(gone, output, None)
    assert (result.new, len(result.without_image)) == (8, 1)


def test_both_polarisations_are_sightings(
    tmp_path: Path, gallery: Gallery, model: ChipEmbedder
) -> None:
    if not ARCHIVES.is_dir():
        pytest.skip("no OpenSARShip archives beside the checkout")
    archive = next(ARCHIVES.glob("*SLC*.zip"))
    result = add(gallery, archive, model)
    assert (result.new, result.bad_files) == (18, [])
    table = gallery.read().to_pylist()
    assert sorted(row["band"] for row in table) == ["vh"] * 9 + ["vv"] * 9
    assert all(row["mmsi"] and row["sensor"] == "Sentinel-1A" and row["time"] for row in table)
    assert sum(row["name"] is not None for row in table) >= 10
    one = create_gallery(tmp_path / "h", gallery.model)
    assert add(one, archive, model, reading=Reading(sar_band="vv")).new == 9
    assert {row["id"] for row in one.read().to_pylist()} == {
        row["id"] for row in table if row["band"] == "vv"
    }


def test_strict_stops_at_the_first_bad_file(
    tmp_path: Path, gallery: Gallery, model: ChipEmbedder
) -> None:
    write_chip(tmp_path / "c" / "a_sar.tif", chip_pixels(1, Modality.SAR, 1))
    (tmp_path / "c" / "b_sar.tif").write_bytes(b"II*\0")
    options = AddOptions(how=Bringing(), strict=True)
    with pytest.raises(CrosswakeError, match=r"b_sar\.tif"):
        add_source(gallery, tmp_path / "c", model, options)
    assert gallery.count() == 0
    assert add(gallery, tmp_path / "c", model, thumbnails=False).new == 1
    assert gallery.read("", ["thumbnail"])["thumbnail"].to_pylist() == [None]
    with pytest.raises(CrosswakeError, match="--checkpoint: is needed"):
        add(gallery, tmp_path / "c", None)
