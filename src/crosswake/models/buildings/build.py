"""Builds a building model from its settings: the registry of methods."""

from collections.abc import Mapping

from crosswake.models.buildings.base import BuildingModel
from crosswake.models.buildings.height_net import HeightNet
from crosswake.models.buildings.mask_rcnn import MaskRcnn
from crosswake.models.buildings.ours import TwoModalityBuildings
from crosswake.settings.building_model import BuildingModalities, BuildingModelConfig

BUILDING_METHODS: Mapping[str, type[BuildingModel]] = {
    "ours": TwoModalityBuildings,
    "mask_rcnn": MaskRcnn,
    "height_net": HeightNet,
}
"""By name, as ``--model.method`` takes it."""


def build_building_model(
    config: BuildingModelConfig, *, track: int, modalities: BuildingModalities
) -> BuildingModel:
    """The model of the settings, with random weights.

    Args:
        config: the settings.
        track: 1 for roof types, 2 for buildings with heights.
        modalities: what it is to see; with both it works with either too.

    Raises:
        CrosswakeError: a setting does not fit the backbone, or a package is missing.
    """
    return BUILDING_METHODS[config.method](config, track, modalities)
