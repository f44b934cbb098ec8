"""Promise: the short pass gives what the training pass gives, for any mix of modalities and any
shape of model."""

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from crosswake.batches.prepare import normalise
from crosswake.models.model import InferenceModel
from tests.tiny_models import tiny_model, vit_of

SHAPES: list[dict[str, Any]] = [
    {},
    {"mie": False, "sse": False},
    {"feature": "neck"},
    {"stride": 12},
    {"stem": "conv"},
    {"depth": 1},
    {"pooling": "grid"},
    {"pooling": "grid", "sse": False, "depth": 1},
]


@pytest.mark.parametrize("changes", SHAPES, ids=str)
@pytest.mark.parametrize("modality", [[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
@torch.no_grad()
def test_equals_the_training_pass(changes: dict[str, Any], modality: list[int]) -> None:
    model = tiny_model(**changes)
    pictures = torch.randint(0, 256, (4, 3, 64, 32), dtype=torch.uint8)
    kinds, size = torch.tensor(modality), torch.randn(4, 3)
    model.base.train()  # nothing in it is random by itself
    expected = F.normalize(model.embedding(normalise(pictures), kinds, size))
    model.base.eval()
    found = InferenceModel(model)(pictures, kinds, size)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=2e-6)


@torch.no_grad()
def test_only_the_patch_embedding_of_a_batch_of_one_modality_runs() -> None:
    model = tiny_model()
    base = vit_of(model)
    seen: list[tuple[str, int]] = []
    for name, module in (("optical", base.patch_embed), ("sar", base.patch_embed_SAR)):
        module.register_forward_hook(
            lambda _, inputs, output, name=name: seen.append((name, len(inputs[0])))
        )
    pictures, size = torch.zeros(3, 3, 64, 32, dtype=torch.uint8), torch.zeros(3, 3)
    InferenceModel(model)(pictures, torch.tensor([1, 1, 1]), size)
    InferenceModel(model)(pictures, torch.tensor([0, 1, 0]), size)
    assert seen == [("sar", 3), ("optical", 2), ("sar", 1)]
