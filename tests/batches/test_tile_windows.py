"""Promise: a window of a tile shows the same place in images, footprints and heights, whatever is
drawn; and what is not known is not taught."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.batches.tile_decode import FILLED_UP, decode_tile
from crosswake.batches.tile_store import TileStore, decode_tiles
from crosswake.batches.tile_windows import SLIVER, TileCutter, draw_windows_of_tiles
from crosswake.core.errors import CrosswakeError
from crosswake.data.tiles import Tile
from crosswake.settings.buildings_train import TileAugmentConfig
from tests.batches.tile_files import small_tile, write_tif

QUIET = TileAugmentConfig(contrast=0, colour=0, grey=0, speckle=0, gain=0)
STILL = replace(QUIET, flip=0, turn=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    folder = tmp_path_factory.mktemp("tiles")
    tiles = tuple(small_tile(folder, f"SV_Rome_1_{seed}", seed=seed) for seed in range(3))
    return decode_tiles(tiles, folder / "tiles-1.u8", quiet=True)


def cut(
    store: TileStore, augment: TileAugmentConfig, side: int = 0, seed: int = 0
) -> tuple[TileBatch, TileTargets]:
    cutter = TileCutter(store=store, side=side, augment=augment, modalities="both", masks=True)
    plan = draw_windows_of_tiles(3, augment, np.random.default_rng(seed))
    return cutter.cut([0, 1, 2], plan)


def test_a_whole_tile_comes_as_it_is(store: TileStore) -> None:
    batch, targets = cut(store, STILL)
    tile = store[1]
    assert batch.optical.shape == (3, 3, 64, 64)  # 48, filled up to a multiple of 32
    assert np.allclose(batch.optical[1, :, :48, :48], tile.optical / np.float32(255))
    assert np.allclose(batch.sar[1, 0, :48, :40], tile.sar[:, :40].astype(np.float32))
    assert batch.valid[1].sum() == 48 * 40
    assert (batch.sar[1, 0][~batch.valid[1]] == 0).all()
    assert targets.ids[1].max() == 3
    known = torch.isfinite(targets.height[1])
    assert not known[~batch.valid[1]].any()
    for number, label in enumerate(targets.labels[1], 1):
        own = targets.ids[1] == number
        assert label == 1
        assert torch.equal(targets.masks[1][number - 1].bool(), own)
        rows, columns = torch.nonzero(own, as_tuple=True)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert targets.boxes[1][number - 1].tolist() == [float(one) for one in box]
        heights = targets.height[1][own]
        if targets.covers[1][number - 1] == 0:
            assert heights.isnan().all()
        else:
            assert len(heights.unique()) == 1
    assert sorted(targets.covers[1].tolist()) == [0, 1, 1]
    assert sorted(targets.height[1][known].unique().tolist()) == [0, 4, 8]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), side=st.sampled_from([32, 0]))
def test_images_and_targets_move_alike(store: TileStore, seed: int, side: int) -> None:
    """Every pixel of a window is found again in its tile, with the building and height it had."""
    batch, targets = cut(store, QUIET, side, seed)
    for place in range(3):
        tile = store[place]
        where = {tuple(colour): spot for spot, colour in colours_of(tile.optical)}
        values = (batch.optical[place] * 255).round().byte().permute(1, 2, 0).numpy()
        for row, column in np.argwhere(batch.valid[place].numpy())[::37]:
            spot = where[tuple(values[row, column])]
            assert batch.sar[place, 0, row, column] == float(tile.sar[spot])
            number, truth = int(targets.ids[place, row, column]), int(tile.footprints[spot])
            assert (number > 0) == (truth > 0) or number == -1
            metres = float(targets.height[place, row, column])
            if truth > 0 and tile.covers[truth - 1] == 0:
                assert np.isnan(metres)
            else:
                assert metres == pytest.approx(tile.centimetres[spot] / 100)


def colours_of(optical: np.ndarray) -> list[tuple[tuple[int, int], np.ndarray]]:
    return [((r, c), optical[:, r, c]) for r in range(48) for c in range(40)]


def test_a_sliver_at_the_border_is_ignored(store: TileStore) -> None:
    cutter = TileCutter(store=store, side=32, augment=STILL, modalities="both", masks=True)
    plan = draw_windows_of_tiles(1, STILL, np.random.default_rng(0))
    # Columns 13 to 45: one column of the building at 2 to 14 is left, 10 pixels.
    _, targets = cutter.cut([0], replace(plan, corner=np.array([[0.0, 13.5 / 17]])))
    pixels = [int((targets.ids[0] == n + 1).sum()) for n in range(len(targets.labels[0]))]
    assert sorted(pixels) == [14, 200]
    assert min(pixels) >= SLIVER
    assert (targets.ids[0, 3:13, 0] == -1).all()
    assert len(targets.masks[0]) == len(targets.boxes[0]) == len(pixels)


def test_withheld_images_are_zero_and_said(store: TileStore) -> None:
    augment = replace(QUIET, drop_optical=0.5, drop_sar=0.5)
    seen = set()
    for seed in range(8):
        batch, _ = cut(store, augment, 0, seed)
        for place in range(3):
            optical, sar = batch.present[place].tolist()
            seen.add((optical, sar))
            assert bool(batch.optical[place].any()) == optical
            assert bool(batch.sar[place].any()) == sar
    assert seen == {(True, False), (False, True)}


def test_noise_of_a_window_does_not_depend_on_the_share(store: TileStore) -> None:
    """So several processes learn from what one would."""
    augment = TileAugmentConfig()
    cutter = TileCutter(store=store, side=32, augment=augment, modalities="both")
    plan = draw_windows_of_tiles(3, augment, np.random.default_rng(5))
    whole, _ = cutter.cut([0, 1, 2], plan)
    part, _ = cutter.cut([2], plan.rows(slice(2, 3)))
    assert torch.equal(whole.optical[2:], part.optical)
    assert torch.equal(whole.sar[2:], part.sar)


def test_a_store_is_found_again_and_damage_is_said(tmp_path: Path) -> None:
    tiles = (small_tile(tmp_path),)
    path = tmp_path / "tiles-2.u8"
    first = decode_tiles(tiles, path, quiet=True)
    stamp = path.stat().st_mtime_ns
    again = decode_tiles(tiles, path, quiet=True)
    assert path.stat().st_mtime_ns == stamp
    assert first.digest == again.digest
    assert first.heightless == (1, 3, 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CrosswakeError, match="decoded tiles that cannot be used"):
        decode_tiles(tiles, path, quiet=True)


def test_bad_tiles_are_listed(tmp_path: Path) -> None:
    good, bad = small_tile(tmp_path), small_tile(tmp_path, "SV_Rome_1_9", seed=9)
    assert bad.sar is not None
    write_tif(bad.sar, np.ones((1, 7, 7), np.float32))
    store = decode_tiles((bad, good), tmp_path / "tiles-3.u8", quiet=True)
    assert [tile.stem for tile in store.tiles] == [good.stem]
    assert "another size" in store.bad_files[0].reason
    with pytest.raises(CrosswakeError, match="another size"):
        decode_tiles((bad, good), tmp_path / "tiles-4.u8", strict=True, quiet=True)


def test_decoding_masks_padding_and_keeps_the_smaller_on_top(tmp_path: Path) -> None:
    tile = small_tile(tmp_path)
    assert tile.buildings is not None
    on_top = replace(tile.buildings[0], id=9, outline=[[22, 8, 26, 8, 26, 12, 22, 12]], category=1)
    nothing = replace(tile.buildings[0], id=10, outline=[[1.2, 1.2, 1.3, 1.2, 1.3, 1.3]])
    found = decode_tile(replace(tile, buildings=(*tile.buildings, on_top, nothing)))
    assert (found.footprints[:, -8:] == FILLED_UP).all()
    assert found.footprints[10, 24] != found.footprints[20, 24] != 0
    assert found.lost in (0, 1)  # a speck may hold a pixel, by pycocotools' rule
    assert isinstance(tile, Tile)
