"""Promise: a chip is read as it is stored, or an error names the file and the reason."""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.pixels import read_bands, read_pixels
from tests.data.making import optical, sar, write_image
from tests.golden import golden


@pytest.mark.parametrize(
    ("bands", "driver", "name"),
    [
        (optical(), "GTiff", "a.tif"),
        (sar(), "GTiff", "a.tif"),
        (optical().astype(np.uint16) * 200, "GTiff", "a.tiff"),
        (sar().astype(np.float64), "GTiff", "a.TIF"),
        (optical()[:1], "PNG", "a.png"),
        (optical(), "PNG", "a.png"),
        (optical().astype(np.uint16) * 200, "PNG", "a.png"),
    ],
)
def test_pixels_are_as_stored(tmp_path: Path, bands: NDArray[Any], driver: str, name: str) -> None:
    pixels = read_pixels(write_image(tmp_path / name, bands, driver))
    assert pixels.dtype == bands.dtype
    assert np.array_equal(pixels, bands[0] if len(bands) == 1 else bands.transpose(1, 2, 0))


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_complex_values_are_no_colours(
    tmp_path: Path, kind: type[np.complexfloating[Any, Any]]
) -> None:
    path = write_image(tmp_path / "slc.tif", sar().astype(kind), "GTiff")
    for box in (None, Box(0, 0, 4, 4)):
        with pytest.raises(UnreadableChipError, match=r"slc\.tif: complex numbers in an optical"):
            read_pixels(path, box)


def test_fourth_band_is_left_out(tmp_path: Path) -> None:
    rgba = np.concatenate([optical(), np.full((1, 40, 16), 255, np.uint8)])
    path = write_image(tmp_path / "a.png", rgba, "PNG")
    assert np.array_equal(read_pixels(path), optical().transpose(1, 2, 0))
    assert np.array_equal(read_bands(path), rgba)


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (3, 64, 32)).copy()
    pixels = read_pixels(write_image(tmp_path / "a.jpg", smooth, "JPEG", QUALITY=95))
    assert np.abs(pixels.astype(int) - smooth.transpose(1, 2, 0)).max() <= 3


def test_two_bands(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", optical()[:2])
    with pytest.raises(
        UnreadableChipError, match=r"a\.tif: has 2 bands; one \(SAR\) or three \(optical\)"
    ):
        read_pixels(path)


@pytest.mark.parametrize(
    "options", [{}, {"compress": "lzw"}, {"interleave": "band"}, {"compress": "deflate"}]
)
@pytest.mark.parametrize("bands", [optical(height=150, width=60), sar(height=150, width=60)])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.97])
def test_truncated_tiff_is_an_error(
    tmp_path: Path, options: dict[str, str], bands: NDArray[Any], share: float
) -> None:
    path = write_image(tmp_path / "a.tif", bands, **options)
    check_cut(path, round(path.stat().st_size * share))


@pytest.mark.parametrize(("driver", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg")])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.97])
def test_truncated_png_and_jpeg_are_errors(
    tmp_path: Path, driver: str, name: str, share: float
) -> None:
    path = write_image(tmp_path / name, optical(height=150, width=60), driver)
    check_cut(path, round(path.stat().st_size * share))


def check_cut(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UnreadableChipError, match="truncated or damaged") as caught:
        read_pixels(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_any_cut_is_an_error_or_the_whole_image(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    wholes = {
        name: write_image(folder / name, optical(), driver)
        for name, driver in (("a.tif", "GTiff"), ("a.png", "PNG"))
    }
    stored = {name: path.read_bytes() for name, path in wholes.items()}
    expected = optical().transpose(1, 2, 0)

    @given(st.sampled_from(sorted(stored)), st.floats(0, 1))
    def check(name: str, share: float) -> None:
        path = folder / f"cut {name}"
        path.write_bytes(stored[name][: round(len(stored[name]) * share)])
        try:
            assert np.array_equal(read_pixels(path), expected)
        except UnreadableChipError:
            assert share < 1

    check()


def test_damaged_png(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", optical(), "PNG")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(UnreadableChipError, match="truncated or damaged"):
        read_pixels(path)


VRT = b'<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand dataType="Byte" band="1"/>'
VRT += b"</VRTDataset>"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file; correct the path or the table that names it"),
        (lambda path: path.mkdir(), "no such file|cannot be opened"),
        (lambda path: path.write_bytes(b""), "the file is empty; fetch it again"),
        (lambda path: path.write_bytes(b"II"), "not a TIFF, PNG, JPEG, BMP or JPEG 2000 image"),
        (
            lambda path: path.write_bytes(b"<html>404</html>"),
            "not a TIFF, PNG, JPEG, BMP or JPEG 2000 image",
        ),
        (lambda path: path.write_bytes(VRT), "not a TIFF, PNG, JPEG, BMP or JPEG 2000 image"),
        (lambda path: path.write_bytes(b"II*\0" + b"\xff" * 50), "truncated or damaged"),
    ],
)
def test_files_that_are_no_chips(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "0001_s01c1_RGB.tif"
    make(path)
    with pytest.raises(UnreadableChipError, match=reason) as caught:
        read_pixels(path)
    assert isinstance(caught.value, CrosswakeError)
    assert str(path) in str(caught.value)


def test_reading_in_threads_is_quiet(tmp_path: Path) -> None:
    paths = [write_image(tmp_path / f"{number}.tif", optical(number)) for number in range(40)]
    read_pixels(paths[0])
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        for number, pixels in enumerate(pool.map(read_pixels, paths)):
            assert np.array_equal(pixels, optical(number).transpose(1, 2, 0))
    assert list(warnings.filters) == before


def test_golden_chips() -> None:
    for name, shape, dtype in (
        ("sar_float32.tif", (121, 37), "float32"),
        ("optical_uint8.tif", (150, 41, 3), "uint8"),
    ):
        pixels = read_pixels(golden(name))
        assert (pixels.shape, str(pixels.dtype)) == (shape, dtype)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_ground_extent(height: int, width: int) -> None:
    def chip(modality: Modality, **known: float) -> Chip:
        return Chip(
            path=Path("a"),
            identity="1",
            modality=modality,
            width_m=known.get("w"),
            height_m=known.get("h"),
        )

    assert chip(Modality.OPTICAL).ground_extent(height, width) == (width * 0.75, height * 0.75)
    assert chip(Modality.SAR).ground_extent(height, width) == (width, height)
    assert chip(Modality.SAR, w=12.5).ground_extent(height, width) == (12.5, height)
    assert chip(Modality.OPTICAL, w=12.5, h=80.0).ground_extent(height, width) == (12.5, 80.0)


def test_modalities_are_those_of_the_labels() -> None:
    assert (int(Modality.OPTICAL), int(Modality.SAR)) == (0, 1)
    assert [modality.label for modality in Modality] == ["optical", "sar"]
