import torch

from crosswake.embedding.throughput import Throughput, chip_operations, measure_throughput
from crosswake.exporting.agreement import generated
from crosswake.models.embedder import Embedder
from tests.tiny_models import tiny_model


def test_operations_are_those_of_the_paper_s_layers() -> None:
    embedder = Embedder(tiny_model(), device=torch.device("cpu"))
    patches, width, depth = 8, 64, 2
    tokens = patches + 2  # class and size
    block = 24 * tokens * width**2 + 4 * tokens**2 * width
    last = 4 * tokens * width**2 + 20 * width**2 + 4 * tokens * width
    ends = 2 * patches * 768 * width + 2 * 3 * width
    assert chip_operations(embedder, generated((64, 32), 2)) == (depth - 1) * block + last + ends


def test_shares_are_operations_over_the_rate() -> None:
    found = Throughput(
        chips_per_second=(2.0, 4.0, 3.0), matrix_rate=(100.0, 100.0, 50.0), chip_operations=10.0
    )
    assert found.shares == (0.2, 0.4, 0.6)
    assert found.share == 0.4


def test_every_repeat_is_measured() -> None:
    embedder = Embedder(tiny_model(), device=torch.device("cpu"))
    found = measure_throughput(embedder, generated((64, 32), 3), batch_size=2, repeats=2, side=16)
    assert len(found.shares) == 2
    assert min(found.chips_per_second) > 0
    assert min(found.matrix_rate) > 0
