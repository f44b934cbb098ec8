"""Promise: weights of ImageNet, of a pretraining and of a run land where they belong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from crosswake.core.errors import CrosswakeError
from crosswake.models.build import build_model
from crosswake.models.buildings.base import BuildingModel
from crosswake.models.buildings.build import build_building_model
from crosswake.models.buildings.weights import load_backbone
from crosswake.models.weight_files import Weights
from crosswake.settings.building_model import BuildingModelConfig
from crosswake.settings.model import ModelConfig
from tests.models.buildings.town import small_town

NAME = "mobilenetv3_small_050"


def build(modalities: Any = "both", **settings: Any) -> BuildingModel:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"backbone": NAME, "width": 16} | settings
    config = BuildingModelConfig(**shape)
    return build_building_model(config, track=2, modalities=modalities)


def changed(model: nn.Module) -> nn.Module:
    """With numbers of its own in every tensor."""
    generator = torch.Generator().manual_seed(5)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + 0.1)
    return model


def imagenet() -> Weights:
    state = changed(timm.create_model(NAME, num_classes=10)).state_dict()
    colours = {"mean": torch.tensor([0.4, 0.5, 0.6]), "std": torch.tensor([0.2, 0.3, 0.1])}
    return Weights(path=Path("imagenet.pth"), state=state | colours, meta={})


def pretraining(**settings: Any) -> Weights:
    config = ModelConfig(**settings)
    state = changed(build_model(config)).state_dict()
    meta = {"config": {"model": config.__dict__}}
    return Weights(path=Path("best.pt"), state=dict(state), meta=meta)


def pairs_of_convolutions() -> Weights:
    return pretraining(
        backbone=NAME,
        image_size=(64, 64),
        cut=16,
        norms="modality",
        width=32,
        mie=False,
        sse=False,
        pooling="grid",
        drop_path=0.0,
    )


def test_both_encoders_start_from_imagenet() -> None:
    model, weights = build(), imagenet()
    lines = load_backbone(model, weights)
    state, count = model.state_dict(), 0
    for key, value in weights.state.items():
        for encoder in ("optical", "sar"):
            name = f"encoders.{encoder}.net.model.{key}"
            if name in state:
                torch.testing.assert_close(state[name], value, rtol=0, atol=0)
                count += 1
    encoders = [key for key in state if ".net.model." in key]
    assert count == len(encoders)
    torch.testing.assert_close(state["encoders.optical.mean"], weights.state["mean"])
    assert not state["encoders.sar.mean"].any(), "SAR comes normalised"
    assert lines[0].startswith(f"imagenet.pth: {count + 2} tensors loaded")
    assert any("left out" in line and "classifier.weight" in line for line in lines)


def test_each_encoder_takes_its_stem_and_norms_of_a_pretraining() -> None:
    model, weights = build(), pairs_of_convolutions()
    load_backbone(model, weights)
    own, theirs = model.state_dict(), weights.state
    pairs = {
        "optical.net.model.conv_stem.weight": "patch_embed.weight",
        "sar.net.model.conv_stem.weight": "patch_embed_SAR.weight",
        "optical.net.model.bn1.weight": "net.bn1.optical.weight",
        "sar.net.model.bn1.running_var": "net.bn1.sar.running_var",
        "sar.net.model.blocks.1.0.bn2.bias": "net.blocks.1.0.bn2.sar.bias",
        "optical.net.model.blocks.1.0.conv_pw.weight": "net.blocks.1.0.conv_pw.weight",
        "sar.net.model.blocks.1.0.conv_pw.weight": "net.blocks.1.0.conv_pw.weight",
        "optical.mean": "mean",
    }
    for name, source in pairs.items():
        torch.testing.assert_close(own[f"encoders.{name}"], theirs[f"base.{source}"])


def test_an_encoder_says_of_an_image_what_the_pretraining_did() -> None:
    """The same maps from the same pixels, so that nothing was left out or mixed up."""
    weights = pairs_of_convolutions()
    config = ModelConfig(**weights.meta["config"]["model"])
    before = build_model(config)
    before.load_state_dict(weights.state)
    model = build(shrink=1)
    load_backbone(model, weights)
    batch, _ = small_town()
    encoders: Any = model.eval().encoders
    base: Any = before.eval().base
    with torch.no_grad():
        pixels = (batch.optical - base.mean[:, None, None]) / base.std[:, None, None]
        for norm in base.norms:
            norm.kind = 0
        wanted = base.net.forward_features(base.patch_embed(pixels))
        torch.testing.assert_close(encoders.optical(batch.optical)[-1], wanted)


def test_a_vit_of_a_pretraining() -> None:
    shape: dict[str, Any] = {"patch_size": 16, "stem": "conv", "depth": 1, "heads": 2}
    weights = pretraining(
        image_size=(64, 32),
        stride=16,
        width=32,
        sse=False,
        mie_scale=1.0,
        pooling="mean",
        drop_path=0.0,
        **shape,
    )
    model = build(backbone="vit", vit_width=32, **shape)
    load_backbone(model, weights)
    state = model.state_dict()
    for key in ("blocks.0.attn.qkv.weight", "patch_embed_SAR.proj.0.weight", "mie_embed"):
        torch.testing.assert_close(state[f"encoders.vit.base.{key}"], weights.state[f"base.{key}"])
    assert state["encoders.vit.base.pos_embed"].shape == (1, 257, 32)
    batch, targets = small_town()
    assert all(value.isfinite() for value in model.losses(batch, targets).values())


def test_stacked_begins_from_scratch_as_published() -> None:
    weights = imagenet()
    model = build(fusion="stacked")
    first = "encoders.optical.net.model.conv_stem.weight"
    before = model.state_dict()[first].clone()
    load_backbone(model, weights)
    state = model.state_dict()
    torch.testing.assert_close(state[first], before)
    torch.testing.assert_close(
        state["encoders.optical.net.model.bn1.weight"], weights.state["bn1.weight"]
    )


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"fusion": "stacked_keep"}, "encoders.optical.net.model.conv_stem.weight"),
        (
            {"fusion": "stacked_keep", "method": "mask_rcnn"},
            "net.backbone.body.model.conv_stem.weight",
        ),
    ],
)
def test_stacked_may_keep_the_filters_of_colours(settings: dict[str, Any], first: str) -> None:
    """And then SAR changes nothing at first."""
    weights, model = imagenet(), build(**settings)
    load_backbone(model, weights)
    value = model.state_dict()[first]
    torch.testing.assert_close(value[:, :3], weights.state["conv_stem.weight"])
    assert value.shape[1] == 4 and not value[:, 3].any()
    name = "images.mean" if "method" in settings else "encoders.optical.mean"
    torch.testing.assert_close(model.state_dict()[name], torch.tensor([0.4, 0.5, 0.6, 0.0]))


@pytest.mark.parametrize("method", ["mask_rcnn", "height_net"])
def test_baselines_start_from_imagenet(method: str) -> None:
    pytest.importorskip("torchvision" if method == "mask_rcnn" else "segmentation_models_pytorch")
    weights, model = imagenet(), build("rgb", method=method)
    load_backbone(model, weights)
    body = "net.backbone.body.model." if method == "mask_rcnn" else "net.encoder.model."
    own = {key: value for key, value in model.state_dict().items() if key.startswith(body)}
    for key, value in own.items():
        source = weights.state[timm_key(key.removeprefix(body))]
        torch.testing.assert_close(value, source)


def timm_key(name: str) -> str:
    return name.replace("blocks_", "blocks.")


def test_a_run_goes_on_from_a_run() -> None:
    weights = Weights(
        path=Path("best.pt"), state=changed(build()).state_dict(), meta={"config": {}}
    )
    model = build()
    load_backbone(model, weights)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, weights.state[key])


def test_a_file_of_another_network_is_refused() -> None:
    other = timm.create_model("resnet18", num_classes=0).state_dict()
    with pytest.raises(CrosswakeError, match="holds no weights of mobilenetv3_small_050"):
        load_backbone(build(), Weights(path=Path("r.pth"), state=other, meta={}))


def test_weights_that_are_no_numbers_are_refused() -> None:
    weights = imagenet()
    weights.state["bn1.weight"][0] = float("nan")
    with pytest.raises(CrosswakeError, match="NaN"):
        load_backbone(build(), replace(weights))
