import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crosswake.batches.prepare import ChipDecoding, normalise
from crosswake.data.chips import Chip, Modality
from crosswake.data.pixels import read_pixels
from crosswake.data.radiometry import SarRadiometry, sar_to_uint8, to_uint8
from tests.golden import golden, golden_tensors

METHODS: tuple[SarRadiometry, ...] = ("max", "percentile", "log")


def test_reference_scalings_come_out() -> None:
    known = np.load(golden("preprocess.npz"))
    amplitude = read_pixels(golden("sar_float32.tif"))
    np.testing.assert_array_equal(sar_to_uint8(amplitude, "max"), known["sar_max_uint8"])
    np.testing.assert_array_equal(
        sar_to_uint8(amplitude, "percentile"), known["sar_percentile_5_100_uint8"]
    )


@pytest.mark.parametrize(
    ("file", "modality", "name"),
    [("sar_float32.tif", Modality.SAR, "sar"), ("optical_uint8.tif", Modality.OPTICAL, "optical")],
)
def test_reference_inputs_come_out(file: str, modality: Modality, name: str) -> None:
    import torch

    known = golden_tensors("preprocess.npz")
    chip = Chip(path=golden(file), identity="1", modality=modality)
    picture, size, _ = ChipDecoding(size=(256, 128)).read(chip)
    found = normalise(torch.from_numpy(picture)[None])[0]
    torch.testing.assert_close(found, known[f"{name}_input"], rtol=0.0, atol=1e-5)
    assert size == pytest.approx(known[f"{name}_size"].tolist(), abs=1e-6)


@settings(deadline=None)
@given(
    hnp.arrays(
        np.float32,
        (5, 4),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=False),
    )
)
def test_any_chip_gives_a_picture(amplitude: np.ndarray) -> None:
    for method in METHODS:
        picture = sar_to_uint8(amplitude, method)
        assert picture.dtype == np.uint8
        assert picture.shape == amplitude.shape


@pytest.mark.parametrize("method", METHODS)
def test_black_negative_and_constant_chips_are_black(method: SarRadiometry) -> None:
    for value in (0.0, -3.0):
        assert sar_to_uint8(np.full((4, 4), value, np.float32), method).max() == 0


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None)
@given(scale=st.floats(1e-3, 1e6))
def test_scaling_does_not_depend_on_the_unit(method: SarRadiometry, scale: float) -> None:
    amplitude = np.random.default_rng(0).gamma(1.0, 1.0, (20, 20)).astype(np.float32)
    difference = np.abs(
        sar_to_uint8(amplitude, method).astype(int)
        - sar_to_uint8((amplitude * scale).astype(np.float32), method)
    )
    assert difference.max() <= 1


def test_one_bright_scatterer_does_not_darken_the_log_picture() -> None:
    amplitude = np.random.default_rng(0).gamma(1.0, 1.0, (40, 40)).astype(np.float32)
    amplitude[20, 20] = 1e5
    assert np.median(sar_to_uint8(amplitude, "max")) == 0
    assert 80 < np.median(sar_to_uint8(amplitude, "log")) < 250


def test_negative_values_are_not_wrapped_round() -> None:
    picture = sar_to_uint8(np.array([[-1.0, 0.0, 1.0, 2.0]], np.float32), "max")
    assert picture.tolist() == [[0, 0, 127, 255]]


def test_what_is_not_finite_is_dark_and_changes_nothing_else() -> None:
    """In decibels 0 is bright: no data must neither be taken for it nor stretch the picture up to
    it."""
    decibels = np.random.default_rng(0).uniform(-25, -5, (40, 40)).astype(np.float32)
    gaps = np.full((10, 40), np.nan, np.float32)
    gaps[0], gaps[1] = np.inf, -np.inf
    picture = sar_to_uint8(np.concatenate([decibels, gaps]), "percentile")
    assert (picture[40:] == 0).all()
    assert np.array_equal(picture[:40], sar_to_uint8(decibels, "percentile"))
    amplitude = np.concatenate([10 ** (decibels / 20), gaps[2:]])
    assert np.array_equal(sar_to_uint8(amplitude, "log")[:40], sar_to_uint8(amplitude[:40], "log"))
    assert (to_uint8(amplitude, Modality.OPTICAL)[40:] == 0).all()


def test_eight_bit_is_taken_as_it_is_and_sixteen_bit_is_stretched() -> None:
    eight = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert to_uint8(eight, Modality.OPTICAL) is eight
    grey = to_uint8(eight[..., 0], Modality.SAR)
    assert grey.shape == (2, 2, 3)
    assert (grey == eight[..., :1]).all()
    sixteen = np.linspace(200, 9000, 300).reshape(10, 10, 3).astype(np.uint16)
    picture = to_uint8(sixteen, Modality.OPTICAL)
    assert picture.dtype == np.uint8
    assert (picture.min(), picture.max()) == (0, 255)
