"""Promise: operations counted by hand are those that PyTorch counts."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flops import embedding_flops, forward_flops, step_flops
from crosswake.exporting.agreement import generated
from crosswake.models.embedder import Embedder
from crosswake.models.methods.transoss import TransOSS
from crosswake.settings.model import ModelConfig
from tests.tiny_models import tiny_model

SMALL = ModelConfig(image_size=(64, 32), width=64, depth=2, heads=2)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sse": False},
        {"stem": "conv"},
        {"pooling": "grid"},
        {"stem": "conv", "patch_size": 8, "stride": 8},
    ],
    ids=str,
)
def test_forward_operations(changes: dict[str, Any]) -> None:
    config = replace(SMALL, **changes)
    model = TransOSS(config, identities=5)
    assert model.classifier is not None
    chips, both = 4, torch.tensor([0, 1, 0, 1])
    images, size = torch.zeros(chips, 3, *config.image_size), torch.zeros(chips, 3)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.classifier(model.neck(model(images, both, size)))
    assert chips * forward_flops(config, 5) == counter.get_total_flops()


def test_the_published_step() -> None:
    """The figures of docs/performance.md."""
    config = ModelConfig()
    assert forward_flops(config) == pytest.approx(22.86e9, rel=1e-3)
    assert step_flops(config, 32) == pytest.approx(2.195e12, rel=1e-3)
    assert step_flops(config, 200 * 1063) == pytest.approx(14.58e15, rel=1e-3)


def test_embedding_takes_the_operations_of_its_layers() -> None:
    """The last block follows the class token alone."""
    embedder = Embedder(tiny_model(), device=torch.device("cpu"))
    patches, width, depth = 8, 64, 2
    tokens = patches + 2  # class and size
    block = 24 * tokens * width**2 + 4 * tokens**2 * width
    last = 4 * tokens * width**2 + 20 * width**2 + 4 * tokens * width
    ends = 2 * patches * 768 * width + 2 * 3 * width
    assert embedding_flops(embedder, generated((64, 32), 2)) == (depth - 1) * block + last + ends
