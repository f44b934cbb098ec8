"""Reads weights from wherever they come: published TransOSS files, plain timm ViTs, and our own
checkpoints.

Nothing is skipped silently: what was loaded, resized, left out or missing is reported by name.
"""

import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.core.errors import CrosswakeError
from crosswake.models.transoss import TransOSS
from crosswake.settings.model import ModelConfig

State = dict[str, Tensor]
CHECKPOINT_FORMAT = "crosswake-1"
WRAPPERS = ("state_dict", "model", "model_state_dict", "net")
DROPPED = ("base.fc.", "base.head.", "base.fc_norm.", "base.pre_logits.")
POSITIONS = "base.pos_embed"
PICKLED = (b"PK\3\4", b"\x80")
"""First bytes of the two formats of ``torch.save``."""
EXPORTED = (".onnx", ".pt2")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a file holds: tensors under the published names, and our own settings if it is ours."""

    path: Path
    state: State
    meta: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What became of every tensor, by name; and what the model was trained with otherwise that no
    shape tells."""

    source: str
    loaded: tuple[str, ...]
    resized: tuple[str, ...]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    other_settings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For people: a count of what was loaded, and the names of all else."""
        rows = [f"{self.source}: {len(self.loaded)} tensors loaded"]
        rows += [
            f"  {what}: {', '.join(names)}"
            for what, names in (
                ("resized", self.resized),
                ("left out", self.left_out),
                ("stay at their initial value", self.missing),
                ("trained with other settings", self.other_settings),
            )
            if names
        ]
        return rows


def read_weights(path: Path) -> Weights:
    """Read a ``.pth``/``.pt``/``.bin`` or ``.safetensors`` file; nothing in it is executed.

    Raises:
        CrosswakeError: the file is missing, cannot be read safely, or holds no tensors of a ViT.
    """
    if not path.is_file():
        raise CrosswakeError(f"{path}: no such weight file")
    require_checkpoint(path)
    content = read_file(path)
    meta: dict[str, Any] = {}
    if isinstance(content, dict) and content.get("format") == CHECKPOINT_FORMAT:
        meta = {key: value for key, value in content.items() if key != "model"}
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    state = {key: value for key, value in dict(content).items() if isinstance(value, Tensor)}
    state = published_names(state)
    if "base.cls_token" not in state:
        raise CrosswakeError(
            f"{path}: holds no Vision Transformer weights (no cls_token); is it the right file?"
        )
    return Weights(path=path, state=state, meta=meta)


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


def read_file(path: Path) -> Mapping[str, Any]:
    """The dictionary in a weight file."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CrosswakeError(
            f"{path}: holds more than tensors and plain values, so it is not safe to read"
        ) from error
    except Exception as error:
        words = str(error).strip().splitlines()
        detail = words[0] if words and not words[0].isdigit() else type(error).__name__
        raise CrosswakeError(
            f"{path}: not a readable weight file ({detail}); fetch it again"
        ) from error
    if not isinstance(content, Mapping):
        raise CrosswakeError(
            f"{path}: holds a {type(content).__name__}, not a dictionary of weights"
        )
    return content


def published_names(state: State) -> State:
    """Tensors under the names of the published TransOSS, whatever prefixes they came with."""
    state = {
        key.removeprefix("module.").removeprefix("_orig_mod."): value
        for key, value in state.items()
    }
    if "cls_token" in state:
        state = {f"base.{key}": value for key, value in state.items()}
    return state


def load_into(model: TransOSS, weights: Weights, grid: tuple[int, int] | None = None) -> LoadReport:
    """Copy weights into a model, resizing positions and leaving out what does not fit.

    Both patch embeddings start as copies of the one where the file has only one.

    Args:
        model: the model.
        weights: what :func:`read_weights` returned.
        grid: rows and columns of the file's position embedding; found by :func:`source_grid` if
            None.
    """
    state = {key: value for key, value in weights.state.items() if not key.startswith(DROPPED)}
    left_out = [key for key in weights.state if key.startswith(DROPPED)]
    state = with_radar_patches(state)
    resized = []
    if POSITIONS in state and state[POSITIONS].shape != model.base.pos_embed.shape:
        before = grid or source_grid(weights, model.config)
        resized.append(
            f"{POSITIONS} ({before[0]} x {before[1]} to {model.config.grid[0]} x "
            f"{model.config.grid[1]})"
        )
        state[POSITIONS] = resize_positions(state[POSITIONS], before, model.config.grid)
    own = model.state_dict()
    fitting = {
        key: value for key, value in state.items() if key in own and own[key].shape == value.shape
    }
    left_out += [
        misfit(key, value, own.get(key)) for key, value in state.items() if key not in fitting
    ]
    if not any(key.startswith("base.blocks.") for key in fitting):
        width = weights.state["base.cls_token"].shape[-1]
        why = f"width {width} does not fit --model.width {model.config.width}"
        if width == model.config.width:
            why = "none of its blocks fits the model's; is it a Vision Transformer of another kind?"
        raise CrosswakeError(f"{weights.path}: {why}")
    model.load_state_dict(fitting, strict=False)
    return LoadReport(
        source=weights.path.name,
        loaded=tuple(sorted(fitting)),
        resized=tuple(resized),
        left_out=tuple(sorted(left_out)),
        missing=tuple(sorted(set(own) - set(fitting))),
        other_settings=other_settings(weights, model.config),
    )


