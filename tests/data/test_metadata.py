"""Promise: gaps, palettes, scales, units and colours that a file declares count."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.enums import ColorInterp

from crosswake.batches.prepare import ChipDecoding
from crosswake.core.boxes import Box
from crosswake.core.said import start_saying
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pixels import Pixels, read_chip, read_pixels
from crosswake.data.radiometry import SarRadiometry
from tests.data.making import optical, sar, write_image

METHODS: tuple[SarRadiometry, ...] = ("max", "percentile", "log")
SHAPE = (24, 18)


def shown(path: Path, modality: Modality, sar: SarRadiometry = "max") -> Pixels:
    """What a model sees of a file, in the file's own size: (3, height, width)."""
    how = ChipDecoding(size=SHAPE, sar=sar)
    return how.read(Chip(path=path, modality=modality)).picture


def pixels_of(path: Path, modality: Modality, **known: Any) -> Pixels:
    return read_chip(Chip(path=path, modality=modality, **known))[0]


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["uint16", "int16", "int32", "float32", "float64"]),
    modality=st.sampled_from(list(Modality)),
    method=st.sampled_from(METHODS),
    low=st.booleans(),
    rows=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_gaps_change_nothing_but_themselves(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    modality: Modality,
    method: SarRadiometry,
    low: bool,
    rows: int,
    seed: int,
) -> None:
    """The rest of the picture is that of an image in which the gap does not exist."""
    folder = tmp_path_factory.mktemp("gaps")
    limits = np.iinfo(kind) if kind[0] != "f" else np.finfo(kind)
    nodata = limits.min if low else limits.max
    random = np.random.default_rng(seed)
    count = 3 if modality is Modality.OPTICAL else 1
    bands = random.uniform(1, 3000, (count, *SHAPE)).astype(kind)
    bands[:, :rows] = nodata
    path = write_image(folder / "gap.tif", bands, nodata=float(nodata))
    rest = write_image(folder / "rest.tif", bands[:, rows:])
    found, expected = pixels_of(path, modality), pixels_of(rest, modality)
    assert np.isnan(found[:rows]).all()
    assert np.array_equal(found[rows:], expected)
    picture = shown(path, modality, method)
    assert (picture[:, :rows] == 0).all()
    how = ChipDecoding(size=(SHAPE[0] - rows, SHAPE[1]), sar=method)
    assert np.array_equal(picture[:, rows:], how.read(Chip(path=rest, modality=modality)).picture)


@pytest.mark.parametrize("nodata", [0, 255])
def test_gaps_of_8_bit_are_black_where_all_bands_have_them(tmp_path: Path, nodata: int) -> None:
    bands = optical(height=SHAPE[0], width=SHAPE[1]).clip(1, 254)
    bands[:, :4], bands[0, 10] = nodata, nodata
    found = pixels_of(write_image(tmp_path / "a.tif", bands, nodata=nodata), Modality.OPTICAL)
    assert found.dtype == np.uint8
    assert (found[:4] == 0).all()
    assert np.array_equal(found[4:], bands[:, 4:].transpose(1, 2, 0)), "a single 255 is a colour"


@pytest.mark.parametrize(
    ("kind", "nodata"), [("uint8", -9999), ("uint16", float("nan")), ("float32", float("nan"))]
)
def test_a_nodata_value_that_cannot_occur_does_nothing(
    tmp_path: Path, kind: str, nodata: float
) -> None:
    bands = sar(height=SHAPE[0], width=SHAPE[1]).clip(0, 255).astype(kind)
    path = write_image(tmp_path / "a.tif", bands)
    with rasterio.open(path, "r+") as file:
        file.update_tags(ns="", note="")
    path.with_name("a.tif.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><NoDataValue>{nodata}</NoDataValue>'
        "</PAMRasterBand></PAMDataset>"
    )
    assert np.array_equal(pixels_of(path, Modality.SAR), bands[0])


