"""Promise: gates start closed, whatever is missing is done without, and two tiles are learnt."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crosswake.batches.tile_batch import SAR_COLUMN, TileBatch, TileTargets
from crosswake.core.errors import CrosswakeError
from crosswake.models.buildings.build import build_building_model
from crosswake.models.buildings.fusion import joined_strides
from crosswake.models.buildings.ours import TwoModalityBuildings
from crosswake.settings.building_model import BuildingModelConfig
from tests.models.buildings.town import small_town

TINY: dict[str, Any] = {"backbone": "mobilenetv3_small_050", "width": 16}
VIT: dict[str, Any] = {"backbone": "vit", "width": 16, "vit_width": 32, "heads": 2, "depth": 1}


def build(modalities: Any = "both", track: int = 2, **settings: Any) -> TwoModalityBuildings:
    torch.manual_seed(0)
    config = BuildingModelConfig(**(TINY | settings))
    model = build_building_model(config, track=track, modalities=modalities)
    assert isinstance(model, TwoModalityBuildings)
    return model


def without(batch: TileBatch, column: int) -> TileBatch:
    present = batch.present.clone()
    present[:, column] = False
    return replace(batch, present=present)


def maps_of(model: TwoModalityBuildings, batch: TileBatch) -> dict[str, Tensor]:
    with torch.no_grad():
        return model.eval().maps(batch)


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("settings", [TINY, VIT])
def test_gates_start_closed(settings: dict[str, Any]) -> None:
    """At first, what is said with SAR is what is said without, to the last bit; and the gates are
    told how to open."""
    model, (batch, targets) = build(**settings), small_town()
    both = maps_of(model, batch)
    assert same(both, maps_of(model, without(batch, SAR_COLUMN)))
    loss = sum(model.train().losses(batch, targets).values())
    assert isinstance(loss, Tensor)
    loss.backward()
    gates = [value.grad for name, value in model.named_parameters() if name.endswith(".gate")]
    assert gates and all(grad is not None and grad.abs().sum() > 0 for grad in gates)


def test_sar_joins_at_its_strides_and_what_is_coarser_joins_the_coarsest() -> None:
    assert joined_strides([2, 4, 8, 16, 32], [8, 16, 32, 64]) == {2: [0], 3: [1], 4: [2, 3]}
    assert joined_strides([2, 4, 8], [2, 4, 8]) == {0: [0], 1: [1], 2: [2]}
    for smaller in (2, 4):
        batch, targets = small_town(1)
        model = build(sar_shrink=smaller)
        assert idle_weights(model, batch, targets) == []


def test_open_gates_let_sar_in() -> None:
    model, (batch, _) = build(), small_town()
    for name, value in model.named_parameters():
        if name.endswith(".gate"):
            value.data.fill_(0.1)
    assert not same(maps_of(model, batch), maps_of(model, without(batch, SAR_COLUMN)))


@pytest.mark.parametrize("settings", [TINY, VIT, {**TINY, "fusion": "stacked"}])
def test_a_missing_image_is_not_looked_at(settings: dict[str, Any]) -> None:
    """Not even by a BatchNorm: what stands in its place changes nothing."""
    model, (batch, targets) = build(**settings), small_town()
    for column, name in enumerate(("optical", "sar")):
        missing = without(batch, column)
        noise = replace(missing, **{name: 100 * torch.rand_like(getattr(batch, name))})
        assert same(maps_of(model, missing), maps_of(model, noise))
        losses = model.train().losses(missing, targets)
        assert all(value.isfinite() for value in losses.values())
        assert losses.keys() == model.losses(batch, targets).keys()


def test_each_tile_of_a_batch_has_what_it_has() -> None:
    """A batch of which one tile lacks SAR and another colours: each as in a batch of its own."""
    model, (batch, _) = build(), small_town(3)
    batch.present[1, 0] = batch.present[2, 1] = False
    together = maps_of(model, batch)
    for tile in range(3):
        parts = {
            name: getattr(batch, name)[tile : tile + 1]
            for name in ("optical", "sar", "present", "valid")
        }
        alone = maps_of(model, TileBatch(**parts))
        for name, value in alone.items():
            torch.testing.assert_close(together[name][tile : tile + 1], value, atol=1e-4, rtol=1e-4)


def test_one_small_window_with_sar_can_be_learnt_from() -> None:
    """Its last map is one cell, of which a BatchNorm has no variance."""
    model, (batch, targets) = build(backbone="tf_efficientnet_lite0"), small_town(3, side=32)
    batch.present[:2, SAR_COLUMN] = False
    assert all(value.isfinite() for value in model.losses(batch, targets).values())


@pytest.mark.parametrize("settings", [TINY, VIT])
@pytest.mark.parametrize("modalities", ["rgb", "sar"])
def test_a_model_of_one_modality_learns_nothing_of_the_other(
    modalities: Any, settings: dict[str, Any]
) -> None:
    model, (batch, targets) = build(modalities, **settings), small_town()
    other = "encoders.sar" if modalities == "rgb" else "encoders.optical"
    assert not any(key.startswith((other, "encoders.gates")) for key in model.state_dict())
    assert idle_weights(model, batch, targets) == []


def test_every_weight_takes_part_whatever_a_batch_lacks() -> None:
    model, (batch, targets) = build(), small_town()
    for column in (0, 1):
        assert idle_weights(model, without(batch, column), targets) == []


def idle_weights(model: TwoModalityBuildings, batch: TileBatch, targets: TileTargets) -> list[str]:
    model.zero_grad()
    loss = sum(model.train().losses(batch, targets).values())
    assert isinstance(loss, Tensor)
    loss.backward()
    named = model.named_parameters()
    return [name for name, value in named if value.requires_grad and value.grad is None]


def test_track_1_has_classes_and_no_heights() -> None:
    model, (batch, targets) = build(track=1), small_town(track=1)
    model.count_classes(range(1, 13))
    assert set(model.losses(batch, targets)) == {"building", "dice", "distance", "classes"}
    maps = maps_of(model, batch)
    assert maps["classes"].shape == (2, 12, 64, 64)
    torch.testing.assert_close(maps["classes"].sum(1), torch.ones(2, 64, 64))
    assert all(one.height is None for one in model.find(batch))


def test_padding_teaches_nothing() -> None:
    model, (batch, targets) = build(), small_town()
    batch.valid[:, :, 40:] = False
    before = model.eval().losses(batch, targets)
    targets.height[:, :, 40:] = 99
    targets.ids[:, :, 40:] = -1
    after = model.losses(batch, targets)
    for name, value in before.items():
        if name != "distance":  # the edge of the ignored part is an edge
            torch.testing.assert_close(value, after[name])


def test_weights_go_out_and_in() -> None:
    model, (batch, _) = build(), small_town()
    torch.manual_seed(1)
    other = build_building_model(model.config, track=2, modalities="both")
    assert isinstance(other, TwoModalityBuildings)
    assert not same(maps_of(model, batch), maps_of(other, batch))
    other.load_state_dict(model.state_dict())
    assert same(maps_of(model, batch), maps_of(other, batch))


def test_sides_have_to_fit() -> None:
    model, (batch, _) = build(), small_town(side=48)
    with pytest.raises(CrosswakeError, match="multiples of 32"):
        model.find(batch)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "resnet999"}, "timm has no model"),
        ({"backbone": "vit_tiny_patch16_224", "cut": 8}, "no maps of stages"),
        ({"backbone": "vit", "heads": 5}, "heads"),
        ({"backbone": "vit", "fusion": "stacked"}, "set it gated"),
        ({"shrink": 3}, "must be 1 or 2"),
        ({"shrink": 2, "sar_shrink": 1}, "no less than shrink"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(CrosswakeError, match=message):
        build(**settings)


@pytest.mark.slow
def test_two_tiles_are_learnt() -> None:
    model, (batch, targets) = build(shrink=1), small_town(side=128)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    model.train()
    for _ in range(100):
        loss = sum(model.losses(batch, targets).values())
        assert isinstance(loss, Tensor)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for found, ids, height in zip(
        model.eval().find(batch), targets.ids, targets.height, strict=True
    ):
        overlaps = [
            max(float((mask & own).sum() / (mask | own).sum()) for mask in found.masks)
            for own in ((ids == number).numpy() for number in range(1, 5))
        ]
        assert min(overlaps) > 0.7, overlaps
        assert found.height is not None
        wanted = height.numpy()
        right = (found.height == 0) == (wanted == 0)
        inside = (found.height > 0) & (wanted > 0)
        ratio = found.height[inside] / wanted[inside]
        assert right.mean() > 0.9
        assert np.mean(np.maximum(ratio, 1 / ratio) < 1.25) > 0.8
