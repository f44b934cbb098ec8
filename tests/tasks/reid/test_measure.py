"""Promise: every test chip is read and embedded once, and measured by the published protocols."""

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosswake.batches import prepare
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, UnreadableChipError
from crosswake.data.pixels import read_chip, read_pixels
from crosswake.data.sources.open import open_reid
from crosswake.retrieval.baselines import plain_features
from crosswake.retrieval.protocols import score_protocols
from crosswake.tasks.reid.measure import (
    MeasureOptions,
    chips_to_measure,
    measure,
    read_features,
)
from tests.tasks.fakes import FakeEmbedder, make_data, write_chip, write_decibels

QUIET = MeasureOptions(quiet=True)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read, in whichever thread."""
    found: list[Path] = []
    lock = threading.Lock()

    def counting(chip: Chip, *rest: Any) -> Any:
        with lock:
            found.append(chip.path)
        return read_chip(chip, *rest)

    monkeypatch.setattr(prepare, "read_chip", counting)
    return found


def test_every_chip_is_embedded_once(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    data = open_reid(make_data(tmp_path))
    measure(embedder, data, MeasureOptions(quiet=True, batch_size=1))
    assert len(embedder.embedded) == len(set(embedder.embedded)) == 20


@pytest.mark.parametrize("batch_size", [3, 64])
def test_every_chip_is_read_once_however_many_are_bad(
    tmp_path: Path, reads: list[Path], batch_size: int
) -> None:
    root = make_data(tmp_path)
    files = sorted(root.rglob("*.png"))
    bad = files[1::2]
    for path in bad[:5]:
        path.write_bytes(b"no picture")
    for path in bad[5:]:
        write_decibels(path) if "SAR" in path.name else path.write_bytes(b"")
    options = MeasureOptions(quiet=True, batch_size=batch_size)
    evaluation = measure(FakeEmbedder(), open_reid(root), options)
    assert sorted(reads) == files
    assert sorted(one.path for one in evaluation.unreadable) == bad
    assert len(evaluation.chips) == 10


def test_model_free_features_are_those_of_the_stored_pixels(tmp_path: Path) -> None:
    """Not of the 8-bit picture that the model is shown."""
    data = open_reid(make_data(tmp_path))
    chips = chips_to_measure(data)
    found = read_features(FakeEmbedder(), chips, QUIET)
    for chip in chips:
        known = plain_features(chip, read_pixels(chip.path))
        assert np.array_equal(found.plain[chip].size, known.size)
        assert np.array_equal(found.plain[chip].gradient, known.gradient)


def test_protocols_equal_those_of_the_arrays(tmp_path: Path) -> None:
    data = open_reid(make_data(tmp_path))
    evaluation = measure(FakeEmbedder(), data, QUIET)
    scores = score_protocols(
        evaluation.rows_of(data.query),
        evaluation.rows_of(data.gallery),
        [c.identity for c in data.query],
        [c.identity for c in data.gallery],
        [c.modality for c in data.query],
        [c.modality for c in data.gallery],
    )
    for name, outcome in evaluation.outcomes.items():
        assert {key: e.value for key, e in outcome.result.metrics.items()} == pytest.approx(
            scores[name]
        )


def test_fixed_subsets_are_used(tmp_path: Path) -> None:
    root = make_data(tmp_path / "ships")
    write_chip(root / "subset/O2S/query", "0001_s01c0_RGB", 10)
    write_chip(root / "subset/O2S/bounding_box_test", "0001_s01c3_SAR", 11)
    write_chip(root / "subset/O2S/bounding_box_test", "0002_s01c3_SAR", 21)
    evaluation = measure(FakeEmbedder(), open_reid(root), QUIET)
    result = evaluation.outcomes["o2s"].result
    assert (result.queries, result.gallery) == (1, 2)
    assert evaluation.outcomes["s2o"].result.queries == 5


def test_strict_stops_at_the_first_bad_file(tmp_path: Path) -> None:
    root = make_data(tmp_path)
    strict = MeasureOptions(strict=True, quiet=True)
    write_decibels(root / "bounding_box_test" / "0001_s01c3_SAR.png")
    with pytest.raises(UnreadableChipError, match=r"0001_s01c3_SAR\.png: signed values, from"):
        measure(FakeEmbedder(), open_reid(root), strict)
    (root / "query" / "0000_s01c0_RGB.png").write_bytes(b"")
    with pytest.raises(UnreadableChipError, match=r"0000_s01c0_RGB\.png: the file is empty"):
        measure(FakeEmbedder(), open_reid(root), strict)


def test_nothing_readable(tmp_path: Path) -> None:
    root = make_data(tmp_path, identities=1)
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(CrosswakeError, match="not one of 4 test chips"):
        measure(FakeEmbedder(), open_reid(root), QUIET)


def test_no_queries(tmp_path: Path) -> None:
    root = make_data(tmp_path)
    shutil.rmtree(root / "query")
    with pytest.raises(CrosswakeError, match="no query chips"):
        measure(FakeEmbedder(), open_reid(root), QUIET)
