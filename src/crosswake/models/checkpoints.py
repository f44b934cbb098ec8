"""Puts the weights of a file into a model: names, shapes and positions.

Nothing is skipped silently: what was loaded, resized, left out or missing is reported by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.core.errors import CrosswakeError
from crosswake.models.backbones.vit import Vit
from crosswake.models.model import ReidModel
from crosswake.models.shapes import (
    MOST_LEADING,
    OTHERWISE,
    POSITIONS,
    TIMM_POSITIONS,
    has_both,
    model_config,
    size_of,
    source_grid,
)
from crosswake.models.weight_files import NO_VIT, State, Weights
from crosswake.settings.model import ModelConfig

DROPPED = ("base.fc.", "base.head.", "base.fc_norm.", "base.pre_logits.")
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
            f"  {what}: {', '.join(by_stage(names))}"
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


def by_stage(names: Sequence[str]) -> list[str]:
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
    if positions in own and same_but_count(state.get(positions), own[positions]):
        state[positions], change = fit_positions(weights, state[positions], model, grid)
        resized.append(f"{positions} ({change})")
    fitting = {
        key: value
        for key, value in state.items()
        if key in own
        and own[key].shape == value.shape
        and own[key].is_floating_point() == value.is_floating_point()
    }
    left_out += [
        misfit(key, value, own.get(key)) for key, value in state.items() if key not in fitting
    ]
    if not any(key.startswith(base.body) for key in fitting):
        raise CrosswakeError(f"{weights.path}: {why_nothing_fits(model, state)}")
    require_finite_weights(weights, fitting)
    model.load_state_dict(fitting, strict=False)
    return LoadReport(
        source=weights.path.name,
        loaded=tuple(sorted(fitting)),
        resized=tuple(resized),
        left_out=tuple(sorted(left_out)),
        missing=tuple(sorted(set(own) - set(fitting))),
        other_settings=other_settings(weights, model.config),
        taken_as=() if weights.meta else untold(weights, model),
    )


def same_but_count(found: Tensor | None, own: Tensor) -> bool:
    """Whether a position embedding could be one of another number of positions."""
    if found is None or found.ndim != 3 or not found.is_floating_point():
        return False
    count, wanted = found.shape[1], own.shape[1]
    return count != wanted and (1, own.shape[2]) == (found.shape[0], found.shape[2])


def require_finite_weights(weights: Weights, state: State) -> None:
    """Refuse weights of which no feature can come.

    Raises:
        CrosswakeError: a tensor holds NaN or an infinity.
    """
    for key, value in state.items():
        if value.is_floating_point() and not value.float().isfinite().all():
            raise CrosswakeError(
                f"{weights.path}: '{key}' holds NaN or infinities, as after a training that "
                "diverged; use an earlier checkpoint"
            )


def why_nothing_fits(model: ReidModel, state: State) -> str:
    """One line on a file of which no block fits."""
    config, width = model.config, size_of(state, "base.cls_token", 3)
    if not isinstance(model.base, Vit):
        return f"holds no weights of timm's {config.backbone}; is it the right file?"
    if not width:
        return NO_VIT
    if width != config.width:
        return f"width {width} does not fit --model.width {config.width}"
    return "none of its blocks fits the model's; is it a Vision Transformer of another kind?"


def positions_of(model: ReidModel) -> str:
    """Name of a model's position embedding, if it has one."""
    return POSITIONS if isinstance(model.base, Vit) else TIMM_POSITIONS


def fit_positions(
    weights: Weights, positions: Tensor, model: ReidModel, grid: tuple[int, int] | None
) -> tuple[Tensor, str]:
    """A file's position embedding for the grid and the leading tokens of the model, and what was
    changed, in words."""
    config, after = model.config, model.base.grid
    known = model_config(weights) if weights.meta else None
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
            f"{weights.path}: a position embedding of {positions.shape[1]} is no grid of "
            f"{before[0]} x {before[1]}"
        )
    own = model.state_dict()[positions_of(model)].shape[1] - after[0] * after[1]
    change = f"{before[0]} x {before[1]} to {after[0]} x {after[1]}"
    if leading != own:
        change += f", {leading} leading positions to {own}"
    return resize_positions(positions, before, after, (leading, own)), change


def untold(weights: Weights, model: ReidModel) -> tuple[str, ...]:
    """What a bare file of a ViT may have been trained with otherwise, and no shape tells."""
    if not isinstance(model.base, Vit):
        return ()
    names = OTHERWISE if has_both(weights) else OTHERWISE[:2]
    return tuple(f"{name} {getattr(model.config, name)}" for name in names)


def misfit(key: str, value: Tensor, own: Tensor | None) -> str:
    """Name of a tensor that has no place, with the shapes where those are why."""
    if own is None:
        return key
    if own.shape == value.shape:
        return f"{key} {value.dtype} for {own.dtype}"
    return f"{key} {tuple(value.shape)} for {tuple(own.shape)}"


def other_settings(weights: Weights, config: ModelConfig) -> tuple[str, ...]:
    """What one of our checkpoints was trained with otherwise, and no shape tells."""
    if not weights.meta:
        return ()
    before = model_config(weights)
    return tuple(
        f"{name} {getattr(before, name)}, here {getattr(config, name)}"
        for name in OTHERWISE
        if getattr(before, name) != getattr(config, name)
    )


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


def count_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in model.parameters())
