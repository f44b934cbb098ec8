import json
from typing import Any

import pytest
import torch
from torch import Tensor

from crosswake.batches.prepare import size_features
from crosswake.core.errors import CrosswakeError
from crosswake.models.backbones.vit import draw_drop_path
from crosswake.models.checkpoints import load_into
from crosswake.models.heads import GridPool
from crosswake.models.losses import symmetric_contrastive
from crosswake.models.methods.transoss import TransOSS
from crosswake.models.weight_files import read_weights
from crosswake.settings.model import ModelConfig
from tests.golden import golden, golden_tensors
from tests.tiny_models import vit_of

NAMES = ["transoss_tiny", "transoss_overlap", "transoss_plain", "transoss_pair"]


def assert_close(found: Tensor, expected: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(found, expected, rtol=0.0, atol=atol)


def golden_model(name: str) -> TransOSS:
    settings = json.loads(golden("transoss.json").read_text())[name]
    config = ModelConfig(
        image_size=tuple(settings["img_size"]),
        patch_size=settings["patch_size"],
        stride=settings["stride_size"][0],
        width=settings["embed_dim"],
        depth=settings["depth"],
        heads=settings["num_heads"],
        mie=settings["camera"] > 0,
        mie_scale=settings["mie_coe"],
        sse=settings["sse"],
    )
    model = TransOSS(config, settings["num_classes"]).eval()
    report = load_into(model, read_weights(golden(f"{name}.pth")))
    assert report.left_out == ("base.fc.bias", "base.fc.weight")
    assert report.missing == ()
    return model


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_reference_models_come_out(name: str) -> None:
    model, known = golden_model(name), golden_tensors(f"{name}_io.npz")
    image, modality, size = known["image"], known["modality"], known["size"]
    feature = model(image, modality, size)
    assert model.classifier is not None
    assert_close(feature, known["feature"])
    assert_close(model.neck(feature), known["feature_bn"])
    assert_close(model.classifier(model.neck(feature)), known["logits"])
    optical, sar = model(image, 0 * modality, size), model(image, 0 * modality + 1, size)
    assert_close(optical, known["feature_all_optical"])
    assert_close(sar, known["feature_all_sar"])
    logits = model.pair_logits(sar[3:], optical[:3])
    assert_close(logits, known["pair_logits"])
    assert_close(symmetric_contrastive(logits), known["pair_loss"])


@torch.no_grad()
def test_a_mixed_batch_equals_each_chip_alone() -> None:
    torch.manual_seed(0)
    model = TransOSS(ModelConfig(image_size=(48, 32), width=32, depth=2, heads=2)).eval()
    images, modality, size = (
        torch.randn(5, 3, 48, 32),
        torch.tensor([0, 1, 1, 0, 1]),
        torch.randn(5, 3),
    )
    together = model(images, modality, size)
    alone = torch.cat(
        [model(images[i : i + 1], modality[i : i + 1], size[i : i + 1]) for i in range(5)]
    )
    assert_close(together, alone)


def test_size_and_modality_matter_only_where_the_model_uses_them() -> None:
    images, modality = torch.randn(2, 3, 32, 32), torch.tensor([0, 1])
    for sse in (False, True):
        model = TransOSS(
            ModelConfig(image_size=(32, 32), width=32, depth=1, heads=2, sse=sse)
        ).eval()
        same = torch.equal(
            model(images, modality, torch.zeros(2, 3)), model(images, modality, torch.ones(2, 3))
        )
        assert same is not sse


@torch.no_grad()
def test_attention_maps_are_the_weights_that_attention_uses() -> None:
    torch.manual_seed(0)
    model = TransOSS(
        ModelConfig(image_size=(48, 32), width=32, depth=2, heads=1, sse=False, mie=False)
    ).eval()
    images, modality, size = torch.randn(3, 3, 48, 32), torch.tensor([0, 1, 0]), torch.zeros(3, 3)
    maps = vit_of(model).patch_weights(images, modality, size)
    assert maps.shape == (3, 3, 2)
    assert bool((maps > 0).all())
    blocks: Any = vit_of(model).blocks
    first, block = blocks
    tokens = block.norm1(first(vit_of(model).embed(images, modality, size)))
    value = block.attn.qkv(tokens)[..., 64:]
    weights = block.attn.class_attention(tokens)
    assert_close(weights[:, 1:].reshape(3, 3, 2), maps)
    assert_close(block.attn.proj(weights[:, None] @ value)[:, 0], block.attn(tokens)[:, 0])


def test_drop_path_rises_linearly_and_keeps_the_mean() -> None:
    factors = draw_drop_path(5, 20_000, 0.4, torch.Generator().manual_seed(0))
    assert factors.shape == (5, 2, 20_000)
    dropped = (factors == 0).float().mean(dim=(1, 2))
    assert_close(dropped, torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4]), atol=0.01)
    assert_close(factors.mean(dim=(1, 2)), torch.ones(5), atol=0.02)


