"""Puts the weights of a file into a model: names, shapes and positions.

Nothing is skipped silently: what was loaded, resized, left out or missing is reported by name.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.core.errors import CrosswakeError
from crosswake.models.backbones.vit import Vit
from crosswake.models.model import ReidModel
from crosswake.models.weight_files import NO_VIT, State, Weights
from crosswake.settings.model import ModelConfig

DROPPED = ("base.fc.", "base.head.", "base.fc_norm.", "base.pre_logits.")
POSITIONS = "base.pos_embed"
MOST_LEADING = 8
"""Positions before those of patches that any known ViT has: class, distillation, registers."""
MOST_NAMES = 16
"""Names of a stage that are listed one by one; a block of a ViT has 12."""


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What became of every tensor, by name; what the model was trained with otherwise that no shape
    tells; and what had to be assumed, for the file does not say."""

    source: str
    loaded: tuple[str, ...]
    resized: tuple[str, ...]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    other_settings: tuple[str, ...] = ()
    taken_as: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For people: how many were loaded, and the names of all others; long lists by stage."""
        rows = [f"{self.source}: {len(self.loaded)} tensors loaded"]
        rows += [
            f"  {what}: {', '.join(shortened(names))}"
            for what, names in (
                ("resized", self.resized),
                ("left out", self.left_out),
                ("stay at their initial value", self.missing),
                ("trained with other settings", self.other_settings),
                ("not in the file, so taken as", self.taken_as),
            )
            if names
        ]
        return rows


def shortened(names: Sequence[str]) -> list[str]:
    """The names, with those of a whole stage of a network as one."""
    stages: dict[str, list[str]] = {}
    for name in names:
        stages.setdefault(".".join(name.split(".")[:2]), []).append(name)
    found: list[str] = []
    for stage, members in stages.items():
        many = len(members) > MOST_NAMES
        found += [f"{stage}.* ({len(members)} tensors)"] if many else members
    return found


def load_into(
    model: ReidModel, weights: Weights, grid: tuple[int, int] | None = None
) -> LoadReport:
    """Copy weights into a model, resizing positions and leaving out what does not fit.

    Both patch embeddings start as copies of the one where the file has only one.

    Args:
        model: the model.
        weights: what :func:`read_weights` returned.
        grid: rows and columns of the file's position embedding; found by :func:`source_grid` if
            None.

    Raises:
        CrosswakeError: nothing of the file fits the model's blocks.
    """
    base = model.base
    state = {key: value for key, value in weights.state.items() if not key.startswith(DROPPED)}
    left_out = [key for key in weights.state if key.startswith(DROPPED)]
    state = base.own_names(state)
    own, resized = model.state_dict(), []
    positions = positions_of(model)
    if positions in state and positions in own and state[positions].shape != own[positions].shape:
        state[positions], change = fit_positions(weights, state[positions], model, grid)
        resized.append(f"{positions} ({change})")
    fitting = {
        key: value for key, value in state.items() if key in own and own[key].shape == value.shape
    }
    left_out += [
        misfit(key, value, own.get(key)) for key, value in state.items() if key not in fitting
    ]
    if not any(key.startswith(base.body) for key in fitting):
        raise CrosswakeError(f"{weights.path}: {why_nothing_fits(model, state)}")
    model.load_state_dict(fitting, strict=False)
    return LoadReport(
        source=weights.path.name,
        loaded=tuple(sorted(fitting)),
        resized=tuple(resized),
        left_out=tuple(sorted(left_out)),
        missing=tuple(sorted(set(own) - set(fitting))),
        other_settings=other_settings(weights, model.config),
    )


def why_nothing_fits(model: ReidModel, state: State) -> str:
    """One line on a file of which no block fits."""
    config, token = model.config, state.get("base.cls_token")
    if not isinstance(model.base, Vit):
        return f"holds no weights of timm's {config.backbone}; is it the right file?"
    if token is None:
        return NO_VIT
    width = token.shape[-1]
    if width != config.width:
        return f"width {width} does not fit --model.width {config.width}"
    return "none of its blocks fits the model's; is it a Vision Transformer of another kind?"


def positions_of(model: ReidModel) -> str:
    """Name of a model's position embedding, if it has one."""
    return POSITIONS if isinstance(model.base, Vit) else "base.net.pos_embed"


def fit_positions(
    weights: Weights, positions: Tensor, model: ReidModel, grid: tuple[int, int] | None
) -> tuple[Tensor, str]:
    """A file's position embedding for the grid and the leading tokens of the model, and what was
    changed, in words."""
    config, after = model.config, model.base.grid
    known = model_config(weights.meta) if "config" in weights.meta else None
    if grid is None and known and known.backbone == config.backbone != "vit":
        high, wide = (
            cells * there // here
            for cells, there, here in zip(after, known.image_size, config.image_size, strict=True)
        )
        grid = (high, wide)
    before = grid or source_grid(weights, config)
    leading = positions.shape[1] - before[0] * before[1]
    if not 0 <= leading <= MOST_LEADING:
        raise CrosswakeError(
            f"a position embedding of {positions.shape[1]} is no grid of {before[0]} x {before[1]}"
        )
    own = model.state_dict()[positions_of(model)].shape[1] - after[0] * after[1]
    change = f"{before[0]} x {before[1]} to {after[0]} x {after[1]}"
    if leading != own:
        change += f", {leading} leading positions to {own}"
    return resize_positions(positions, before, after, (leading, own)), change


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