def test_alpha_and_masks_are_gaps(tmp_path: Path) -> None:
    bands = optical(height=SHAPE[0], width=SHAPE[1]).clip(1)
    alpha = np.full((1, *SHAPE), 255, np.uint8)
    alpha[:, :5] = 0
    expected = np.where(alpha == 0, 0, bands).transpose(1, 2, 0)
    clear = write_image(tmp_path / "a.png", np.concatenate([bands, alpha]), "PNG")
    assert np.array_equal(pixels_of(clear, Modality.OPTICAL), expected)
    masked = write_image(tmp_path / "masked.tif", bands)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(masked, "r+") as file:
        file.write_mask(alpha[0])
    assert np.array_equal(pixels_of(masked, Modality.OPTICAL), expected)
    grey = write_image(tmp_path / "grey.png", np.concatenate([bands[:1], alpha]), "PNG")
    assert np.array_equal(pixels_of(grey, Modality.SAR), expected[..., 0])


def test_nothing_but_gaps_is_no_chip(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", np.full((1, *SHAPE), -1, np.float32), nodata=-1)
    with pytest.raises(UnreadableChipError, match="holds no data"):
        pixels_of(path, Modality.SAR)


@settings(deadline=None, max_examples=25)
@given(
    ending=st.sampled_from(["png", "tif", "bmp"]),
    colours=st.integers(2, 256),
    seed=st.integers(0, 99),
    windowed=st.booleans(),
)
def test_palettes_are_colours(
    tmp_path_factory: pytest.TempPathFactory, ending: str, colours: int, seed: int, windowed: bool
) -> None:
    path = tmp_path_factory.mktemp("palette") / f"a.{ending}"
    picture = Image.fromarray(optical(seed, *SHAPE).transpose(1, 2, 0)).quantize(colours)
    picture.save(path)
    expected = np.asarray(picture.convert("RGB"))
    box = Box(2, 3, 10, 7) if windowed else None
    found = read_pixels(path, box)
    assert np.array_equal(found, expected[2:12, 3:10] if windowed else expected)
    with pytest.raises(UnreadableChipError, match="a colour picture"):
        pixels_of(path, Modality.SAR)


def test_a_grey_palette_is_sar(tmp_path: Path) -> None:
    grey = optical(height=SHAPE[0], width=SHAPE[1])[0]
    Image.fromarray(grey).convert("P").save(tmp_path / "a.png")
    assert np.array_equal(pixels_of(tmp_path / "a.png", Modality.SAR), grey)


@settings(deadline=None, max_examples=40)
@given(
    order=st.permutations(["red", "green", "blue", "undefined", "undefined"]),
    named=st.sampled_from(["interpretation", "descriptions", "Sentinel-2"]),
    kind=st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_colours_come_in_the_order_that_the_file_says(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], named: str, kind: str
) -> None:
    bands = np.random.default_rng(0).integers(1, 250, (5, *SHAPE)).astype(kind)
    path = write_image(tmp_path_factory.mktemp("colours") / "a.tif", bands)
    names = {"red": "B04", "green": "B03", "blue": "B02"} if named == "Sentinel-2" else {}
    with rasterio.open(path, "r+") as file:
        if named == "interpretation":
            file.colorinterp = [ColorInterp[colour] for colour in order]
        else:
            file.descriptions = [names.get(colour, colour) for colour in order]
    expected = np.stack([bands[order.index(c)] for c in ("red", "green", "blue")], axis=-1)
    assert np.array_equal(pixels_of(path, Modality.OPTICAL), expected)


def test_sentinel_2_and_unnamed_bands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_saying()
    bands = np.random.default_rng(0).integers(1, 3000, (13, *SHAPE)).astype(np.uint16)
    found = pixels_of(write_image(tmp_path / "s2.tif", bands), Modality.OPTICAL)
    assert np.array_equal(found, bands[[3, 2, 1]].transpose(1, 2, 0))
    for name in ("a.tif", "b.tif"):
        found = pixels_of(write_image(tmp_path / name, bands[:5]), Modality.OPTICAL)
        assert np.array_equal(found, bands[:3].transpose(1, 2, 0))
    said = capsys.readouterr().err
    assert said.count("hold those of Sentinel-2 in order") == 1
    assert said.count("are red, green, blue, and others after them") == 1, "once a run"


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_and_0_as_white(tmp_path: Path, bits: int) -> None:
    grey = np.random.default_rng(0).integers(0, 2**bits, (1, *SHAPE)).astype(np.uint8)
    few = write_image(tmp_path / "few.png", grey, "PNG", NBITS=bits)
    expected = np.round(grey[0] * 255.0 / (2**bits - 1)).astype(np.uint8)
    assert np.array_equal(pixels_of(few, Modality.SAR), expected)
    white = write_image(tmp_path / "white.tif", optical()[:1], photometric="MINISWHITE")
    assert np.array_equal(pixels_of(white, Modality.SAR), 255 - optical()[0])


def test_printing_colours_are_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", np.concatenate([optical(), optical()[:1]]))
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [ColorInterp[ink] for ink in ("cyan", "magenta", "yellow", "black")]
    with pytest.raises(UnreadableChipError, match="save it as RGB"):
        read_pixels(path)


@settings(deadline=None, max_examples=30)
@given(
    method=st.sampled_from(METHODS),
    declared=st.sampled_from(["unit", "description", ""]),
    middle=st.integers(-25, 2),
)
def test_decibels_are_shown_as_their_amplitude(
    tmp_path_factory: pytest.TempPathFactory, method: SarRadiometry, declared: str, middle: int
) -> None:
    """Also where a bright ship lies above 0; percentiles are taken of what is stored."""
    folder = tmp_path_factory.mktemp("decibels")
    decibels = np.random.default_rng(0).normal(middle, 4, (1, *SHAPE)).astype(np.float32)
    decibels[:, 8:16, 6:12] += 20
    path = write_image(folder / "db.tif", decibels)
    with rasterio.open(path, "r+") as file:
        if declared == "unit":
            file.units = ["dB"]
        if declared == "description":
            file.descriptions = ["Sigma0_VV_db"]
    amplitude = (10 ** (decibels / 20)).astype(np.float32)
    plain = write_image(folder / "plain.tif", decibels if method == "percentile" else amplitude)
    difference = shown(path, Modality.SAR, method).astype(int) - shown(plain, Modality.SAR, method)
    assert abs(difference).max() <= 1
    np.testing.assert_allclose(pixels_of(path, Modality.SAR), amplitude[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("values", "kept"),
    [((-0.02, 9.0), True), ((-50.0, 9000.0), True), ((-600.0, 700.0), False), ((-0.4, 0.5), False)],
)
def test_noise_below_0_is_no_decibels(
    tmp_path: Path, values: tuple[float, float], kept: bool
) -> None:
    image = np.linspace(*values, SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(1, *SHAPE)
    path = write_image(
        tmp_path / "a.tif", image if not kept else np.sort(image**3 / values[1] ** 2)
    )
    if kept:
        assert pixels_of(path, Modality.SAR).max() == pytest.approx(values[1], rel=1e-5)
    else:
        with pytest.raises(UnreadableChipError, match="neither amplitudes nor decibels"):
            pixels_of(path, Modality.SAR)


def test_scale_and_offset(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 250, (1, *SHAPE)).astype(np.uint8)
    path = write_image(tmp_path / "a.tif", stored, nodata=0)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets, file.units = (0.2,), (-40.0,), ("dB",)
    expected = np.where(stored == 0, 1, 10 ** ((stored * 0.2 - 40) / 20))[0]
    found = pixels_of(path, Modality.SAR)
    np.testing.assert_allclose(found[stored[0] > 0], expected[stored[0] > 0], rtol=1e-5)


@pytest.mark.parametrize(("driver", "ending"), [("BMP", "bmp"), ("JP2OpenJPEG", "jp2")])
def test_bmp_and_jpeg_2000(tmp_path: Path, driver: str, ending: str) -> None:
    bands, path = optical(height=64, width=48), tmp_path / f"ship.{ending}"
    if driver == "BMP":
        Image.fromarray(bands.transpose(1, 2, 0)).save(path)
    else:
        write_image(path, bands, driver, QUALITY="100", REVERSIBLE="YES")
    assert np.array_equal(read_pixels(path), bands.transpose(1, 2, 0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableChipError, match="truncated or damaged"):
        read_pixels(path)
