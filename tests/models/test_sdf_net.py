"""Promise: the published SDF-Net comes out, and its two losses are their definitions."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.models.build import build_model
from crosswake.models.checkpoints import load_into
from crosswake.models.embedder import load_torch
from crosswake.models.methods.sdf_net import (
    SdfNet,
    orthogonality,
    structure_consistency,
    structure_descriptor,
)
from crosswake.models.methods.transoss import TransOSS
from crosswake.models.shapes import infer_config
from crosswake.models.weight_files import read_weights
from crosswake.settings.model import ModelConfig
from crosswake.settings.train import LossConfig, TrainConfig
from crosswake.tasks.reid.learner import ReidLearner
from tests.golden import golden, golden_tensors

TINY = ModelConfig(
    method="sdf_net", feature="neck", image_size=(64, 32), width=48, depth=4, heads=4
)


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)


def golden_model() -> SdfNet:
    settings = json.loads(golden("sdfnet_tiny.json").read_text())
    assert (settings["embed_dim"], settings["depth"], settings["num_heads"]) == (48, 4, 4)
    model = build_model(TINY).eval()
    assert isinstance(model, SdfNet)
    report = load_into(model, read_weights(golden("sdfnet_tiny.pth")))
    assert report.left_out == ("base.fc.bias", "base.fc.weight")
    assert report.missing == ("logit_scale",)
    assert report.resized == ()
    return model


@torch.no_grad()
def test_the_reference_model_comes_out() -> None:
    model, known = golden_model(), golden_tensors("sdfnet_tiny_io.npz")
    labels, modality = known["labels"], known["modality"]
    rows = model(known["image"], modality, known["size"])
    for name, part in zip(("shared", "specific", "structure"), model.parts(rows), strict=True):
        assert_close(part, known[name])
    assert_close(model.raw_feature(rows), known["fused"])
    assert_close(model.retrieval_feature(rows), known["fused_bn"])
    found = model.own_losses(rows, labels, modality)
    assert_close(found["orthogonality"], known["orthogonality"])
    assert_close(found["structure"], known["structure_consistency"])


@torch.no_grad()
def test_a_published_file_is_recognised_and_ranks_after_its_batchnorm() -> None:
    path = golden("sdfnet_tiny.pth")
    config = infer_config(read_weights(path))
    assert (config.method, config.feature, config.image_size) == ("sdf_net", "neck", (64, 32))
    embedder = load_torch(path, device="cpu", model=TINY)
    known = golden_tensors("sdfnet_tiny_io.npz")
    found = embedder.model.embedding(known["image"], known["modality"], known["size"])
    assert_close(found, known["fused_bn"])
    assert embedder.width == 48


@torch.no_grad()
def test_it_starts_from_a_transoss() -> None:
    """Its specific tokens start at their own values, and at the position of the shared one."""
    source = TransOSS(ModelConfig(image_size=(64, 32), width=48, depth=4, heads=4))
    state = source.state_dict()
    state["base.pos_embed"] = torch.randn(1, 9, 48)
    path = golden("sdfnet_tiny.pth")
    weights = type(read_weights(path))(path=path, state=state, meta={})
    model = build_model(TINY)
    report = load_into(model, weights)
    assert report.resized == ("base.pos_embed (4 x 2 to 4 x 2, 1 leading positions to 2)",)
    positions, given = model.state_dict()["base.pos_embed"], state["base.pos_embed"]
    assert_close(positions[:, 1:], given)
    assert_close(positions[:, 0], given[:, 0])
    assert {"base.cls_token_spe_rgb", "base.cls_token_spe_sar"} <= set(report.missing)


@given(seed=st.integers(0, 10_000))
def test_structure_consistency_is_its_definition(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    rows = torch.randn(12, 5, generator=random)
    labels, modality = (torch.randint(0, n, (12,), generator=random) for n in (4, 2))
    terms = []
    for label in range(4):
        parts = [rows[(labels == label) & (modality == kind)] for kind in (0, 1)]
        if all(len(part) for part in parts):
            terms.append(((parts[0].mean(0) - parts[1].mean(0)) ** 2).mean().item())
    expected = sum(terms) / len(terms) if terms else 0.0
    found = structure_consistency(rows, labels, modality)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_orthogonality_counts_opposite_directions_too() -> None:
    one = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    other = torch.tensor([[2.0, 0.0], [-3.0, 0.0], [0.0, 1.0]])
    assert orthogonality(one, other).item() == pytest.approx(2 / 3)


def test_the_descriptor_sees_changes_in_both_directions_only() -> None:
    flat = torch.ones(1, 8, 3)
    assert_close(structure_descriptor(flat, (4, 2)), torch.zeros(1, 3))
    maps = torch.zeros(1, 4, 2, 3)
    maps[0, 1::2, :, 0] = 1.0  # changes from row to row
    maps[0, :, 1, 1] = 1.0  # changes from column to column
    found = structure_descriptor(maps.flatten(1, 2), (4, 2))
    assert found[0, 0] == found[0, 1] > found[0, 2]
    assert structure_descriptor(torch.randn(2, 3, 4), (3, 1)).isfinite().all()


def test_its_losses_are_weighed_by_the_settings() -> None:
    torch.manual_seed(0)
    model = build_model(TINY, identities=2)
    rows, labels = torch.randn(8, 144), torch.arange(8) // 4
    modality = torch.arange(8) % 2
    losses = {}
    for structure in (0.0, 2.0):
        learner = ReidLearner(model, LossConfig(structure=structure), lambda rows: rows)
        losses[structure] = learner.losses(rows, labels, modality)
    assert "structure" not in losses[0.0]
    difference = losses[2.0]["loss"] - losses[0.0]["loss"]
    torch.testing.assert_close(difference, 2.0 * losses[2.0]["structure"], rtol=1e-4, atol=1e-5)
    with pytest.raises(CrosswakeError, match=r"--loss\.structure: only --model\.method sdf_net"):
        TrainConfig(loss=LossConfig(structure=2.0))


def test_the_neck_counts_a_batch_once_and_its_bias_stays_zero() -> None:
    for config in (TINY, ModelConfig(image_size=(64, 32), width=48, depth=1, heads=4)):
        model = build_model(config, identities=2).train()
        rows = model(torch.randn(4, 3, 64, 32), torch.tensor([0, 1, 0, 1]), torch.zeros(4, 3))
        model.outputs(rows)
        neck = model.get_submodule(model.neck_name)
        assert neck.num_batches_tracked == 1
        assert isinstance(neck.bias, Tensor)
        assert not neck.bias.requires_grad
