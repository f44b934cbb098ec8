"""Promise: SEN12MS and scenes of 16 bit are read, and become pairs of the right values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crosswake.data.build.build import build_pairs
from crosswake.data.build.plan import plan_build
from crosswake.data.build.settings import BuildSettings
from crosswake.data.chips import Modality, Reading
from crosswake.data.pixels import read_bands, read_pair
from crosswake.data.radiometry import scaled
from crosswake.data.sources.open import find_reader
from crosswake.data.sources.sen12 import read_sen12
from tests.data.making import write_image

SIDE = 32


def write_sen12ms(root: Path) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """One patch: (2, 32, 32) decibels, and (13, 32, 32) reflectances."""
    random = np.random.default_rng(1)
    decibels = random.uniform(-25, -1, (2, SIDE, SIDE)).astype(np.float32)
    optical = random.integers(300, 3000, (13, SIDE, SIDE), dtype=np.uint16)
    name = "ROIs1868_summer_s{}_4_p30.tif"
    write_image(root / "ROIs1868_summer" / "s1_4" / name.format(1), decibels)
    write_image(root / "ROIs1868_summer" / "s2_4" / name.format(2), optical)
    return decibels, optical


def test_sen12ms_is_known_by_its_names(tmp_path: Path) -> None:
    write_sen12ms(tmp_path)
    assert find_reader(tmp_path) is read_sen12
    data = read_sen12(tmp_path)
    (pair,) = data.pairs
    assert (pair.id, pair.scene, pair.season) == ("summer_4_p30", "summer_4", "summer")
    assert pair.reading == Reading(bands=("vv", "vh"))
    assert (data.bad_files, data.notes) == ((), ())


def test_its_pairs_are_colours_and_amplitude(tmp_path: Path) -> None:
    decibels, stored = write_sen12ms(tmp_path / "S")
    (pair,) = read_sen12(tmp_path / "S").pairs
    optical, radar = read_pair(pair)
    assert np.array_equal(optical, stored[[3, 2, 1]].transpose(1, 2, 0))
    assert np.allclose(radar, 10 ** (decibels[0] / 20))
    built = build_pairs(tmp_path / "out", plan_build([("sen12", tmp_path / "S")], BuildSettings()))
    ((item, _),) = built.kept
    assert np.array_equal(
        read_bands(tmp_path / "out" / item.rgb), scaled(stored[[3, 2, 1]], Modality.OPTICAL)
    )
    assert np.allclose(read_bands(tmp_path / "out" / item.sar)[0], 10 ** (decibels[0] / 20))


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32])
def test_scenes_of_16_bit_become_8_bit_pairs(tmp_path: Path, kind: type) -> None:
    random = np.random.default_rng(2)
    optical: NDArray[Any] = random.integers(300, 3000, (3, 64, 64)).astype(kind)
    write_image(tmp_path / "S" / "opt" / "0.tif", optical)
    write_image(tmp_path / "S" / "sar" / "0.tif", random.gamma(1, 20, (1, 64, 64)).astype("f4"))
    settings = BuildSettings(crop_size=(32, 32))
    built = build_pairs(tmp_path / "out", plan_build([("scenes", tmp_path / "S")], settings))
    assert (len(built.kept), built.bad_files) == (4, ())
    whole = scaled(optical, Modality.OPTICAL)
    first = read_bands(tmp_path / "out" / built.kept[0][0].rgb)
    assert first.dtype == np.uint8
    assert np.array_equal(first, whole[:, :32, :32])