def misfit(key: str, value: Tensor, own: Tensor | None) -> str:
    """Name of a tensor that has no place, with the shapes where those are why."""
    return key if own is None else f"{key} {tuple(value.shape)} for {tuple(own.shape)}"


def other_settings(weights: Weights, config: ModelConfig) -> tuple[str, ...]:
    """What one of our checkpoints was trained with otherwise, and no shape tells."""
    if "config" not in weights.meta:
        return ()
    before = model_config(weights.meta)
    names = ("heads", "stride", "mie_scale", "feature")
    return tuple(
        f"{name} {getattr(before, name)}, here {getattr(config, name)}"
        for name in names
        if getattr(before, name) != getattr(config, name)
    )


def with_radar_patches(state: State) -> State:
    """The state with SAR patch embedding, copied from the optical one if it has none."""
    copies = {
        key.replace("base.patch_embed.", "base.patch_embed_SAR."): value.clone()
        for key, value in state.items()
        if key.startswith("base.patch_embed.")
    }
    return copies | state


def source_grid(weights: Weights, target: ModelConfig) -> tuple[int, int]:
    """Rows and columns of a file's position embedding.

    Our own checkpoints say. Else a square if the count is one, else the divisors nearest to the
    target's proportions."""
    if "config" in weights.meta:
        return model_config(weights.meta).grid
    count = weights.state[POSITIONS].shape[1] - 1
    side = math.isqrt(count)
    if side * side == count:
        return side, side
    wanted = math.log(target.grid[0] / target.grid[1])
    divisors = [rows for rows in range(1, count + 1) if count % rows == 0]
    rows = min(divisors, key=lambda rows: abs(math.log(rows * rows / count) - wanted))
    return rows, count // rows


def resize_positions(positions: Tensor, before: tuple[int, int], after: tuple[int, int]) -> Tensor:
    """Resize a position embedding bilinearly (He et al., TransReID, section 3.1).

    Args:
        positions: (1, 1 + rows * columns, width), the class position first.
        before: its rows and columns.
        after: rows and columns wanted.
    """
    if positions.shape[1] != 1 + before[0] * before[1]:
        raise CrosswakeError(
            f"a position embedding of {positions.shape[1]} is no grid of {before[0]} x {before[1]}"
        )
    grid = positions[:, 1:].reshape(1, *before, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=after, mode="bilinear", align_corners=False)
    return torch.cat([positions[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


def model_config(meta: Mapping[str, Any]) -> ModelConfig:
    """The model settings kept in one of our checkpoints."""
    fields = dict(meta["config"]["model"])
    return ModelConfig(**fields | {"image_size": tuple(fields["image_size"])})


def infer_config(weights: Weights) -> ModelConfig:
    """The model that a bare weight file belongs to, read off its shapes.

    Heads are one for every 64 of the width, as in every published ViT; the image is the published
    256 x 128 where the number of positions fits it, else the square or 2:1 image that does."""
    state = weights.state
    if "base.patch_embed.proj.weight" not in state:
        raise CrosswakeError(
            f"{weights.path}: its patch embedding is not the published one; use one of our "
            "checkpoints"
        )
    width, patch = (
        state["base.patch_embed.proj.weight"].shape[0],
        state["base.patch_embed.proj.weight"].shape[-1],
    )
    count = state[POSITIONS].shape[1] - 1
    rows = math.isqrt(2 * count) if math.isqrt(2 * count) ** 2 == 2 * count else math.isqrt(count)
    if rows == 0 or count % rows:
        raise CrosswakeError(
            f"{weights.path}: {count} positions are no 2:1 or square grid; use one of our "
            "checkpoints"
        )
    depth = 1 + max(int(key.split(".")[2]) for key in state if key.startswith("base.blocks."))
    return ModelConfig(
        image_size=(rows * patch, count // rows * patch),
        patch_size=patch,
        stride=patch,
        width=width,
        depth=depth,
        heads=max(1, width // 64),
        mie="base.mie_embed" in state,
        sse=any(key.startswith("base.wh_embed.") for key in state),
    )


def count_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in model.parameters())
