import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from crosswake.batches.store import decode
from crosswake.batches.stream import cut, stream
from crosswake.data.chips import Chip
from crosswake.data.sources.hoss import read_hoss
from tests.tiny import tiny_hoss


def test_batches_come_in_order_and_equal_those_decoded_at_once(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train
    stores = [store for _, store in stream(cut(chips, 5), (32, 16))]
    assert [len(store) for store in stores] == [5, 5, 5, 5, 4]
    whole = decode(chips, (32, 16), quiet=True)
    assert tuple(chip for store in stores for chip in store.chips) == whole.chips
    for name in ("pictures", "modality", "size"):
        assert torch.equal(
            torch.cat([getattr(store, name) for store in stores]), getattr(whole, name)
        ), name


def test_bad_files_stay_with_their_batch(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train
    for chip in chips[4:6]:
        chip.path.write_bytes(b"no image")
    stores = [store for _, store in stream(cut(chips[:8], 2), (32, 16))]
    assert [len(store) for store in stores] == [2, 2, 0, 2]
    assert [bad.path for bad in stores[2].bad_files] == [chips[4].path, chips[5].path]
    assert stores[2].pictures.shape == (0, 3, 32, 16)


def test_it_is_ahead_by_as_much_as_asked_and_no_more(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train
    drawn: list[int] = []

    def batches() -> Iterator[tuple[int, Sequence[Chip]]]:
        for index in range(12):
            drawn.append(index)
            yield index, chips[:2]

    running = stream(batches(), (32, 16), ahead=3)
    for index in range(5):
        label, _ = next(running)
        assert label == index
        assert len(drawn) == index + 4
    running.close()
    assert len(drawn) == 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_a_failure_of_another_kind_is_not_swallowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crosswake.batches import stream as module

    def fail(*_: object) -> None:
        raise MemoryError("no room")

    chips = read_hoss(tiny_hoss(tmp_path)).train
    monkeypatch.setattr(module, "prepare_chip", fail)
    with pytest.raises(MemoryError, match="no room"):
        list(stream(cut(chips, 5), (32, 16)))
