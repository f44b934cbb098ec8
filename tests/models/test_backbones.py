"""Promise: every listed backbone goes through the whole program, and a setting that does nothing
for it is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import crosswake
from crosswake.cli.main import main
from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.hoss import read_hoss
from crosswake.models.backbones.timm_backbone import TimmTransformer
from crosswake.models.backbones.timm_convolutional import TimmConvolutional
from crosswake.models.build import METHODS, build_model
from crosswake.models.model import ReidModel
from crosswake.settings.model import ModelConfig
from tests.models.named import BACKBONES, CNN, SMALL, built
from tests.tiny import tiny_hoss
from tests.tiny_models import TINY, tiny_model


def chips(size: tuple[int, int], count: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, *size, generator=random)
    return images, torch.tensor([0, 1, 1, 0])[:count], torch.randn(count, 3, generator=random)


@torch.no_grad()
def make_modalities_differ(model: ReidModel) -> None:
    """Patch embeddings start alike; after this, only the right one gives the right feature."""
    for weight in model.base.patch_embed_SAR.parameters():
        weight.mul_(-2)


@pytest.mark.parametrize(
    "name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in BACKBONES)]
)
@torch.no_grad()
def test_every_backbone_builds_and_embeds(name: str) -> None:
    model = built(name)
    images, modality, size = chips(model.config.image_size)
    before = model(images, modality, size)
    make_modalities_differ(model)
    rows = model(images, modality, size)
    changed = (rows != before).any(dim=1)
    assert changed.tolist() == (modality == 1).tolist(), "SAR goes through its own first layer"
    assert rows.shape == (4, model.width)
    alone = [
        model(images[i : i + 1], modality[i : i + 1], size[i : i + 1]) for i in range(len(images))
    ]
    torch.testing.assert_close(rows, torch.cat(alone), rtol=0.0, atol=1e-4)
    assert not torch.equal(rows, model(images, modality, size + 1))
    if model.config.pooling != "class":
        weights = model.patch_weights(images, modality, size)
        assert weights is not None
        assert weights.shape == (4, *model.base.grid)
    assert model.draw_drop_path(4, torch.Generator()) is None


@pytest.mark.parametrize("method", METHODS)
@torch.no_grad()
def test_every_method_builds_and_embeds(method: Any) -> None:
    model = tiny_model(method=method, feature="neck")
    images, modality, size = chips((64, 32))
    assert model.embedding(images, modality, size).shape == (4, 64)
    weights = model.patch_weights(images, modality, size)
    assert weights is not None
    assert weights.shape == (4, 4, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BACKBONES, "sdf_net"])
def test_train_evaluate_embed_export(name: str, tmp_path: Path) -> None:
    ships, run = tiny_hoss(tmp_path / "ships", train=4, test=2), tmp_path / "run"
    settings = (
        {"backbone": name} | BACKBONES[name]
        if name in BACKBONES
        else {"method": "sdf_net", "feature": "neck", "image_size": (32, 16)}
        | {"width": 32, "depth": 2, "heads": 2}
    )
    model = [f"--model.{key}={json.dumps(value)}" for key, value in settings.items()]
    model = [word.replace('"', "") for word in model]
    words = [
        "--batch.identities=4",
        "--epochs=2",
        "--validation.fraction=0",
        "--device=cpu",
        "--evaluate=false",
    ]
    train = ["train", f"--data={ships}", f"--output={run}", *words, *model, "--quiet"]
    assert main(train) == 0
    checkpoint = str(run / "best.pt")
    once = ["--checkpoint", checkpoint, "--data", str(ships), "--quiet"]
    assert main(["evaluate", *once, "--output", str(tmp_path / "evaluated")]) == 0
    assert (tmp_path / "evaluated" / "report.html").exists()
    assert main(["embed", *once, "--output", str(tmp_path / "e.parquet")]) == 0
    table = pq.read_table(tmp_path / "e.parquet")
    every = read_hoss(ships).all_chips()
    ours = crosswake.load(checkpoint, device="cpu").embed(every)
    found = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    assert found.shape == ours.shape
    export = ["export", "--checkpoint", checkpoint, "--chips", "4", "--quiet", "--format"]
    # Export compares with PyTorch itself. ONNX takes half a minute a model, so two stand for all.
    if name not in ("resnet50", "vit_small_patch16_224"):
        assert main([*export, "torch-export", "--output", str(tmp_path / "m.pt2")]) == 0
        return
    assert main([*export, "onnx", "--output", str(tmp_path / "m.onnx")]) == 0
    exported = crosswake.load(tmp_path / "m.onnx", device="cpu")
    assert exported.width == ours.shape[1]
    np.testing.assert_allclose(exported.embed(every), ours, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backbone": "resnet5"}, r"--model\.backbone: timm has no model 'resnet5'"),
        ({"backbone": "resnet18"}, r"resnet18 has no tokens: set --model\.mie false and"),
        ({"backbone": "resnet18", "depth": 3}, r"--model\.depth: resnet18 has its shape by"),
        (CNN | {"backbone": "resnet18", "cut": 7}, r"--model\.cut: .* stage of stride 7; it has 2"),
        (CNN | {"backbone": "convnext_atto", "norms": "modality"}, r"--model\.norms: .* BatchNorm"),
        (CNN | {"backbone": "resnet18", "width": 9}, r"--model\.width: .* has 512 numbers, not 9"),
        (CNN | {"backbone": "vgg11"}, r"try --model\.drop_path 0"),
        (
            {"backbone": "vit_small_patch14_dinov2"},
            r"--model\.image_size: 256 x 128 is no multiple of 14, the .*; take \[252,126\]",
        ),
        ({"backbone": "deit_tiny_patch16_224", "cut": 16}, r"--model\.cut: .* a transformer"),
        ({"backbone": "swin_tiny_patch4_window7_224"} | CNN, r"neither a plain|does not"),
        ({"cut": 16}, r"--model\.cut: only a convolutional timm backbone"),
        ({"norms": "modality"}, r"--model\.norms: vit has no BatchNorm"),
        ({"method": "sdf_net"}, r"--model\.feature: sdf_net needs neck, got raw"),
        ({"method": "sdf_net", "feature": "neck", "backbone": "resnet18"}, r"needs vit"),
        ({"stem": "conv", "image_size": (100, 50)}, r"100 x 50 is no multiple of 16"),
    ],
    ids=str,
)
def test_what_does_not_fit_a_backbone_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(CrosswakeError, match=said) as caught:
        build_model(ModelConfig(**settings))
    assert "\n" not in str(caught.value)


def test_norms_of_a_modality_learn_from_it_alone() -> None:
    """Statistics of one modality stay where they are when the other comes; no weight is without a
    gradient, as data-parallel training needs."""
    model = built("test_efficientnet").train()
    images, _, size = chips((64, 32))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model(images, torch.ones(4, dtype=torch.int64), size).sum().backward()
    after = model.state_dict()
    means = [key for key in state if key.endswith("running_mean") and ".net." in key]
    moved = {key for key in means if not torch.equal(state[key], after[key])}
    assert moved == {key for key in means if ".sar." in key}
    assert all(weight.grad is not None for weight in model.base.parameters())


@torch.no_grad()
def test_norms_split_a_mixed_batch() -> None:
    model = built("test_efficientnet").train()
    images, modality, _ = chips((64, 32))
    sar = images[modality == 1]
    model.base(images, modality, torch.zeros(4, 3))
    mixed = model.state_dict()["base.net.bn1.sar.running_mean"].clone()
    again = built("test_efficientnet").train()
    again.base(sar, torch.ones(2, dtype=torch.int64), torch.zeros(2, 3))
    torch.testing.assert_close(mixed, again.state_dict()["base.net.bn1.sar.running_mean"])


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_recomputing_changes_no_gradient(name: str) -> None:
    images, modality, size = chips(SMALL[name]["image_size"])
    found = []
    for recompute in (False, True):
        model = built(name, drop_path=0.0)
        model.base.recompute = recompute
        model(images, modality, size).square().sum().backward()
        found.append([weight.grad for weight in model.base.parameters()])
    for one, other in zip(*found, strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one, other)


def test_the_first_layer_is_doubled_and_taken_out() -> None:
    model = built("test_resnet")
    base = model.base
    assert isinstance(base, TimmConvolutional)
    assert isinstance(base.patch_embed, nn.Conv2d)
    assert torch.equal(base.patch_embed.weight, base.patch_embed_SAR.weight)
    assert not any(key.startswith("base.net.conv1.0") for key in model.state_dict())
    assert model.config.width == model.width != TINY.width


@pytest.mark.parametrize("name", ["test_vit", "eva02_tiny_patch14_224"])
@torch.no_grad()
def test_the_tokens_that_reach_a_transformer(name: str) -> None:
    """The size embedding stands before the patches, where rotary positions leave it alone; class
    and patches carry the modality embedding times its scale, the size does not."""
    shape: dict[str, Any] = {"backbone": name, "image_size": (32, 16), "mie_scale": 2.5}
    if name.startswith("eva"):
        shape["image_size"] = (28, 14)
    model = build_model(ModelConfig(**shape)).eval()
    base = model.base
    assert isinstance(base, TimmTransformer)
    assert base.wh_embed is not None
    assert base.mie_embed is not None
    seen: list[torch.Tensor] = []
    base.net.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images, modality, size = chips(model.config.image_size)
    model(images, modality, size)
    base.mie_embed.zero_()
    given = torch.randn(2, 1, base.mie_embed.shape[2])
    model(images, modality, size)
    base.mie_embed.copy_(given)
    model(images, modality, size)
    _, without, with_modality = seen
    torch.testing.assert_close(without[:, 1:2], base.wh_embed(size))
    added = with_modality - without
    assert not added[:, 1].any()
    for place in (0, 2, 3):
        torch.testing.assert_close(added[:, place], 2.5 * given[modality, 0], rtol=0.0, atol=1e-5)
    if name.startswith("eva"):
        assert {block.attn.num_prefix_tokens for block in base.net.blocks} == {2}


def test_training_on_one_modality_alone_uses_its_own_first_layer() -> None:
    """Both patch embeddings see the batch then, so that data-parallel training finds a gradient for
    all weights; the feature is the right one's."""
    model = built("test_vit", drop_path=0.0)
    make_modalities_differ(model)
    images, _, size = chips(model.config.image_size)
    for kind in (0, 1):
        modality = torch.full((4,), kind)
        with torch.no_grad():
            expected = model(images, modality, size)
        found = model(images, modality, size)
        torch.testing.assert_close(found, expected)
        model.zero_grad()
        found.sum().backward()
        stems = (model.base.patch_embed, model.base.patch_embed_SAR)
        assert all(weight.grad is not None for stem in stems for weight in stem.parameters())
