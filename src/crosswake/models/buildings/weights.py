"""Puts the weights of a file into a building model: ImageNet's, a pretraining's, or its own."""

import warnings
from collections.abc import Iterable

import torch
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.models.buildings.base import BuildingModel
from crosswake.models.buildings.encoders import VitEncoder
from crosswake.models.buildings.ours import TwoModalityBuildings
from crosswake.models.checkpoints import (
    LoadReport,
    misfit,
    require_finite_weights,
    resize_positions,
)
from crosswake.models.shapes import model_config
from crosswake.models.weight_files import State, Weights

OF_COLOURS, OF_SAR = "encoders.optical.", "encoders.sar."
BODIES = (
    *(f"{OF_COLOURS}net.", f"{OF_SAR}net.", "encoders.vit.base.blocks."),
    *("net.backbone.body.", "net.encoder."),
)
"""What the names of those weights begin with that a file has to hold most of."""
OWN = ("encoders.", "net.", "images.")
"""What names of a building model begin with."""
FIRST = ("conv_stem", "conv1", "stem.0", "stem.conv", "patch_embed.proj")
"""Names of first layers in timm's networks, for which pretraining has a stem for each modality."""


def load_backbone(model: BuildingModel, weights: Weights) -> list[str]:
    """Copy what fits into a model's encoders, and say what became of every tensor.

    A file of one network starts the encoders of both modalities. A pretraining on pairs has a stem
    for each, and perhaps norms for each; each encoder takes its own. A checkpoint of a building
    model starts all that fits.

    Args:
        model: the model.
        weights: what ``read_weights`` returned.

    Returns:
        lines for people.

    Raises:
        CrosswakeError: nothing of the file fits the model, or its weights are not finite.
    """
    state = renamed_for(model, weights)
    own = model.state_dict()
    fitting = {
        key: value for key, value in state.items() if key in own and own[key].shape == value.shape
    }
    body = [key for key in own if key.startswith(BODIES)]
    if 2 * sum(key in fitting for key in body) < len(body):
        raise CrosswakeError(
            f"{weights.path}: holds no weights of {model.config.backbone} that fit this model; is "
            "it the right file, and are --model.backbone and its shape those of its training?"
        )
    require_finite_weights(weights, fitting)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a shape without memory takes nothing, as is meant
        model.load_state_dict(fitting, strict=False)
    left = [misfit(key, value, own.get(key)) for key, value in state.items() if key not in fitting]
    given = {id(value) for value in weights.state.values()}
    made = [key for key, value in fitting.items() if id(value) not in given]
    taken, last = {id(value) for value in state.values()}, {last_parts(key) for key in made}
    left += [
        key
        for key, value in weights.state.items()
        if id(value) not in taken and last_parts(key) not in last
    ]
    return LoadReport(
        source=weights.path.name,
        loaded=tuple(sorted(set(fitting) - set(made))),
        resized=tuple(sorted(made)),
        left_out=tuple(sorted(left)),
        missing=tuple(sorted(set(own) - set(fitting))),
    ).lines()


def last_parts(name: str) -> str:
    """The last two parts of a tensor's name, which files and models share."""
    return ".".join(name.split(".")[-2:])


def renamed_for(model: BuildingModel, weights: Weights) -> State:
    """The file's tensors under the names that the model has for them."""
    state = weights.state
    if any(key.startswith(OWN) for key in state):
        return state
    if isinstance(model, TwoModalityBuildings) and model.vit is not None:
        return vit_names(model.vit, weights)
    if not isinstance(model, TwoModalityBuildings):
        return first_layer(model, baseline_names(model, state))
    found: State = {}
    for prefix, sar in ((OF_COLOURS, False), (OF_SAR, True)):
        own = [key for key in model.state_dict() if key.startswith(f"{prefix}net.model.")]
        found |= matched(own, f"{prefix}net.model.", tensors_for(state, sar=sar))
    for part in ("mean", "std"):
        value = state.get(part, state.get(f"base.{part}"))
        if value is not None:
            found[f"{OF_COLOURS}{part}"] = value
    return first_layer(model, found) if model.config.fusion != "gated" else found


