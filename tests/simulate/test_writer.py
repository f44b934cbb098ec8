import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Modality
from crosswake.data.pixels import read_pixels
from crosswake.data.reid import cross_modal_identities, identities
from crosswake.data.sources.hoss import read_hoss
from crosswake.simulate import writer
from crosswake.simulate.sightings import Sighting
from crosswake.simulate.writer import simulate_fleet
from tests.simulate.conftest import IDENTITIES, SEED, SIGHTINGS

TRAIN, TEST, DISTRACTORS = 4, 2, 2


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_same_bytes_whatever_the_workers(small_fleet: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    simulate_fleet(
        out, identities=IDENTITIES, sightings=SIGHTINGS, seed=SEED, workers=2, quiet=True
    )
    assert digests(out) == digests(small_fleet)


def test_layout_reads_back_whole(small_fleet: Path) -> None:
    data = read_hoss(small_fleet)
    assert data.bad_files == ()
    assert len(data.train) == TRAIN * SIGHTINGS
    assert len(data.query) == TEST
    assert len(data.gallery) == TEST * (SIGHTINGS - 1) + DISTRACTORS
    assert not set(identities(data.train)) & set(identities(data.gallery))
    assert len(cross_modal_identities(data.train)) == TRAIN
    assert {chip.modality for chip in data.query} == {Modality.OPTICAL, Modality.SAR}


def test_one_way_protocols_ask_for_every_test_ship(small_fleet: Path) -> None:
    data = read_hoss(small_fleet)
    ships = set(identities(data.query))
    for name in ("o2s", "s2o"):
        query, gallery = data.protocol(name)
        of_query, of_gallery = (
            (Modality.OPTICAL, Modality.SAR) if name == "o2s" else (Modality.SAR, Modality.OPTICAL)
        )
        assert set(identities(query)) == ships
        assert len(query) == len(ships)
        assert ships <= set(identities(gallery))
        assert {chip.modality for chip in query} == {of_query}
        assert {chip.modality for chip in gallery} == {of_gallery}
        assert not {chip.path.name for chip in query} & {chip.path.name for chip in gallery}


def test_chips_have_the_types_of_hoss(small_fleet: Path) -> None:
    for chip in read_hoss(small_fleet).all_chips():
        pixels = read_pixels(chip.path)
        if chip.modality is Modality.OPTICAL:
            assert pixels.dtype == np.uint8
            assert pixels.shape[2:] == (3,)
        else:
            assert pixels.dtype == np.float32
            assert pixels.ndim == 2
            assert np.isfinite(pixels).all()
            assert pixels.min() >= 0
        assert pixels.shape[0] > pixels.shape[1] > 8
        assert pixels.std() > 1


def test_table_describes_every_chip(small_fleet: Path) -> None:
    with (small_fleet / "sightings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (TRAIN + TEST) * SIGHTINGS + DISTRACTORS
    size = {"optical": 0.75, "sar": 1.0}
    for row in rows:
        height, width = read_pixels(small_fleet / row["path"]).shape[:2]
        assert float(row["width_m"]) == pytest.approx(width * size[row["modality"]], abs=0.01)
        assert float(row["height_m"]) == pytest.approx(height * size[row["modality"]], abs=0.01)
        assert float(row["height_m"]) > 0.9 * float(row["length_m"])
        assert 0 <= float(row["azimuth_deg"]) < 360


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(CrosswakeError, match="exists and is not empty"):
        simulate_fleet(tmp_path, identities=6, sightings=2, workers=1, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet").write_text("")
    with pytest.raises(CrosswakeError, match="exists"):
        simulate_fleet(tmp_path / "fleet", identities=6, sightings=2, workers=1, quiet=True)


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    simulate_fleet(tmp_path / "fleet", identities=6, sightings=2, workers=1, quiet=True)
    assert len(read_hoss(tmp_path / "fleet").train) == 8


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = writer.write_voyage

    def interrupted(root: Path, seed: int, voyage: list[Sighting]) -> list[writer.ChipRow]:
        if voyage[0].identity == 2:
            raise KeyboardInterrupt
        return write(root, seed, voyage)

    monkeypatch.setattr(writer, "write_voyage", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate_fleet(tmp_path / "fleet", identities=6, sightings=2, workers=1, quiet=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"identities": 5}, "--identities"),
        ({"sightings": 1}, "--sightings"),
        ({"seed": -1}, "--seed"),
        ({"workers": -1}, "--workers"),
    ],
)
def test_numbers_out_of_range_are_one_line(
    tmp_path: Path, wrong: dict[str, int], named: str
) -> None:
    with pytest.raises(CrosswakeError, match=f"^{named} is") as caught:
        simulate_fleet(tmp_path / "fleet", quiet=True, **wrong)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fleet").exists()
