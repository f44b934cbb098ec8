"""Promise: the published baselines run forward and back on each choice of modalities."""

from typing import Any

import pytest
import torch
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.data.tiles import TALLEST
from crosswake.models.buildings.build import build_building_model
from crosswake.settings.building_model import BuildingModelConfig
from tests.models.buildings.town import small_town

SMALL: dict[str, Any] = {"backbone": "mobilenetv3_small_050", "width": 16}


def build(modalities: Any, track: int, **settings: Any) -> Any:
    torch.manual_seed(0)
    config = BuildingModelConfig(**(SMALL | settings))
    return build_building_model(config, track=track, modalities=modalities)


@pytest.mark.parametrize(("modalities", "channels"), [("rgb", 3), ("sar", 3), ("both", 4)])
@pytest.mark.parametrize("method", ["mask_rcnn", "height_net"])
def test_forward_and_back(method: str, modalities: str, channels: int) -> None:
    pytest.importorskip("torchvision" if method == "mask_rcnn" else "segmentation_models_pytorch")
    model, (batch, targets) = build(modalities, 2, method=method), small_town()
    first = next(value for value in model.parameters() if value.ndim == 4)
    assert first.shape[1] == channels
    losses = model.losses(batch, targets)
    assert all(value.isfinite() for value in losses.values())
    loss = sum(losses.values())
    assert isinstance(loss, Tensor)
    loss.backward()
    found = model.eval().find(batch)
    assert len(found) == 2
    for one in found:
        count = len(one.scores)
        assert one.masks.shape == (count, 64, 64) and one.masks.dtype == bool
        assert one.labels.shape == (count,) and (one.labels == 1).all()
    if method == "height_net":
        assert list(losses) == ["height"]
        assert all(one.height.min() >= 0 and one.height.max() <= TALLEST for one in found)
    else:
        names = {"classifier", "box_reg", "mask", "objectness", "rpn_box_reg"}
        assert set(losses) == names


def test_a_missing_image_is_the_mean() -> None:
    pytest.importorskip("torchvision")
    model, (batch, _) = build("both", 1, method="mask_rcnn"), small_town(track=1)
    batch.present[0, 1] = batch.present[1, 0] = False
    images = model.images(batch)
    assert not images[0, 3].any() and not images[1, :3].any()
    assert images[0, :3].any() and images[1, 3].any()


def test_the_published_shape() -> None:
    """ResNet-50, a pyramid of 256 channels, heads as torchvision has them, four channels."""
    pytest.importorskip("torchvision")
    with torch.device("meta"):
        model = build("both", 1, method="mask_rcnn", backbone="resnet50")
    assert model.net.backbone.body.conv1.weight.shape == (64, 4, 7, 7)
    assert model.net.backbone.out_channels == 256
    assert model.net.roi_heads.box_predictor.cls_score.out_features == 13
    assert 40e6 < sum(value.numel() for value in model.parameters()) < 48e6


def test_smooth_l1_in_metres_over_what_is_known() -> None:
    pytest.importorskip("segmentation_models_pytorch")
    model, (batch, targets) = build("rgb", 2, method="height_net"), small_town()
    model.eval()
    targets.height[0] = float("nan")
    with torch.no_grad():
        away = (model(batch)[1] - targets.height[1]).abs()
        wanted = torch.where(away < 1, away**2 / 2, away - 0.5).mean()
        torch.testing.assert_close(model.losses(batch, targets)["height"], wanted)


def test_heights_are_of_track_2() -> None:
    with pytest.raises(CrosswakeError, match="--track 2"):
        build("rgb", 1, method="height_net")


def test_baselines_take_no_vit() -> None:
    with pytest.raises(CrosswakeError, match="not vit"):
        build("rgb", 2, method="mask_rcnn", backbone="vit")