def test_dropping_every_branch_leaves_the_tokens_alone() -> None:
    model = TransOSS(ModelConfig(image_size=(32, 32), width=32, depth=2, heads=2))
    tokens = torch.randn(2, 6, 32)
    for block in vit_of(model).blocks:
        assert torch.equal(block(tokens, torch.zeros(2, 2)), tokens)
        assert_close(block(tokens, torch.ones(2, 2)), block(tokens))


def test_size_features_are_the_published_ones() -> None:
    assert size_features(93 * 0.434, 427 * 0.461, 2.5) == pytest.approx((0.0, 0.0, 2.5))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patch_size": 0}, "--model.patch_size"),
        ({"stride": 17}, "--model.stride"),
        ({"image_size": (8, 128)}, "--model.image_size"),
        ({"heads": 7}, "--model.heads"),
        ({"depth": 0}, "--model.depth"),
        ({"drop_path": 1.0}, "--model.drop_path"),
    ],
)
def test_impossible_shapes_are_refused_by_name(settings: dict[str, object], message: str) -> None:
    with pytest.raises(CrosswakeError, match=message):
        ModelConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("patch", [8, 16])
@torch.no_grad()
def test_a_conv_stem_gives_the_same_grid_and_keeps_chips_apart(patch: int) -> None:
    config = ModelConfig(
        image_size=(64, 32), patch_size=patch, stride=patch, stem="conv", width=32, depth=1, heads=2
    )
    model = TransOSS(config).eval()
    images, modality, size = torch.randn(3, 3, 64, 32), torch.tensor([0, 1, 0]), torch.zeros(3, 3)
    assert vit_of(model).patch_embed(images).shape == (3, config.grid[0] * config.grid[1], 32)
    assert_close(model(images, modality, size)[1:2], model(images[1:2], modality[1:2], size[1:2]))
    with pytest.raises(CrosswakeError, match=r"--model\.stem"):
        ModelConfig(stem="conv", stride=12)


@torch.no_grad()
def test_the_shares_of_the_patches_make_the_feature() -> None:
    """Grid pooling is a sum over patches: what each alone adds makes the feature, and its length is
    shown."""
    torch.manual_seed(0)
    shape = ModelConfig(image_size=(48, 32), width=32, depth=2, heads=2, sse=False, pooling="grid")
    model = TransOSS(shape).eval()
    pool = vit_of(model).grid_pool
    assert isinstance(pool, GridPool)
    patches = torch.randn(2, 6, 32)
    pool.squeeze.bias.zero_()
    alone = [
        pool(patches * (torch.arange(6) == place)[None, :, None]) - pool.join.bias
        for place in range(6)
    ]
    assert_close(sum(alone, torch.zeros(2, 32)) + pool.join.bias, pool(patches))
    assert_close(pool.shares(patches), torch.stack([share.norm(dim=1) for share in alone], dim=1))
    images, modality, size = torch.randn(3, 3, 48, 32), torch.tensor([0, 1, 1]), torch.zeros(3, 3)
    assert vit_of(model).patch_weights(images, modality, size).shape == (3, 3, 2)


def test_a_batch_of_one_modality_leaves_no_weight_without_a_gradient() -> None:
    """As data-parallel training needs where a process has one modality only."""
    model = TransOSS(
        ModelConfig(image_size=(32, 32), width=32, depth=1, heads=2, sse=False, stem="conv")
    )
    model(torch.randn(2, 3, 32, 32), torch.tensor([1, 1]), torch.zeros(2, 3)).sum().backward()
    assert all(weight.grad is not None for weight in vit_of(model).parameters())
