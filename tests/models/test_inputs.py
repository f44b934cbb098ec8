"""Promise: ``embed`` takes paths, arrays and chips, one or many, and gives for all the same row;
of anything else it says what it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import crosswake
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality
from crosswake.data.pixels import read_pixels
from crosswake.data.reid import ReidData
from crosswake.models.base import ChipEmbedder
from crosswake.models.inputs import as_inputs
from tests.tiny import tiny_hoss, write_chip
from tests.tiny_models import tiny_weights

RANDOM = np.random.default_rng(0)
GREY = RANDOM.gamma(4.0, 0.25, (40, 20)).astype(np.float32)
COLOURS = RANDOM.integers(0, 256, (40, 20, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ChipEmbedder:
    return crosswake.load(tiny_weights(tmp_path_factory.mktemp("model") / "tiny.pt"), device="cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReidData:
    return crosswake.open_chips(str(tiny_hoss(tmp_path_factory.mktemp("data"))))


def all_forms(chip: Chip) -> list[Any]:
    pixels = read_pixels(chip.path)
    return [chip, chip.path, str(chip.path), pixels, np.ma.asarray(pixels)]


def test_all_forms_of_a_chip_give_its_row(model: ChipEmbedder, data: ReidData) -> None:
    for chip in data.query:
        expected = model.embed([chip])
        assert expected.shape == (1, 64)
        for form in all_forms(chip):
            assert np.array_equal(model.embed(form), expected), form
            assert np.array_equal(model.embed([form]), expected), form


def test_forms_may_be_mixed_and_keep_their_order(model: ChipEmbedder, data: ReidData) -> None:
    forms = [form for chip in data.query for form in all_forms(chip)]
    chips = [chip for chip in data.query for _ in all_forms(chip)]
    found = model.embed((form for form in forms), batch_size=3)
    np.testing.assert_allclose(found, model.embed(chips), atol=1e-6)


def test_columns_and_stacks(model: ChipEmbedder, data: ReidData) -> None:
    paths = [str(chip.path) for chip in data.query]
    expected = model.embed(data.query)
    for column in (np.array(paths), np.array(paths, dtype=object), data.query, iter(data.query)):
        np.testing.assert_allclose(model.embed(column), expected, atol=1e-6)
    stack = np.stack([COLOURS, COLOURS[::-1]])
    np.testing.assert_allclose(model.embed(stack), model.embed(list(stack)), atol=1e-6)


def test_modality_by_bands_by_name_and_by_word(tmp_path: Path) -> None:
    write_chip(tmp_path / "a_SAR.tif", GREY)
    write_chip(tmp_path / "b.tif", COLOURS)
    given: list[Any] = [GREY, COLOURS, tmp_path / "a_SAR.tif"]
    assert [chip.modality.label for chip in as_inputs(given).chips] == ["sar", "optical", "sar"]
    chips = as_inputs([COLOURS, tmp_path / "b.tif"], "sar").chips
    assert [chip.modality for chip in chips] == [Modality.SAR] * 2
    with pytest.raises(CrosswakeError, match=r"b\.tif: neither name nor folder .* give modality="):
        as_inputs(tmp_path / "b.tif")
    with pytest.raises(CrosswakeError, match="its name says sar; leave modality='optical' out"):
        as_inputs(tmp_path / "0001_s1c1_SAR.tif", "optical")


def test_ground_size_is_metres_a_pixel(tmp_path: Path, model: ChipEmbedder) -> None:
    write_chip(tmp_path / "a_SAR.tif", GREY)
    for form in (GREY, tmp_path / "a_SAR.tif"):
        (chip,) = as_inputs(form, ground_size=2.5).chips
        assert (chip.width_m, chip.height_m) == (50.0, 100.0)
    assert not np.array_equal(model.embed(GREY, ground_size=2.5), model.embed(GREY))


def test_masked_pixels_stay_out_of_the_stretch(model: ChipEmbedder) -> None:
    marked = GREY.copy()
    marked[:5] = 65535.0
    unknown = np.where(marked == 65535, np.nan, marked).astype(np.float32)
    found = model.embed(np.ma.masked_equal(marked, 65535.0))
    assert np.array_equal(found, model.embed(unknown))
    assert not np.array_equal(found, model.embed(marked))


def test_decibels_are_judged_as_in_files(model: ChipEmbedder) -> None:
    decibels = 20 * np.log10(GREY)
    np.testing.assert_allclose(model.embed(decibels), model.embed(GREY), atol=1e-2)


def test_pictures_of_pil(model: ChipEmbedder) -> None:
    picture = Image.fromarray(COLOURS)
    for form in (picture, picture.convert("RGBA"), [picture]):
        assert np.array_equal(model.embed(form), model.embed(COLOURS))
    palette = Image.fromarray(COLOURS // 128 * 255).quantize(8)
    (pixels,) = as_inputs(palette).pixels.values()
    assert np.array_equal(pixels, np.asarray(palette.convert("RGB")))


WRONG: list[tuple[Any, str]] = [
    (None, "cannot embed NoneType"),
    (7, "cannot embed int"),
    ({"a": 1}, "cannot embed dict"),
    (b"a.tif", "cannot embed bytes"),
    ([GREY, 7], "item 1: is of type int"),
    ([[[1.0, 2.0]]], "item 0: is of type list"),
    (np.zeros((5, 40, 20)), r"item 0: has the shape \(5, 40, 20\).*give several as a list"),
    (np.zeros((2, 3, 4, 5, 6)), r"item 0: has the shape \(3, 4, 5, 6\)"),
    (np.zeros((0, 20)), r"item 0: has the shape \(0, 20\)"),
    (np.zeros((4, 4), bool), "item 0: holds bool"),
    (np.zeros((4, 4), complex), "item 0: holds complex128"),
    (np.full((4, 4), np.nan), "item 0: holds no finite value"),
    ([GREY, 1e4 * (GREY - 1)], "item 1: signed values.*neither amplitudes nor decibels"),
    (".", "is a folder"),
    ("missing_SAR.tif", "no such file"),
    ("notes_SAR.docx", "not an image"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[said for _, said in WRONG])
def test_anything_else_is_named(model: ChipEmbedder, wrong: Any, said: str) -> None:
    with pytest.raises(CrosswakeError, match=said):
        model.embed(wrong)


@pytest.mark.parametrize("wrong", [{"modality": "radar"}, {"ground_size": 0}, {"batch_size": 0}])
def test_wrong_settings_are_named(model: ChipEmbedder, wrong: Any) -> None:
    with pytest.raises(CrosswakeError, match=next(iter(wrong))):
        model.embed(GREY, **wrong)


@pytest.mark.parametrize(
    "wrong", [{"device": "gpu"}, {"precision": "half"}, {"sar_radiometry": "banana"}]
)
def test_load_refuses_what_it_does_not_know(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(CrosswakeError, match=f"{next(iter(wrong))}: expected one of"):
        crosswake.load(tiny_weights(tmp_path / "tiny.pt"), **wrong)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(0, 6), max_size=5).map(tuple),
    kind=st.sampled_from(["?", "u1", "i2", "i8", "f2", "f4", "f8", "c8", "U3", "O", "M8[s]"]),
    value=st.sampled_from([0, 1, 200]),
)
def test_any_array_gives_rows_or_one_line(
    model: ChipEmbedder, shape: tuple[int, ...], kind: str, value: int
) -> None:
    array: NDArray[Any] = np.full(shape, value).astype(kind)
    try:
        found = model.embed(array)
    except CrosswakeError as error:
        assert "\n" not in str(error)
    else:
        assert found.shape[1] == 64
        assert np.isfinite(found).all()
