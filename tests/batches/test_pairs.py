"""Promises of the store and the sampler of pairs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.batches.pair_sampler import Windows, draw_windows, pair_batches, same_place
from crosswake.batches.pair_store import PairDecoding, PairStore, decode_pairs
from crosswake.chips import Modality, UnreadableChipError
from crosswake.datasets.pairs.pixels import read_pair
from crosswake.datasets.pairs.scenes import read_scenes
from crosswake.errors import CrosswakeError
from crosswake.radiometry import to_uint8
from crosswake.windows import Box
from crosswake.writing import part_of
from tests.datasets.pairs.making import write_scenes

NATIVE = PairDecoding(size=(32, 16), whole=False, sar="log")


@pytest.fixture
def store(tmp_path: Path) -> PairStore:
    return decode_pairs(read_scenes(write_scenes(tmp_path / "scenes")).pairs, NATIVE, tmp_path / "p.u8", quiet=True)


def test_the_store_holds_what_the_files_do(store: PairStore) -> None:
    assert isinstance(store.pixels, np.memmap)
    for row, pair in enumerate(store.pairs):
        optical, radar = read_pair(pair)
        image = store.image(row)
        assert np.array_equal(image[:3].transpose(1, 2, 0), optical)
        assert np.array_equal(image[3], to_uint8(radar, Modality.SAR, "log")[..., 0])
    boxes = [Box(3, 5, 32, 16), Box(0, 0, 32, 16), Box(64, 80, 32, 16)]
    optical_windows, sar_windows = store.windows([2, 0, 1], boxes, boxes[::-1])
    for place, row in enumerate((2, 0, 1)):
        assert np.array_equal(optical_windows[place].numpy(), boxes[place].of(store.image(row)[:3]))
        assert np.array_equal(sar_windows[place, 1].numpy(), boxes[2 - place].of(store.image(row)[3]))


def test_whole_images_have_the_model_size(tmp_path: Path) -> None:
    pairs = read_scenes(write_scenes(tmp_path / "scenes")).pairs
    store = decode_pairs(pairs, replace(NATIVE, whole=True), tmp_path / "p.u8", quiet=True)
    assert {store.image(row).shape for row in range(len(store))} == {(4, 32, 16)}


def test_bad_pairs_are_listed(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "scenes")
    pairs = read_scenes(root).pairs
    (root / "opt" / "002.png").write_bytes(b"\x89PNG")
    store = decode_pairs(pairs, NATIVE, tmp_path / "p.u8", quiet=True)
    assert [pair.scene for pair in store.pairs] == ["scenes/001", "scenes/harbour"]
    assert [bad.path.name for bad in store.bad_files] == ["002.png"]
    again = decode_pairs(pairs, NATIVE, tmp_path / "p.u8", quiet=True)
    assert again.bad_files == store.bad_files
    with pytest.raises(UnreadableChipError, match=r"002\.png"):
        decode_pairs(pairs, NATIVE, tmp_path / "q.u8", strict=True, quiet=True)
    assert not list(tmp_path.glob("*q.u8*")), "nothing half-written stays"
    (tmp_path / "p.u8").write_bytes(b"short")
    with pytest.raises(CrosswakeError, match=r"another size than its index says.*remove it"):
        decode_pairs(pairs, NATIVE, tmp_path / "p.u8", quiet=True)


def test_what_a_killed_run_was_writing_is_removed_by_the_next(tmp_path: Path) -> None:
    words = [
        "from crosswake.writing import part_of",
        "from pathlib import Path",
        f"part_of(Path({str(tmp_path / 'pairs-0.u8')!r})).touch()",
    ]
    subprocess.run([sys.executable, "-c", "; ".join(words)], check=True)
    own = part_of(tmp_path / "pairs-1.u8")
    own.touch()
    assert len(list(tmp_path.iterdir())) == 2
    decode_pairs(read_scenes(write_scenes(tmp_path / "scenes")).pairs, NATIVE, tmp_path / "p.u8", quiet=True)
    assert {path.name for path in tmp_path.iterdir()} == {own.name, "scenes", "p.u8", "p.json"}


@given(
    scenes=st.lists(st.integers(0, 4), min_size=1, max_size=30),
    crops=st.integers(0, 3),
    size=st.integers(2, 12),
    same_scene=st.integers(1, 4),
    seed=st.integers(0, 5),
    processes=st.integers(1, 3),
)
def test_an_epoch_shows_everything_alike(
    scenes: list[int], crops: int, size: int, same_scene: int, seed: int, processes: int
) -> None:
    scene, size = np.array(scenes), size * processes
    batches, again = (
        pair_batches(scene, crops=crops, size=size, same_scene=same_scene, seed=(seed, 1), processes=processes)
        for _ in range(2)
    )
    assert all(np.array_equal(one, other) for one, other in zip(batches, again, strict=True))
    rows = np.concatenate(batches)
    total = len(scenes) * max(crops, 1)
    assert {len(batch) for batch in batches} == {min(size, total // processes * processes)}
    assert len(batches) == max(1, total // size)
    assert np.bincount(rows, minlength=len(scenes)).max() <= max(crops, 1)


def test_pairs_of_a_scene_stand_together() -> None:
    scene = np.repeat(np.arange(6), 4)
    for batch in pair_batches(scene, crops=2, size=8, same_scene=4, seed=(0, 1)):
        groups = scene[batch].reshape(2, 4)
        assert (groups == groups[:, :1]).all()
    loose = np.concatenate(pair_batches(scene, crops=2, size=8, same_scene=1, seed=(0, 1)))
    assert (np.diff(scene[loose]) == 0).mean() < 0.5


def test_windows_lie_inside_and_near_each_other(store: PairStore) -> None:
    rows = np.arange(300) % len(store)
    windows = draw_windows(store, rows, (32, 16), 3, np.random.default_rng(0))
    distance = np.array([[s.top - o.top, s.left - o.left] for o, s in zip(windows.optical, windows.sar, strict=True)])
    assert abs(distance).max() == 3
    assert all(box.inside(96, 96) for box in (*windows.optical, *windows.sar))
    assert {box.top for box in windows.optical} == set(range(65))
    exact = draw_windows(store, rows, (96, 96), 3, np.random.default_rng(0))
    assert set(exact.optical) == set(exact.sar) == {Box(0, 0, 96, 96)}


def test_the_same_place_is_the_same_id_and_overlapping_windows() -> None:
    place = np.array([7, 7, 7, 3])
    boxes = [Box(0, 0, 10, 10), Box(4, 0, 10, 10), Box(6, 0, 10, 10), Box(0, 0, 10, 10)]
    found = same_place(place, Windows(optical=boxes, sar=boxes))
    expected = np.eye(4, dtype=bool)
    expected[0, 1] = expected[1, 0] = expected[1, 2] = expected[2, 1] = True
    assert np.array_equal(found, expected)
    whole = [Box(0, 0, 10, 10)] * 4
    assert np.array_equal(same_place(place, Windows(optical=whole, sar=whole)), place[:, None] == place)
