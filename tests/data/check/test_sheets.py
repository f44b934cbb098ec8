"""Promise: a contact sheet of any data set, unreadable chips included."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosswake.core.errors import CrosswakeError
from crosswake.data.check.sheets import WIDTH, draw_contact_sheet, spread, to_display
from crosswake.data.chips import Modality
from crosswake.data.sources.open import open_reid
from tests.data.making import optical, sar, write_hoss


def test_sheet_shows_the_chips(tmp_path: Path) -> None:
    root = write_hoss(tmp_path / "ships")
    (root / "query/0011_s02c3_RGB.tif").write_bytes(b"")
    sheet = tmp_path / "new" / "sheet.png"
    draw_contact_sheet(open_reid(root), sheet)
    image = np.asarray(Image.open(sheet).convert("RGB"))
    assert image.shape[1] == WIDTH
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 500
    assert [path.name for path in sheet.parent.iterdir()] == ["sheet.png"]


def test_sheet_of_one_chip(tmp_path: Path) -> None:
    table = tmp_path / "ships.csv"
    table.write_text("path,identity,modality\na.tif,A ship of a very long name indeed,optical\n")
    draw_contact_sheet(open_reid(table), tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").width == WIDTH


def test_names_in_any_script_are_drawn_without_a_warning(tmp_path: Path) -> None:
    table = tmp_path / "港口.csv"
    table.write_text("path,identity,modality\na.tif,海神号,optical\n", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        draw_contact_sheet(open_reid(table), tmp_path / "sheet.png")


def test_names_that_mean_something_to_the_drawing_library(tmp_path: Path) -> None:
    table = tmp_path / "$t_1.csv"
    names = [r"$\frac$", "_x^2_$", "$" * 300, "a\x1bb"]
    rows = [f"a{i}.tif,{name},optical" for i, name in enumerate(names)]
    table.write_text("\n".join(["path,identity,modality", *rows]))
    draw_contact_sheet(open_reid(table), tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").width == WIDTH


def test_sheet_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        CrosswakeError, match=r"sheet.png: cannot be written .*; choose another --sheet"
    ):
        draw_contact_sheet(
            open_reid(write_hoss(tmp_path / "ships")), tmp_path / "file" / "sheet.png"
        )


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (12, 12), (13, 12), (500, 12)])
def test_identities_are_spread(count: int, shown: int) -> None:
    names = [f"{number:04d}" for number in range(count)]
    chosen = spread(names, 12)
    assert len(set(chosen)) == shown
    assert (chosen[0], chosen[-1]) == (names[0], names[-1])
    assert list(chosen) == sorted(chosen)


def test_display() -> None:
    image = optical().transpose(1, 2, 0)
    assert np.array_equal(to_display(image, Modality.OPTICAL), image)
    radar = sar()[0]
    radar[0, 0] = 1e9
    stretched = to_display(radar, Modality.SAR)
    assert (stretched.shape, stretched.min(), stretched.max()) == ((36, 14, 3), 0, 255)
    assert stretched.std() > 40  # one bright scatterer does not darken the rest
    for odd in (np.full((4, 4), np.nan), np.zeros((4, 4))):
        assert to_display(odd, Modality.SAR).shape == (4, 4, 3)