def source_grid(weights: Weights, target: ModelConfig) -> tuple[int, int]:
    """Rows and columns of a file's position embedding.

    Our own checkpoints say. Else it is a square, or twice as high as wide: after a position for
    each token before the patches (class, distillation, registers), or after none, as ViTs whose
    class token has no position. Else the divisors nearest to the target's proportions."""
    state = weights.state
    if "config" in weights.meta and (known := model_config(weights.meta)).backbone == "vit":
        return known.grid
    name = next(key for key in (POSITIONS, "base.net.pos_embed") if key in state)
    tokens = sum(
        value.shape[1] if value.ndim == 3 else 0
        for key, value in state.items()
        if key.rpartition(".")[2] in ("cls_token", "dist_token", "reg_token")
    ) + any("cls_token_spe" in key for key in state)
    count = state[name].shape[1]
    for patches in (count - tokens, count):
        if known_grid := regular_grid(patches):
            return known_grid
    patches = count - tokens
    wanted = math.log(target.image_size[0] / target.image_size[1])
    divisors = [rows for rows in range(1, patches + 1) if patches % rows == 0]
    rows = min(divisors, key=lambda rows: abs(math.log(rows * rows / patches) - wanted))
    return rows, patches // rows


def regular_grid(patches: int) -> tuple[int, int] | None:
    """The square grid, or the grid twice as high as wide, of so many patches; None if neither
    is."""
    for height in (1, 2):
        columns = math.isqrt(max(patches, 0) // height)
        if columns and height * columns * columns == patches:
            return height * columns, columns
    return None


def resize_positions(
    positions: Tensor,
    before: tuple[int, int],
    after: tuple[int, int],
    leading: tuple[int, int] = (1, 1),
) -> Tensor:
    """Resize a position embedding bilinearly (He et al., TransReID, section 3.1).

    Args:
        positions: (1, leading + rows * columns, width).
        before: its rows and columns.
        after: rows and columns wanted.
        leading: positions before those of patches, in the file and as wanted. Further ones repeat
            the last; without any they are 0, which is what such a model adds to its class token.
    """
    found, wanted = leading
    first, grid = positions[:, :found], positions[:, found:]
    grid = grid.reshape(1, *before, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=after, mode="bilinear", align_corners=False)
    if not found:
        first = positions.new_zeros(1, 1, positions.shape[2])
    first = torch.cat([first, *[first[:, -1:]] * wanted], dim=1)[:, :wanted]
    return torch.cat([first, grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


def model_config(meta: Mapping[str, Any]) -> ModelConfig:
    """The model settings kept in one of our checkpoints."""
    fields = dict(meta["config"]["model"])
    return ModelConfig(**fields | {"image_size": tuple(fields["image_size"])})


def infer_config(weights: Weights) -> ModelConfig:
    """The model that a bare weight file belongs to, read off its shapes.

    Heads are one for every 64 of the width, as in every published ViT; the image is the published
    256 x 128 where the number of positions fits it, else the square or 2:1 image that does.

    Raises:
        CrosswakeError: it is no ViT, or its shapes do not tell.
    """
    state = weights.state
    if "base.cls_token" not in state:
        raise CrosswakeError(f"{weights.path}: {NO_VIT}")
    if "base.patch_embed.proj.weight" not in state or POSITIONS not in state:
        raise CrosswakeError(
            f"{weights.path}: its patch embedding or positions are not the published ones; use one "
            "of our checkpoints"
        )
    width, _, _, patch = state["base.patch_embed.proj.weight"].shape
    sdf_net = "base.cls_token_spe_rgb" in state
    patches = state[POSITIONS].shape[1] - 1 - sdf_net
    grid = regular_grid(patches)
    if grid is None:
        raise CrosswakeError(
            f"{weights.path}: {patches} positions are no 2:1 or square grid; use one of our "
            "checkpoints"
        )
    depth = 1 + max(int(key.split(".")[2]) for key in state if key.startswith("base.blocks."))
    return ModelConfig(
        method="sdf_net" if sdf_net else "transoss",
        feature="neck" if sdf_net else "raw",
        image_size=(grid[0] * patch, grid[1] * patch),
        patch_size=patch,
        stride=patch,
        width=width,
        depth=depth,
        heads=max(1, width // 64),
        mie="base.mie_embed" in state,
        sse=any(key.startswith("base.wh_embed.") for key in state),
    )


def assumed(weights: Weights, config: ModelConfig) -> tuple[str, ...]:
    """What :func:`infer_config` took for granted; and that a plain ViT is no model of ours."""
    names = ("image_size", "stride", "heads", "feature") + (("mie_scale",) if config.mie else ())
    found = tuple(f"{name} {getattr(config, name)}" for name in names)
    if "base.patch_embed_SAR.proj.weight" not in weights.state:
        return (*found, "a model of both modalities, though it is a plain ViT that never saw SAR")
    return found


def count_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in model.parameters())
