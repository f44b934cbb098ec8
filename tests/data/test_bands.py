"""Promise: of SAR files with several bands the one that is asked for is shown, or an error says
how to ask."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosswake.core.said import start_saying
from crosswake.data.chips import Chip, Modality, Reading, SarBand, UnreadableChipError
from crosswake.data.pairs import Pair, PairData
from crosswake.data.pixels import Pixels, read_chip, read_pair, read_pixels
from crosswake.data.rasters import LIMIT_VARIABLE, image_limit
from crosswake.data.reading import pairs_read_as, read_as
from crosswake.data.reid import ReidData
from tests.data.making import optical, sar, write_image

POLARISATIONS: tuple[SarBand, ...] = ("vv", "vh", "hh", "hv")


def amplitudes(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).gamma(1.0, 20.0, (count, 24, 18)).astype(np.float32)


def read(path: Path, sar_band: SarBand | None = None, bands: tuple[str, ...] = ()) -> Pixels:
    reading = Reading(sar_band=sar_band, bands=bands)
    return read_chip(Chip(path=path, modality=Modality.SAR, reading=reading))[0]


def named(path: Path, bands: NDArray[Any], names: list[str]) -> Path:
    write_image(path, bands)
    with rasterio.open(path, "r+") as file:
        file.descriptions = names
    return path


@settings(deadline=None, max_examples=40)
@given(
    order=st.permutations(POLARISATIONS),
    count=st.integers(2, 4),
    style=st.sampled_from(["{}", "Sigma0_{}", "{}_amplitude", "sentinel-1 ({})"]),
    by_source=st.booleans(),
    wanted=st.sampled_from(POLARISATIONS),
)
def test_a_polarisation_is_found_by_its_name(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[str],
    count: int,
    style: str,
    by_source: bool,
    wanted: SarBand,
) -> None:
    bands, names = amplitudes(count), [style.format(name.upper()) for name in order[:count]]
    path = tmp_path_factory.mktemp("bands") / "a.tif"
    if by_source:
        write_image(path, bands)
    else:
        named(path, bands, names)
    known = tuple(names) if by_source else ()
    if style == "Sigma0_{}":  # a power, whose root is the amplitude
        bands = np.sqrt(bands)
    if wanted in order[:count]:
        assert np.array_equal(read(path, wanted, known), bands[order.index(str(wanted))])
    else:
        with pytest.raises(UnreadableChipError, match=f"--sar_band {wanted}: its bands are"):
            read(path, wanted, known)
    preferred = min(order[:count], key=("vv", "hh", "vh", "hv").index)
    assert np.array_equal(read(path, None, known), bands[order.index(preferred)])
    number = count
    assert np.array_equal(read(path, number, known), bands[number - 1])
    with pytest.raises(UnreadableChipError, match=f"--sar_band {count + 1}: there are {count}"):
        read(path, count + 1, known)
    np.testing.assert_allclose(read(path, "mean", known), bands.mean(axis=0), rtol=1e-5)


def test_two_bands_without_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_saying()
    bands = amplitudes(2)
    path = write_image(tmp_path / "a.tif", bands)
    for wanted, place in ((None, 0), ("vv", 0), ("hh", 0), ("vh", 1), ("hv", 1), (2, 1)):
        assert np.array_equal(read(path, wanted), bands[place])  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert "of two SAR bands without names the first is taken; choose one with --sar_band" in said
    assert said.count("are VV, VH (or HH, HV) in this order") == 1


def test_more_bands_without_names_are_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", amplitudes(4))
    with pytest.raises(UnreadableChipError, match=r"choose one with --sar_band 1 to 4"):
        read(path)
    with pytest.raises(UnreadableChipError, match=r"4 without names; give a number, mean or iq"):
        read(path, "vh")
    assert np.array_equal(read(path, 3), amplitudes(4)[2])


def test_bands_in_decibels(tmp_path: Path) -> None:
    """SEN12MS: VV and VH in decibels, without names."""
    decibels = np.random.default_rng(0).normal(-12, 3, (2, 24, 18)).clip(-25, 0).astype(np.float32)
    path = write_image(tmp_path / "s1.tif", decibels)
    expected = 10 ** (decibels / 20)
    np.testing.assert_allclose(read(path), expected[0], rtol=1e-5)
    np.testing.assert_allclose(read(path, "vh"), expected[1], rtol=1e-5)
    np.testing.assert_allclose(read(path, "mean"), expected.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("scale", [1, 30])
def test_parts_become_amplitudes_where_they_are_named(tmp_path: Path, scale: float) -> None:
    amplitude = amplitudes(2) * scale
    phase = np.random.default_rng(1).uniform(0, 2 * np.pi, amplitude.shape)
    parts = np.stack([f(phase) * amplitude for f in (np.cos, np.sin)], axis=1)
    bands = parts.reshape(4, *amplitude.shape[1:]).astype(np.float32)
    plain = write_image(tmp_path / "plain.tif", bands)
    with pytest.raises(UnreadableChipError, match=r"--sar_band iq if they are real and imaginary"):
        read(plain)
    np.testing.assert_allclose(read(plain, "iq"), amplitude[0], rtol=1e-4)
    names = ["i_VH", "q_VH", "i_VV", "q_VV"]
    for path, known in ((named(tmp_path / "named.tif", bands, names), ()), (plain, tuple(names))):
        np.testing.assert_allclose(read(path, None, known), amplitude[1], rtol=1e-4)
        np.testing.assert_allclose(read(path, "vh", known), amplitude[0], rtol=1e-4)
    with pytest.raises(UnreadableChipError, match="are no pairs"):
        read(named(tmp_path / "odd.tif", bands[:3], names[:3]))
    with pytest.raises(UnreadableChipError, match="no real and imaginary parts"):
        read(write_image(tmp_path / "two.tif", amplitude), "iq")


def test_complex_becomes_amplitude(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_saying()
    values = (amplitudes(1) * np.exp(1j)).astype(np.complex64)
    np.testing.assert_allclose(
        read(write_image(tmp_path / "slc.tif", values)), amplitudes(1)[0], rtol=1e-5
    )
    assert "complex SAR is shown by its amplitude" in capsys.readouterr().err


def test_colour_pictures_are_no_sar_but_grey_ones_are(tmp_path: Path) -> None:
    with pytest.raises(UnreadableChipError, match="a colour picture; is it optical"):
        read(write_image(tmp_path / "plot.png", optical(), "PNG"), 1)
    grey = np.repeat(optical()[:1], 3, axis=0)
    assert np.array_equal(read(write_image(tmp_path / "grey.png", grey, "PNG")), grey[0])
    jpeg = read(write_image(tmp_path / "grey.jpg", grey, "JPEG", QUALITY=90))
    assert jpeg.shape == grey.shape[1:]
    assert np.array_equal(read(write_image(tmp_path / "f.tif", sar()[[0, 0]])), sar()[0])


def test_what_is_known_of_a_file_comes_before_the_option(tmp_path: Path) -> None:
    bands = amplitudes(2)
    paths = [write_image(tmp_path / name, bands) for name in ("a.tif", "b.tif")]
    chips = (
        Chip(path=paths[0], modality=Modality.SAR, reading=Reading(sar_band=1)),
        Chip(path=paths[1], modality=Modality.SAR, reading=Reading(bands=("vh", "vv"))),
    )
    data = ReidData(name="a", root=tmp_path, query=chips, gallery=chips)
    changed = read_as(data, Reading(sar_band="vh"))
    found = [read_chip(chip)[0] for chip in changed.query]
    assert np.array_equal(found[0], bands[0])
    assert np.array_equal(found[1], bands[0]), "its source names the first VH"
    assert all(one is two for one, two in zip(changed.query, changed.gallery, strict=True))


def test_pairs_with_two_sar_bands(tmp_path: Path) -> None:
    bands = amplitudes(2)
    pair = Pair(
        optical=write_image(tmp_path / "opt.png", optical(height=24, width=18), "PNG"),
        sar=write_image(tmp_path / "sar.tif", bands),
        id="1",
        source="scenes",
    )
    data = PairData(name="a", root=tmp_path, pairs=(pair,))
    for wanted, place in (("vv", 0), ("vh", 1)):
        read_pairs = pairs_read_as(data, Reading(sar_band=wanted)).pairs  # type: ignore[arg-type]
        assert np.array_equal(read_pair(read_pairs[0])[1], bands[place])


def test_special_and_huge_files_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "0001_s01c1_RGB.tif"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(UnreadableChipError, match="no plain file"):
            read_pixels(path)
    for name in ("a\0b.tif", os.fsdecode(b"\xff.tif"), "a" * 300):
        with pytest.raises(UnreadableChipError, match="opened"):
            read_pixels(tmp_path / name)
    huge = tmp_path / "huge.tif"
    shape = {"height": 200_000, "width": 200_000, "count": 3, "dtype": "uint8"}
    with rasterio.open(huge, "w", driver="GTiff", sparse_ok=True, tiled=True, **shape):
        pass
    assert huge.stat().st_size < 10_000_000
    with pytest.raises(UnreadableChipError, match=r"120\.0 GB to hold at once; leave it out, or"):
        read_pixels(huge)
    many = write_image(tmp_path / "many.tif", np.zeros((1100, 2, 2), np.uint8))
    with pytest.raises(UnreadableChipError, match="declares 1,100 bands"):
        read_pixels(many)
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    image_limit.cache_clear()
    large = write_image(tmp_path / "large.tif", np.ones((1, 1001, 1000), np.uint8))
    with pytest.raises(UnreadableChipError, match="set CROSSWAKE_IMAGE_LIMIT"):
        read_pixels(large)
    monkeypatch.undo()
    image_limit.cache_clear()
    assert read_pixels(large).shape == (1001, 1000)
