"""Promise: a chip becomes what the published transforms make of it, number by number."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from crosswake.batches.prepare import ChipDecoding, Interpolation, ground_metres, normalise
from crosswake.batches.stores import decode
from crosswake.data.chips import Chip, Modality
from tests.tiny import write_chip


@pytest.fixture
def radar(tmp_path: Path) -> Chip:
    """40 rows of 20 amplitudes."""
    pixels = np.random.default_rng(0).gamma(1.0, 100.0, (40, 20)).astype(np.float32)
    write_chip(tmp_path / "radar.tif", pixels)
    return Chip(path=tmp_path / "radar.tif", modality=Modality.SAR)


def test_normalised_by_the_numbers_of_imagenet() -> None:
    pictures = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 1, 1)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    found = normalise(pictures)[:, :, 0, 0].numpy()
    np.testing.assert_allclose(found, [-mean / std, (1 - mean) / std], rtol=1e-5)


@pytest.mark.parametrize("name", get_args(Interpolation))
def test_resized_by_the_filter_that_is_named(tmp_path: Path, name: Interpolation) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (40, 20, 3), dtype=np.uint8)
    write_chip(tmp_path / "a.tif", pixels)
    chip = Chip(path=tmp_path / "a.tif", modality=Modality.OPTICAL)
    how = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[name]
    expected = np.asarray(Image.fromarray(pixels).resize((8, 16), how)).transpose(2, 0, 1)
    (found,) = decode([chip], (16, 8), interpolation=name, quiet=True).pictures.numpy()
    assert np.array_equal(found, expected)


def test_size_features_are_width_height_and_height_over_width(radar: Chip) -> None:
    size = ChipDecoding(size=(16, 8)).read(radar).size
    assert size == pytest.approx(((20 / 93 - 0.434) / 0.031, (40 / 427 - 0.461) / 0.031, 2.0))
    metres = ground_metres(np.array([size], np.float32))
    np.testing.assert_allclose(metres, [[20, 40]], rtol=1e-5)


def test_whoever_looks_sees_the_pixels_as_they_are_stored(radar: Chip) -> None:
    how = ChipDecoding(size=(16, 8), look=lambda chip, pixels: (chip, pixels))
    chip, pixels = how.read(radar).seen
    assert chip == radar
    assert (pixels.shape, pixels.dtype) == ((40, 20), np.float32)
    assert pixels.max() > 255


def test_the_digest_changes_with_any_pixel(radar: Chip) -> None:
    store = decode([radar], (16, 8), quiet=True)
    before = store.digest()
    assert decode([radar], (16, 8), quiet=True).digest() == before
    store.pictures[0, 2, 15, 7] ^= 1
    assert store.digest() != before
