"""TransOSS (Wang et al., ICCV 2025, arXiv 2506.22027), under the state-dict names of its published
weights."""

from dataclasses import replace

from crosswake.models.backbones.timm_models import make_timm
from crosswake.models.backbones.vit import Vit
from crosswake.models.heads import bn_neck
from crosswake.models.model import ReidModel
from crosswake.settings.model import ModelConfig


class TransOSS(ReidModel):
    """A backbone with a patch embedding a modality, BNNeck, classifier and pair head.

    Its rows are the features before BNNeck, which the published model compares in testing.

    Args:
        config: the settings.
        identities: rows of the classifier; 0 for a model that only embeds.
    """

    neck_name = "bottleneck"

    def __init__(self, config: ModelConfig, identities: int = 0) -> None:
        base = Vit(config) if config.backbone == "vit" else make_timm(config)
        super().__init__(replace(config, width=base.width), base, identities)
        self.bottleneck = bn_neck(base.width)
