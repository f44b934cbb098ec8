"""Promise: a known shift is found and trusted; where nothing fits, the confidence says so."""

import itertools

import numpy as np
import pytest

from crosswake.core.boxes import Box
from crosswake.data.check.registration import CONFIDENT, Offset, find_offset
from crosswake.data.pairs import cut_pair
from crosswake.data.pixels import Pixels, read_pair
from crosswake.data.sources.scenes import read_scenes
from tests.golden import real_data


def fields(seed: int, side: int) -> tuple[Pixels, Pixels]:
    """Fields seen by both sensors, each with brightnesses of its own, the radar with 3-look
    speckle."""
    random = np.random.default_rng(seed)
    parcel = np.zeros((side, side), int)
    for number in range(1, 60):
        top, left = random.integers(-20, side, 2)
        parcel[
            max(top, 0) : top + random.integers(15, 60),
            max(left, 0) : left + random.integers(15, 60),
        ] = number
    optical = random.integers(20, 255, 60)[parcel]
    radar = random.gamma(2, 50, 60)[parcel] * random.gamma(3, 1 / 3, (side, side))
    return np.stack([optical] * 3, axis=2).astype(np.uint8), radar.astype(np.float32)


def test_synthetic_shifts_are_found() -> None:
    random = np.random.default_rng(0)
    sure = 0
    for seed in range(40):
        optical, radar = fields(seed, 256)
        rows, columns = random.integers(-24, 25, 2)
        seen = radar[32 - rows : 224 - rows, 32 - columns : 224 - columns]
        offset = find_offset(optical[32:224, 32:224], seen)
        if offset.confidence >= CONFIDENT:
            sure += 1
            assert abs(offset.rows - rows) <= 1
            assert abs(offset.columns - columns) <= 1
    assert sure >= 32


def test_oblong_windows() -> None:
    optical, radar = fields(1, 300)
    offset = find_offset(optical[20:200, 40:140], radar[15:195, 43:143])
    assert abs(offset.rows - 5) <= 1
    assert abs(offset.columns + 3) <= 1


def test_unrelated_images_are_seldom_trusted() -> None:
    ratios = [
        find_offset(fields(seed, 256)[0], fields(seed + 100, 256)[1]).confidence
        for seed in range(20)
    ]
    assert np.median(ratios) < 1.2
    assert sum(ratio >= CONFIDENT for ratio in ratios) <= 4


def test_unrelated_real_scenes_are_not_trusted() -> None:
    pairs = read_scenes(real_data("s1s2_scenes")).pairs
    images = [read_pair(cut_pair(pair, [Box(300, 300, 400, 400)])[0]) for pair in pairs[::2]]
    ratios = [find_offset(one[0], other[1]).confidence for one, other in itertools.pairwise(images)]
    assert max(ratios) < CONFIDENT


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [2, 8, 17])
def test_blank_and_tiny_images_have_no_offset(side: int) -> None:
    blank = np.zeros((side, side))
    offset = find_offset(blank.astype(np.uint8), blank)
    assert offset.confidence < CONFIDENT
    assert not offset.beyond(0)
    find_offset(*(image[:side, :side] for image in fields(0, 64)))


def test_small_windows_are_not_trusted() -> None:
    optical, radar = fields(3, 256)
    assert find_offset(optical[:192, :192], radar[:192, :192]).confidence > CONFIDENT
    assert find_offset(optical[:192, :191], radar[:192, :191]).confidence == 0


def test_beyond_needs_confidence() -> None:
    far = {"rows": 3, "columns": -4}
    assert Offset(**far, confidence=CONFIDENT).distance == 5
    assert Offset(**far, confidence=CONFIDENT).beyond(4.9)
    assert not Offset(**far, confidence=CONFIDENT).beyond(5)
    assert not Offset(**far, confidence=CONFIDENT - 0.01).beyond(0)


def test_a_shift_of_real_scenes_adds_to_their_own() -> None:
    scenes = {pair.scene[-3:]: pair for pair in read_scenes(real_data("s1s2_scenes")).pairs}
    for name in ("063", "073", "156"):
        optical, radar = read_pair(cut_pair(scenes[name], [Box(128, 128, 768, 768)])[0])
        own = find_offset(optical[64:576, 64:576], radar[64:576, 64:576])
        moved = find_offset(optical[64:576, 64:576], radar[76:588, 44:556])
        assert own.distance < 8
        assert abs(moved.rows - own.rows + 12) <= 1
        assert abs(moved.columns - own.columns - 20) <= 1
        assert min(own.confidence, moved.confidence) >= CONFIDENT
