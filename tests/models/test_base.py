"""Promise: whatever runs the model, chips go in once and embeddings come out in their order."""

from pathlib import Path

import numpy as np
import pytest

from crosswake.batches.decode import in_batches
from crosswake.data.chips import UnreadableChipError
from crosswake.data.sources.hoss import read_hoss
from tests.tasks.fakes import FakeEmbedder
from tests.tiny import tiny_hoss


def test_batches_are_those_of_embed(tmp_path: Path) -> None:
    chips = read_hoss(tiny_hoss(tmp_path, train=3)).train
    embedder = FakeEmbedder()
    whole = embedder.embed(chips)
    assert whole.shape == (12, 16)
    assert embedder.embed(()).shape == (0, 16)
    chips[4].path.write_bytes(b"")
    chips[5].path.write_bytes(b"")
    batches = enumerate(chips[start : start + 2] for start in range(0, 12, 2))
    found = list(embedder.embed_batches(batches, look=lambda chip, pixels: pixels.shape))
    assert [label for label, _ in found] == list(range(6))
    assert [len(batch.chips) for _, batch in found] == [2, 2, 0, 2, 2, 2]
    assert [bad.path for bad in found[2][1].bad_files] == [chip.path for chip in chips[4:6]]
    good = [chip for _, batch in found for chip in batch.chips]
    features = np.concatenate([batch.features for _, batch in found])
    assert good == [*chips[:4], *chips[6:]]
    np.testing.assert_array_equal(features, np.delete(whole, [4, 5], axis=0))
    for _, batch in found:
        assert len(batch.seen) == len(batch.size) == len(batch.chips)
        assert min(batch.waited, batch.embedding) >= 0
    with pytest.raises(UnreadableChipError, match=chips[4].path.name):
        list(embedder.embed_batches(in_batches(chips, 3), strict=True))
    with pytest.raises(UnreadableChipError, match=chips[4].path.name):
        embedder.embed(chips)
