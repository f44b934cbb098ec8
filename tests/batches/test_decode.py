"""Promise: items come out in order, read once, ahead of the user; bad ones say why."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from crosswake.batches.decode import decode_ahead, in_batches, raise_first
from crosswake.batches.prepare import ChipDecoding
from crosswake.batches.stores import decode, stream
from crosswake.data.chips import UnreadableChipError
from crosswake.data.reid import BadFile
from crosswake.data.sources.hoss import read_hoss
from tests.tiny import tiny_hoss

SMALL = ChipDecoding(size=(32, 16))


def test_results_are_in_order_and_bad_files_stay_in_their_place() -> None:
    read: list[int] = []

    def double(number: int) -> int:
        read.append(number)
        if number % 3 == 1:
            raise UnreadableChipError(Path(f"{number}.tif"), "odd")
        return 2 * number

    batches = [("a", [0, 1, 2]), ("b", []), ("c", [3, 4])]
    found = list(decode_ahead(batches, double))
    bad = [BadFile(path=Path(f"{number}.tif"), reason="odd") for number in (1, 4)]
    assert found == [("a", [(0, 0), (1, bad[0]), (2, 4)]), ("b", []), ("c", [(3, 6), (4, bad[1])])]
    assert sorted(read) == [0, 1, 2, 3, 4]
    with pytest.raises(UnreadableChipError, match=r"1\.tif: odd"):
        raise_first(bad)
    raise_first(())


def test_it_is_ahead_by_so_many_batches_and_no_more() -> None:
    drawn: list[int] = []

    def batches() -> Iterator[tuple[int, list[str]]]:
        for index in range(12):
            drawn.append(index)
            yield index, ["one", "two"]

    running = decode_ahead(batches(), len, ahead=3)
    for index in range(5):
        label, results = next(running)
        assert (label, results) == (index, [("one", 3), ("two", 3)])
        assert len(drawn) == index + 4
    running.close()
    assert len(drawn) == 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_a_failure_of_another_kind_is_not_swallowed() -> None:
    def fail(_: int) -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        list(decode_ahead(in_batches(range(9), 5), fail))


def test_batches_of_chips_equal_those_decoded_at_once(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train
    stores = [store for _, store in stream(in_batches(chips, 5), SMALL)]
    assert [len(store) for store in stores] == [5, 5, 5, 5, 4]
    whole = decode(chips, (32, 16), quiet=True)
    assert tuple(chip for store in stores for chip in store.chips) == whole.chips
    for name in ("pictures", "modality", "size"):
        assert torch.equal(
            torch.cat([getattr(store, name) for store in stores]), getattr(whole, name)
        ), name


def test_bad_chips_stay_with_their_batch(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path)).train
    for chip in chips[4:6]:
        chip.path.write_bytes(b"no image")
    how = ChipDecoding(size=(32, 16), look=lambda chip, pixels: (chip.path, pixels.shape[0]))
    stores = [store for _, store in stream(in_batches(chips[:8], 2), how)]
    assert [len(store) for store in stores] == [2, 2, 0, 2]
    assert [bad.path for bad in stores[2].bad_files] == [chips[4].path, chips[5].path]
    assert stores[2].pictures.shape == (0, 3, 32, 16)
    assert [path for path, _ in stores[3].seen] == [chip.path for chip in chips[6:8]]
    assert stores[2].seen == ()
    assert all(60 <= height < 68 for store in stores for _, height in store.seen)
    with pytest.raises(UnreadableChipError, match=chips[4].path.name):
        list(stream(in_batches(chips, 4), SMALL, strict=True))