def tensors_for(state: State, *, sar: bool) -> State:
    """One modality's tensors of a pretraining under timm's names; a file of timm's as it is."""
    mine, other = (".sar.", ".optical.") if sar else (".optical.", ".sar.")
    stem, others_stem = "base.patch_embed_SAR.", "base.patch_embed."
    if not sar:
        stem, others_stem = others_stem, stem
    found: State = {}
    for key, value in state.items():
        if other in key or key.startswith(others_stem):
            continue
        if key.startswith(stem):
            rest = key.removeprefix(stem)
            found |= {f"{first}.{rest}": value for first in FIRST}
        else:
            found[key.removeprefix("base.").removeprefix("net.").replace(mine, ".")] = value
    return found


def matched(own: Iterable[str], prefix: str, state: State) -> State:
    """The tensors whose timm names those of the model are; some networks of smp have an underline
    where timm's have a point."""
    plain = {key.replace(".", "_"): value for key, value in state.items()}
    names = {key: key.removeprefix(prefix).replace(".", "_") for key in own}
    return {key: plain[name] for key, name in names.items() if name in plain}


def baseline_names(model: BuildingModel, state: State) -> State:
    """A timm file's tensors for the backbone of a published baseline."""
    plain = tensors_for(state, sar=model.modalities == "sar")
    for prefix in ("net.backbone.body.model.", "net.backbone.body.", "net.encoder.model."):
        own = [key for key in model.state_dict() if key.startswith(prefix)]
        if found := matched(own, prefix, plain):
            break
    if model.modalities != "sar" and "mean" in plain:
        found |= {"images.mean": plain["mean"], "images.std": plain["std"]}
    return found


def first_layer(model: BuildingModel, found: State) -> State:
    """Weights for a network of four channels: those of three get a fourth filter of 0 with
    ``stacked_keep``, else the first layer stays as it is, from scratch, as published."""
    if model.modalities != "both":
        return found
    own, fitted = model.state_dict(), {}
    for key, value in found.items():
        wanted = own[key].shape
        if value.shape == wanted:
            fitted[key] = value
        elif value.ndim == 1 and len(wanted) == 1:  # mean and std of colours
            fitted[key] = torch.cat([value, own[key][len(value) :]])
        elif model.config.fusion == "stacked_keep":
            zeros = value.new_zeros(value.shape[0], wanted[1] - value.shape[1], *wanted[2:])
            fitted[key] = torch.cat([value, zeros], dim=1)
    return fitted


def vit_names(encoder: VitEncoder, weights: Weights) -> State:
    """A ViT's tensors for our encoder, positions resized to its grid."""
    own = {f"base.{key}": value for key, value in encoder.base.state_dict().items()}
    state = {key: value for key, value in weights.state.items() if key.startswith("base.")}
    state |= {
        key.replace("patch_embed.", "patch_embed_SAR."): value
        for key, value in state.items()
        if key.startswith("base.patch_embed.")
        and key.replace("patch_embed.", "patch_embed_SAR.") not in state
    }
    positions = state.get("base.pos_embed")
    if positions is not None and positions.shape != own["base.pos_embed"].shape:
        state["base.pos_embed"] = fitted_positions(weights, positions, encoder.base.grid)
    return {f"encoders.vit.{key}": value for key, value in state.items()}


def fitted_positions(weights: Weights, positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Positions for another grid; a file without settings has a square one."""
    if weights.meta:
        before = model_config(weights).grid
    else:
        side = round((positions.shape[1] - 1) ** 0.5)
        before = (side, side)
    leading = positions.shape[1] - before[0] * before[1]
    if leading < 0:
        raise CrosswakeError(f"{weights.path}: its positions are no grid; is it the right file?")
    return resize_positions(positions, before, grid, (leading, 1))
