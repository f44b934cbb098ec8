"""Stories of people who bring chips of their own: folders, tables, spreadsheets, archives."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from rasterio.transform import from_origin

import crosswake
from crosswake.data.chips import Modality
from tests.stories.conftest import SMALL, Terminal
from tests.tiny import chip_pixels, write_chip


@pytest.mark.usefixtures("weights")
def test_chips_without_identities(typed: Terminal, tmp_path: Path) -> None:
    """Nobody has named the ships: they are embedded and searched all the same, and what needs
    names says so."""
    for ship in range(4):
        for kind, folder in ((Modality.OPTICAL, "optical"), (Modality.SAR, "sar")):
            write_chip(tmp_path / "night" / folder / f"{ship}.tif", chip_pixels(ship, kind, 1))
    done = typed("crosswake embed --checkpoint tiny.pt --data night --output night.parquet")
    assert done.code == 0
    rows = pq.read_table("night.parquet").to_pylist()
    assert [(row["id"], row["modality"], row["identity"]) for row in rows] == [
        (f"{kind}/{ship}.tif", kind, None) for kind in ("optical", "sar") for ship in range(4)
    ]
    vectors = np.array([row["embedding"] for row in rows], np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=2e-3)
    found = crosswake.load("tiny.pt").embed(rows[5]["path"])
    assert (vectors @ found[0]).argmax() == 5
    refused = typed("crosswake evaluate --checkpoint tiny.pt --data night")
    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1


@pytest.mark.usefixtures("weights")
def test_the_chips_of_a_port_by_table(typed: Terminal, tmp_path: Path) -> None:
    """A table names chips with time, place and size; they come back beside the embeddings."""
    lines = ["path,identity,modality,split,width_m,height_m,time,lon,lat"]
    for ship, split in ((1, "query"), (1, "gallery"), (2, "gallery"), (3, "query"), (3, "gallery")):
        kind = Modality.OPTICAL if split == "query" else Modality.SAR
        write_chip(tmp_path / f"{ship}{split}.tif", chip_pixels(ship, kind, 1))
        facts = f"{20 + ship},{100 + ship},2026-03-0{ship}T05:10:00Z,-3.5,51.{ship}"
        lines.append(f"{ship}{split}.tif,ship {ship},{kind.label},{split},{facts}")
    Path("port.csv").write_text("\n".join(lines))
    line = "--checkpoint tiny.pt --data port.csv"
    assert typed(f"crosswake embed {line} --output port.parquet").code == 0
    rows = pq.read_table("port.parquet").to_pylist()
    assert (rows[3]["identity"], rows[3]["split"]) == ("ship 3", "query")
    numbers = [rows[3][name] for name in ("width_m", "height_m", "lon", "lat")]
    assert numbers == pytest.approx([23.0, 103.0, -3.5, 51.3])
    assert "2026-03-03" in str(rows[3]["time"])
    assert typed(f"crosswake evaluate {line} --output report").code == 0
    said = json.loads(Path("report/metrics.json").read_text())
    assert said["protocols"]["o2s"]["queries"] == 2
    assert said["protocols"]["s2o"]["queries"] == 0


@pytest.mark.usefixtures("weights")
def test_the_chips_of_a_port_know_their_place(typed: Terminal, tmp_path: Path) -> None:
    """Chips cut from a georeferenced scene: size and place come from the files."""
    pixels = chip_pixels(1, Modality.SAR, 1)[:40, :20]
    shape = {"count": 1, "height": 40, "width": 20, "dtype": "float32"}
    where = from_origin(500_000, 5_700_000, 10, 10)
    (tmp_path / "sar").mkdir()
    path = tmp_path / "sar" / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32630", transform=where, **shape) as f:
        f.write(pixels, 1)
    assert (
        typed(
            "crosswake embed --checkpoint tiny.pt --data sar --modality sar --output a.parquet"
        ).code
        == 0
    )
    (row,) = pq.read_table("a.parquet").to_pylist()
    assert (row["width_m"], row["height_m"]) == pytest.approx((200.0, 400.0))
    assert row["lon"] == pytest.approx(-3.0, abs=0.01)
    assert row["lat"] == pytest.approx(51.45, abs=0.01)


SPREADSHEETS = {
    "semicolons and a byte order mark": ("\ufeffpath;identity;modality", ";", "utf-8"),
    "tabs": ("path\tidentity\tmodality", "\t", "utf-8"),
    "sep= and capitals": ("sep=;\nPath;Identity;Modality", ";", "utf-8"),
    "sixteen bits": ("path\tidentity\tmodality", "\t", "utf-16"),
}


@pytest.mark.parametrize("dialect", SPREADSHEETS)
def test_a_table_from_a_spreadsheet(dialect: str, typed: Terminal, tmp_path: Path) -> None:
    """Semicolons, tabs, a first line for Excel, empty rows at the end: the table is read."""
    header, comma, encoding = SPREADSHEETS[dialect]
    rows = [header]
    for ship in (1, 2, 3, 4):
        for kind in Modality:
            write_chip(tmp_path / f"{ship}{kind.label}.tif", chip_pixels(ship, kind, 1))
            rows.append(comma.join([f"{ship}{kind.label}.tif", f"000{ship}", kind.label]))
    rows += [comma * 2] * 3
    Path("chips.csv").write_text("\n".join(rows), encoding=encoding)
    data = crosswake.open_chips("chips.csv")
    assert [chip.identity for chip in data.train[:3]] == ["0001", "0001", "0002"]
    assert len(data.train) == 8
    assert typed(f"crosswake train --data chips.csv --output run --quiet {SMALL}").code == 0


@pytest.mark.usefixtures("weights")
def test_opensarship(typed: Terminal, tmp_path: Path) -> None:
    """An unpacked OpenSARShip folder: chips of VH and VV, of which VV is taken unless the user
    says VH."""
    product = "S1A_IW_GRDH_1SDV_20150809T064750_20150809T064815_007191_009D0F_F7F6"
    folder, known = tmp_path / "OpenSARShip" / product, []
    for ship in range(3):
        both = [chip_pixels(ship, Modality.SAR, n)[:40, :20] for n in (1, 2)]
        amplitude = (1000 * np.stack(both, axis=-1)).astype(np.uint16)
        write_chip(folder / "Patch" / f"Cargo_x{ship}_y7.tif", amplitude)
        place = f"<Center_x>{ship}</Center_x><Center_y>7</Center_y>"
        known.append(f"<ship><SARShipInformation>{place}</SARShipInformation></ship>")
    (folder / "Ship.xml").write_text(f"<ShipList>{''.join(known)}</ShipList>")
    line = "crosswake embed --checkpoint tiny.pt --data OpenSARShip --output"
    assert typed(f"{line} ships.parquet").code == 0
    rows = pq.read_table("ships.parquet").to_pylist()
    assert [row["modality"] for row in rows] == ["sar"] * 3
    assert typed(f"{line} vh.parquet --sar_band vh").code == 0
    other = pq.read_table("vh.parquet").to_pylist()
    assert rows[0]["embedding"] != other[0]["embedding"]


@pytest.mark.usefixtures("weights")
def test_an_archive_with_damaged_files(typed: Terminal, tmp_path: Path, ships: Path) -> None:
    """Two of forty files are damaged: named by check, left out and counted by embed, and the end
    with ``--strict``."""
    bad = sorted((ships / "bounding_box_test").iterdir())[:2]
    bad[0].write_bytes(bad[0].read_bytes()[:300])
    bad[1].write_bytes(b"")
    checked = typed("crosswake data check ships --quiet")
    assert checked.code == 2
    assert all(path.name in checked.out + checked.err for path in bad)
    line = "crosswake embed --checkpoint tiny.pt --data ships --output ships.parquet"
    done = typed(line)
    assert done.code == 0
    assert "left out, 2 in all" in done.err
    assert pq.read_metadata("ships.parquet").num_rows == 38
    listed = Path("ships.bad-files.csv").read_text()
    assert all(path.name in listed for path in bad)
    strict = typed(f"{line.replace('ships.parquet', 'strict.parquet')} --strict")
    assert strict.code == 2
    assert not Path("strict.parquet").exists()
