"""Builds a model from its settings: the registry of methods."""

from collections.abc import Mapping

from crosswake.models.methods.sdf_net import SdfNet
from crosswake.models.methods.transoss import TransOSS
from crosswake.models.model import ReidModel
from crosswake.settings.model import ModelConfig

METHODS: Mapping[str, type[TransOSS] | type[SdfNet]] = {"transoss": TransOSS, "sdf_net": SdfNet}
"""By name, as ``--model.method`` takes it."""


def build_model(config: ModelConfig, identities: int = 0) -> ReidModel:
    """The model of the settings, with random weights.

    Args:
        config: the settings.
        identities: rows of the classifier; 0 for a model that only embeds.

    Raises:
        CrosswakeError: a setting does not fit the backbone.
    """
    return METHODS[config.method](config, identities)
