"""Promises of the store and the sampler of pairs."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from crosswake.batches.pair_file import decode_pairs
from crosswake.batches.prepare import ChipDecoding, PairDecoding
from crosswake.batches.samplers import Windows, draw_windows, pair_batches, same_place
from crosswake.batches.stores import PairStore, decode
from crosswake.core.boxes import Box
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import part_of
from crosswake.data.chips import Modality, UnreadableChipError
from crosswake.data.pair_chips import pair_chips
from crosswake.data.pairs import cut_pair
from crosswake.data.pixels import read_pair
from crosswake.data.radiometry import SarRadiometry, scaled
from crosswake.data.sources.scenes import read_scenes
from tests.data.making import write_image
from tests.data.pair_making import write_scenes

NATIVE = PairDecoding(size=(32, 16), whole=False, sar="log")


@pytest.fixture
def store(tmp_path: Path) -> PairStore:
    return decode_pairs(
        read_scenes(write_scenes(tmp_path / "scenes")).pairs, NATIVE, tmp_path / "p.u8", quiet=True
    )


def test_the_store_holds_what_the_files_do(store: PairStore) -> None:
    assert isinstance(store.pixels, np.memmap)
    for row, pair in enumerate(store.pairs):
        optical, radar = read_pair(pair)
        colours, band = store.images(row)
        assert np.array_equal(colours.transpose(1, 2, 0), optical)
        assert np.array_equal(band, radar)


def test_a_window_is_learnt_from_as_it_is_measured(tmp_path: Path) -> None:
    """One bright scatterer elsewhere in a float scene must not darken it."""
    root = write_scenes(tmp_path / "scenes")
    with rasterio.open(root / "sar" / "harbour.tif", "r+") as file:
        amplitude = file.read(1)
        amplitude[-1, -1] = 1e6 * amplitude.max()
        file.write(amplitude, 1)
    pairs = read_scenes(root).pairs
    boxes = [Box(3, 5, 32, 16), Box(0, 0, 32, 16), Box(64, 70, 32, 16)]
    methods: tuple[SarRadiometry, ...] = ("max", "percentile", "log")
    for sar in methods:
        store = decode_pairs(pairs, replace(NATIVE, sar=sar), tmp_path / f"{sar}.u8", quiet=True)
        known = ChipDecoding(size=NATIVE.size, sar=sar)
        shown = store.windows([0, 1, 2], boxes, boxes)
        windows = tuple(cut_pair(pair, [box])[0] for pair, box in zip(pairs, boxes, strict=True))
        for images, chips in zip(shown, pair_chips(windows), strict=True):
            for picture, chip in zip(images.numpy(), chips, strict=True):
                assert np.array_equal(picture, known.read(chip).picture)
                assert picture.max() > 60


def test_each_window_is_of_its_row_and_place(store: PairStore) -> None:
    boxes = [Box(3, 5, 32, 16), Box(0, 0, 32, 16), Box(64, 80, 32, 16)]
    optical, sar = store.windows([2, 0, 1], boxes, boxes[::-1])
    for place, row in enumerate((2, 0, 1)):
        colours, band = store.images(row)
        assert np.array_equal(
            optical[place].numpy(), scaled(boxes[place].of(colours), Modality.OPTICAL)
        )
        assert np.array_equal(
            sar[place, 1].numpy(), scaled(boxes[2 - place].of(band), Modality.SAR, "log")
        )


def test_whole_images_have_the_model_size(tmp_path: Path) -> None:
    pairs = read_scenes(write_scenes(tmp_path / "scenes")).pairs
    store = decode_pairs(pairs, replace(NATIVE, whole=True), tmp_path / "p.u8", quiet=True)
    assert {image.shape for row in range(len(store)) for image in store.images(row)} == {
        (3, 32, 16),
        (32, 16),
    }


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
    with pytest.raises(UnreadableChipError, match=r"002\.png"):
        decode_pairs(pairs, NATIVE, tmp_path / "p.u8", strict=True, quiet=True)


def test_images_that_hold_one_value_are_listed(tmp_path: Path) -> None:
    """No data, whether black or NaN; each band by itself, so that a plain colour is none either."""
    root = write_scenes(tmp_path / "scenes")
    plain = np.broadcast_to(np.array([10, 20, 30], np.uint8)[:, None, None], (3, 96, 96))
    write_image(root / "opt" / "001.png", plain, "PNG")
    write_image(root / "sar" / "harbour.tif", np.full((1, 96, 96), np.nan, np.float32))
    for whole in (True, False):
        how = replace(NATIVE, whole=whole)
        store = decode_pairs(read_scenes(root).pairs, how, tmp_path / f"{whole}.u8", quiet=True)
        assert [pair.scene for pair in store.pairs] == ["scenes/002"]
        found = [(bad.path.name, bad.reason) for bad in store.bad_files]
        assert found == [
            (name, "holds one value only; leave it out") for name in ("001.png", "harbour.tif")
        ]


@pytest.mark.parametrize("sar", ["max", "log", "percentile"])
def test_decibels_become_amplitudes_but_for_percentiles(tmp_path: Path, sar: SarRadiometry) -> None:
    root = write_scenes(tmp_path / "scenes")
    harbour = root / "sar" / "harbour.tif"
    with rasterio.open(harbour, "r+") as file:
        decibels = -20.0 - file.read(1) / 1e3
        file.write(decibels, 1)
    pairs = read_scenes(root).pairs
    store = decode_pairs(pairs, replace(NATIVE, sar=sar), tmp_path / "p.u8", quiet=True)
    chips = decode(pair_chips(pairs)[1], (32, 16), sar=sar, quiet=True)
    assert store.bad_files == chips.bad_files == ()
    assert chips.pictures[-1].max() > 150
    expected = decibels if sar == "percentile" else 10 ** (decibels / 20)
    np.testing.assert_allclose(store.images(len(store) - 1)[1], expected, rtol=1e-5)


ROW = [[0, 0, 96, 96, 1, 1], [1, 36864, 96, 96, 1, 1], [2, 73728, 96, 96, 1, 4]]
DAMAGED: dict[str, Any] = {
    "no table": [],
    "no list of bad files": {"rows": ROW},
    "no rows": {"rows": [], "bad": []},
    "narrow rows": {"rows": [row[:4] for row in ROW], "bad": []},
    "ragged rows": {"rows": [*ROW[:2], [2]], "bad": []},
    "text": {"rows": [["a", "b", "c", "d", "e", "f"]] * 3, "bad": []},
    "fractions": {"rows": [[0.5, *ROW[0][1:]], *ROW[1:]], "bad": []},
    "bad files without a reason": {"rows": ROW, "bad": ["x"]},
    "one pair twice": {"rows": [ROW[0], [0, *ROW[1][1:]], ROW[2]], "bad": []},
    "a pair that is not there": {"rows": [*ROW[:2], [3, *ROW[2][1:]]], "bad": []},
    "a pair too few": {"rows": ROW[:2], "bad": []},
    "starts exchanged": {
        "rows": [[0, 36864, 96, 96, 1, 1], [1, 0, 96, 96, 1, 1], ROW[2]],
        "bad": [],
    },
    "a start outside": {"rows": [[0, 10**9, 96, 96, 1, 1], *ROW[1:]], "bad": []},
    "negative heights": {"rows": [[0, 0, -96, -96, 1, 1], *ROW[1:]], "bad": []},
    "heights that wrap around": {"rows": [[0, 0, 2**32, 2**32, 1, 1], *ROW[1:]], "bad": []},
    "a height outside": {"rows": [*ROW[:2], [2, 73728, 97, 96, 1, 4]], "bad": []},
    "another depth": {"rows": [*ROW[:2], [2, 73728, 96, 96, 4, 1]], "bad": []},
    "no depth": {"rows": [*ROW[:2], [2, 73728, 96, 96, 0, 7]], "bad": []},
    "other shapes": {"rows": [[0, 0, 9216, 1, 1, 1], *ROW[1:]], "bad": []},
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_index_is_one_line(store: PairStore, tmp_path: Path, content: object) -> None:
    index = tmp_path / "p.json"
    assert json.loads(index.read_text()) == {"rows": ROW, "digest": store.digest, "bad": []}
    index.write_text(json.dumps(content | {"digest": ""} if isinstance(content, dict) else content))
    with pytest.raises(
        CrosswakeError,
        match=r"p\.u8: decoded pairs that cannot be used \(it.*; remove it and .*p\.json",
    ):
        decode_pairs(store.pairs, NATIVE, tmp_path / "p.u8", quiet=True)


def test_a_short_file_of_pixels_is_one_line(store: PairStore, tmp_path: Path) -> None:
    for content in (b"", b"short"):
        (tmp_path / "p.u8").unlink()
        (tmp_path / "p.u8").write_bytes(content)
        with pytest.raises(CrosswakeError, match="decoded pairs that cannot be used"):
            decode_pairs(store.pairs, NATIVE, tmp_path / "p.u8", quiet=True)


def test_what_a_killed_run_was_writing_is_removed_by_the_next(tmp_path: Path) -> None:
    words = [
        "from crosswake.core.files import part_of",
        "from pathlib import Path",
        f"part_of(Path({str(tmp_path / 'pairs-0.u8')!r})).touch()",
    ]
    subprocess.run([sys.executable, "-c", "; ".join(words)], check=True)
    own = part_of(tmp_path / "pairs-1.u8")
    own.touch()
    assert len(list(tmp_path.iterdir())) == 2
    decode_pairs(
        read_scenes(write_scenes(tmp_path / "scenes")).pairs, NATIVE, tmp_path / "p.u8", quiet=True
    )
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
        pair_batches(
            scene,
            crops=crops,
            size=size,
            same_scene=same_scene,
            seed=(seed, 1),
            processes=processes,
        )
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
    distance = np.array(
        [
            [s.top - o.top, s.left - o.left]
            for o, s in zip(windows.optical, windows.sar, strict=True)
        ]
    )
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
    assert np.array_equal(
        same_place(place, Windows(optical=whole, sar=whole)), place[:, None] == place
    )
