"""Finds a timm model by its name, and refuses what does not fit its settings."""

from typing import Any, cast

import timm

from crosswake.core.errors import CrosswakeError
from crosswake.models.backbones.timm_backbone import TimmTransformer, unsupported
from crosswake.models.backbones.timm_convolutional import TimmConvolutional
from crosswake.settings.model import ModelConfig

TRANSFORMERS = ("vision_transformer", "eva", "deit")
"""Modules of timm whose models are plain transformers: tokens, blocks, one LayerNorm."""


def make_timm(config: ModelConfig) -> TimmTransformer | TimmConvolutional:
    """The timm backbone of the settings, with random weights.

    Raises:
        CrosswakeError: timm has no such model, or a setting does not fit it.
    """
    name = config.backbone
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"{name.split('_')[0]}*")[:5])
        raise CrosswakeError(
            f"--model.backbone: timm has no model '{name}'" + (f"; it has {near}" if near else "")
        )
    options: dict[str, Any] = {"num_classes": 0}
    if config.drop_path:
        options["drop_path_rate"] = config.drop_path
    if timm.model_entrypoint(name).__module__.rpartition(".")[2] in TRANSFORMERS:
        options |= {"img_size": config.image_size, "global_pool": "", "dynamic_img_size": False}
    try:
        net = cast(Any, timm.create_model(name, pretrained=False, **options))
    except TypeError as error:
        raise CrosswakeError(
            f"--model.backbone: timm's {name} does not take what it would be made with ({error})"
            + ("; try --model.drop_path 0" if "drop_path" in str(error) else "")
        ) from error
    if "img_size" not in options:
        return TimmConvolutional(config, net)
    check_transformer(config, net)
    return TimmTransformer(config, net)


def check_transformer(config: ModelConfig, net: Any) -> None:
    """Raise where a setting is not for transformers, or patches do not fill the image: what is left
    over would be cut off unseen."""
    name, (height, width) = config.backbone, config.image_size
    for setting, neutral in (("cut", 0), ("norms", "shared")):
        if getattr(config, setting) != neutral:
            raise CrosswakeError(
                f"--model.{setting}: {name} is a transformer; leave the option out"
            )
    if not hasattr(net, "_pos_embed"):
        raise unsupported(name)
    rows, columns = net.patch_embed.patch_size
    if height % rows or width % columns or not height or not width:
        near = [
            max(1, round(side / patch)) * patch
            for side, patch in zip((height, width), (rows, columns), strict=True)
        ]
        raise CrosswakeError(
            f"--model.image_size: {height} x {width} is no multiple of {rows}, the patch of "
            f"{name}; take [{near[0]},{near[1]}]"
        )
