"""Promise: a probe reads every image once and never predicts a scene that it has learnt from."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosswake.batches import prepare
from crosswake.data.chips import Chip, Modality
from crosswake.data.pair_chips import pair_chips
from crosswake.data.pixels import read_chip, read_pixels
from crosswake.data.sources.open import find_reader
from crosswake.tasks.probe.measure import PIXEL_STATISTICS, features_of, make_folds, probe_terrain
from crosswake.tasks.reid.measure import MeasureOptions
from tests.data.pair_making import write_sen12_pair
from tests.tasks.fakes import FakeEmbedder

QUIET = MeasureOptions(quiet=True)


def two_terrains(root: Path) -> Any:
    """Two terrains of two scenes of three pairs each."""
    for number, terrain in enumerate(("agri", "urban")):
        for scene in (10, 11):
            for patch in range(3):
                write_sen12_pair(root / terrain, "ROIs1970_fall", 2 * scene + number, patch)
    reader = find_reader(root)
    assert reader is not None
    return reader(root)


def test_every_image_is_read_once_however_many_are_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = two_terrains(tmp_path)
    files = [chip.path for part in pair_chips(data.pairs) for chip in part]
    read: list[Path] = []
    lock = threading.Lock()

    def counting(chip: Chip, *rest: Any) -> Any:
        with lock:
            read.append(chip.path)
        return read_chip(chip, *rest)

    monkeypatch.setattr(prepare, "read_chip", counting)
    bad = {data.pairs[0].sar, data.pairs[6].optical}
    for path in bad:
        path.write_bytes(b"no picture")
    result = probe_terrain(FakeEmbedder(), data, QUIET)
    assert sorted(read) == sorted(files)
    assert (result.pairs, {one.path for one in result.unreadable}) == (10, bad)


def test_features_are_those_of_the_model_and_of_the_pixels(tmp_path: Path) -> None:
    data = two_terrains(tmp_path)
    embedder = FakeEmbedder()
    features, _ = features_of(embedder, data.pairs, QUIET)
    assert list(features) == list(data.pairs)
    for pair, row in features.items():
        optical, radar = (part[0] for part in pair_chips((pair,)))
        assert np.array_equal(row["both"], np.hstack([row["optical"], row["SAR"]]))
        for chip, kind in ((optical, "optical"), (radar, "SAR")):
            feature = embedder.feature(chip)
            np.testing.assert_allclose(row[kind], feature / np.linalg.norm(feature), atol=1e-6)
        pixels = read_pixels(optical.path)
        assert optical.modality is Modality.OPTICAL
        np.testing.assert_allclose(row[PIXEL_STATISTICS][:3], pixels.mean((0, 1)))
        np.testing.assert_allclose(row[PIXEL_STATISTICS][3:6], pixels.std((0, 1)))
        assert row[PIXEL_STATISTICS].shape == (12,)


def test_no_scene_is_in_two_folds() -> None:
    scene = np.repeat(np.arange(10), 4).astype(str)
    terrain = np.repeat(["a", "b"], 20)
    folds = make_folds(terrain, scene, 5, seed=0)
    assert set(folds) == set(range(5))
    assert all(len(set(folds[scene == name])) == 1 for name in scene)
    assert all(len(set(terrain[folds == fold])) == 2 for fold in range(5))
