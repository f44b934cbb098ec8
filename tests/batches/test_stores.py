from pathlib import Path

import numpy as np
import pytest
import torch

from crosswake.batches.prepare import ChipDecoding
from crosswake.batches.stores import ChipStore, decode
from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import Chip, Modality, UnreadableChipError
from crosswake.data.sources.hoss import read_hoss
from tests.tiny import tiny_hoss


def test_rows_keep_the_order_and_equal_single_chips(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train
    store = decode(chips, (32, 16), quiet=True)
    assert store.chips == chips
    assert store.pictures.shape == (len(chips), 3, 32, 16)
    for index in (0, 7, len(chips) - 1):
        picture, size, _ = ChipDecoding(size=(32, 16)).read(chips[index])
        assert torch.equal(store.pictures[index], torch.from_numpy(picture))
        np.testing.assert_allclose(store.size[index], size, rtol=1e-6)
        assert store.modality[index] == chips[index].modality


def test_bad_files_are_listed_and_left_out(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train
    chips[3].path.write_bytes(b"")
    store = decode(chips, (32, 16), quiet=True)
    assert [file.path for file in store.bad_files] == [chips[3].path]
    assert store.chips == chips[:3] + chips[4:]
    assert len(store.pictures) == len(store.size) == len(store.modality) == len(chips) - 1
    whole = decode(chips[4:], (32, 16), quiet=True)
    assert torch.equal(store.pictures[3:], whole.pictures)
    with pytest.raises(UnreadableChipError, match=chips[3].path.name):
        decode(chips, (32, 16), strict=True, quiet=True)


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train[:2]
    for chip in chips:
        chip.path.write_bytes(b"no image")
    with pytest.raises(CrosswakeError, match="none of 2 chips can be read"):
        decode(chips, (32, 16), quiet=True)
    assert len(decode((), (32, 16), quiet=True)) == 0


def test_taken_rows_are_copies_of_the_pictures() -> None:
    pictures = torch.randint(0, 256, (5, 3, 8, 4), dtype=torch.uint8)
    chips = tuple(Chip(path=Path(f"{row}.tif"), modality=Modality.SAR) for row in range(5))
    store = ChipStore(
        chips=chips, pictures=pictures, modality=torch.ones(5).long(), size=torch.zeros(5, 3)
    )
    index = torch.tensor([4, 0, 4])
    found = store.take(index)
    assert torch.equal(found, pictures[index])
    found.zero_()
    assert pictures[4].any()
