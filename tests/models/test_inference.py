"""Promise: the short pass gives what the training pass gives, for any mix of modalities and any
shape of model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import crosswake
from crosswake import Chip, Modality
from crosswake.batches.prepare import normalise
from crosswake.data.chips import Reading
from crosswake.models.model import InferenceModel
from tests.data.making import write_image
from tests.tiny_models import tiny_model, tiny_weights, vit_of

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


def test_a_model_reads_the_band_it_learnt_from(tmp_path: Path) -> None:
    weights = tiny_weights(tmp_path / "vh.pth", sar_band=2)
    random = np.random.default_rng(0)
    bands = random.gamma(2.0, 1.0, (2, 40, 20)).astype(np.float32)
    write_image(tmp_path / "two_SAR.tif", bands)
    for number in (1, 2):
        write_image(tmp_path / f"band{number}_SAR.tif", bands[number - 1 : number])
    model = crosswake.load(weights, device="cpu")
    first, second = (model.embed(tmp_path / f"band{number}_SAR.tif") for number in (1, 2))
    np.testing.assert_array_equal(model.embed(tmp_path / "two_SAR.tif"), second)
    chip = Chip(path=tmp_path / "two_SAR.tif", modality=Modality.SAR, reading=Reading(sar_band=1))
    np.testing.assert_array_equal(model.embed(chip), first)
