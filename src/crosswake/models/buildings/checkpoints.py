"""A trained model of buildings, ready for use: tiles in, buildings and heights out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from crosswake.batches.devices import pick_device
from crosswake.batches.tile_batch import TileBatch
from crosswake.buildings.instances import TileFound
from crosswake.core.errors import CrosswakeError
from crosswake.models.buildings.base import BuildingModel, DenseBuildingModel
from crosswake.models.buildings.build import build_building_model
from crosswake.models.checkpoints import require_finite_weights
from crosswake.models.weight_files import TRAINED_BY, Weights, read_weights
from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig
from crosswake.settings.common import Device, Precision
from crosswake.settings.stored import fit_stored, restored

MOST_WIDTH = 4096
"""Channels; a file that wants more would fill the memory before its weights are looked at."""


@dataclass(frozen=True, kw_only=True)
class BuildingFinder:
    """A model on a device, in evaluation mode.

    Attributes:
        model: the model.
        track: what it was trained for: 1 for roof types, 2 for buildings and heights.
        modalities: the images that it was trained on.
        device: where it runs.
        precision: number type of the forward pass.
        path: the file it came from.
        epoch: that it was kept from.
    """

    model: BuildingModel
    track: int
    modalities: BuildingModalities
    device: torch.device
    precision: Precision
    path: Path
    epoch: int

    def find(self, batch: TileBatch) -> list[TileFound]:
        """Buildings and heights of each tile of a batch; sides are multiples of 32."""
        with torch.no_grad(), self.casting():
            return self.model.find(batch.to(self.device))

    def maps(self, batch: TileBatch) -> dict[str, Tensor]:
        """(batch, channels, height, width) each, of a dense model."""
        assert isinstance(self.model, DenseBuildingModel)
        with torch.no_grad(), self.casting():
            return self.model.maps(batch.to(self.device))

    def casting(self) -> torch.autocast:
        """Computes in the number type that was asked for."""
        half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        kind = half or torch.bfloat16
        return torch.autocast(self.device.type, dtype=kind, enabled=half is not None)


def load_building_model(
    path: Path, *, device: Device = "auto", precision: Precision = "fp32"
) -> BuildingFinder:
    """Load a checkpoint of ``crosswake buildings train``; nothing in it is executed.

    Raises:
        CrosswakeError: it cannot be read, is none, or is damaged; or there is no such device.
    """
    weights = read_weights(path)
    require_buildings(weights)
    stored = weights.meta["config"]
    try:
        config = restored(BuildingModelConfig, stored.get("model"))
        track: Any = fit_stored(stored.get("track"), Literal[1, 2], "track")
        modalities: Any = fit_stored(stored.get("modalities"), BuildingModalities, "modalities")
        epoch: Any = fit_stored(weights.meta.get("epoch", 0), int, "epoch")
    except CrosswakeError as error:
        raise CrosswakeError(f"{path}: its settings: {error}") from error
    if max(config.width, config.vit_width) > MOST_WIDTH:
        raise CrosswakeError(f"{path}: its settings: wider than {MOST_WIDTH} channels")
    model = build_building_model(config, track=track, modalities=modalities)
    require_same(weights, model)
    require_finite_weights(weights, weights.state)
    model.load_state_dict(weights.state)
    where = pick_device(device)
    return BuildingFinder(
        model=model.to(where).eval(),
        track=track,
        modalities=modalities,
        device=where,
        precision=precision,
        path=path,
        epoch=epoch,
    )


def require_buildings(weights: Weights) -> None:
    """Refuse what is no checkpoint of a building model.

    Raises:
        CrosswakeError: it is none.
    """
    command = weights.meta.get("command")
    if command != TRAINED_BY:
        what = f"one of crosswake {command}" if isinstance(command, str) else "another kind of file"
        raise CrosswakeError(
            f"{weights.path}: no checkpoint of crosswake {TRAINED_BY} but {what}; name its best.pt"
        )


def require_same(weights: Weights, model: BuildingModel) -> None:
    """Refuse weights that are not just those of the model.

    Raises:
        CrosswakeError: one is missing, too many, or of another shape or type.
    """
    own = model.state_dict()
    for name in sorted(set(own) | set(weights.state)):
        found, wanted = weights.state.get(name), own.get(name)
        if found is None or wanted is None:
            what = "is missing" if found is None else "has no place in the model"
        elif found.shape != wanted.shape:
            what = f"is {tuple(found.shape)}, not {tuple(wanted.shape)}"
        elif found.is_floating_point() != wanted.is_floating_point():
            what = f"is of type {found.dtype}"
        else:
            continue
        raise CrosswakeError(f"{weights.path}: damaged, for '{name}' {what}; use another copy")
