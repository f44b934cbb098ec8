"""What the tensors of a weight file tell of its model, and whether its settings are theirs."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from crosswake.core.errors import CrosswakeError
from crosswake.data.chips import AS_THE_FILE_SAYS, Reading, SarBand
from crosswake.data.radiometry import SarRadiometry
from crosswake.models.build import build_model
from crosswake.models.weight_files import NO_VIT, TRAINED_BY, State, Weights
from crosswake.settings.beside import beside, read_beside
from crosswake.settings.model import ModelConfig
from crosswake.settings.stored import fit_stored, restored

POSITIONS, TIMM_POSITIONS = "base.pos_embed", "base.net.pos_embed"
MOST_LEADING = 8
"""Positions before those of patches that any known ViT has: class, distillation, registers."""
TOKENS = ("cls_token", "dist_token", "reg_token")
"""Names of what timm's ViTs have before the patches."""
USUAL_LEADING = (0, 1, 2, 5)
"""The same in files that lack those tokens: none, class, and distillation or four registers."""
NEAR = math.log(1.25)
"""Proportions of a grid up to this factor from those of the model count as the same."""
UNSEEN = ("image_size", "stride", "heads", "mie_scale", "feature")
"""Settings that no shape tells, so that a file of ours has to say them."""
PUBLISHED = (768, 12, 16, (256, 128))
"""Width, depth, patch and image of the published models, the only bare files of two modalities
that need no settings."""
OTHERWISE = ("heads", "stride", "mie_scale", "feature")
"""Those of which a model that starts from the file may have others; a plain ViT has two of them."""


def model_config(weights: Weights) -> ModelConfig:
    """The model settings kept in one of our checkpoints.

    Raises:
        CrosswakeError: they are incomplete, no settings, of a newer version, or of a model that
            finds buildings.
    """
    if weights.meta.get("command") == TRAINED_BY:
        raise CrosswakeError(
            f"{weights.path}: a model of crosswake {TRAINED_BY}, which embeds no chips; name a "
            "checkpoint of crosswake train or pretrain"
        )
    try:
        return restored(ModelConfig, weights.meta["config"].get("model"), UNSEEN)
    except CrosswakeError as error:
        raise CrosswakeError(f"{weights.path}: its model's settings: {error}") from error


def radiometry_of(weights: Weights) -> SarRadiometry | None:
    """How the model of a file was shown SAR; None where neither it nor a file beside it says.

    Raises:
        CrosswakeError: it says a way that there is not.
    """
    stored = weights.meta["config"] if weights.meta else read_beside(weights.path)
    if "sar_radiometry" not in stored:
        return None
    try:
        found: SarRadiometry = fit_stored(stored["sar_radiometry"], SarRadiometry, "sar_radiometry")
    except CrosswakeError as error:
        raise CrosswakeError(f"{weights.path}: {error}") from error
    return found


def reading_of(weights: Weights) -> Reading:
    """The SAR band that the model of a file learnt from.

    Raises:
        CrosswakeError: it says a band that there is not.
    """
    stored = weights.meta["config"] if weights.meta else read_beside(weights.path)
    try:
        band: SarBand | None = fit_stored(stored.get("sar_band"), SarBand | None, "sar_band")
    except CrosswakeError as error:
        raise CrosswakeError(f"{weights.path}: {error}") from error
    return Reading(sar_band=band, of_model=True) if band else AS_THE_FILE_SAYS


def shapes_of(config: ModelConfig) -> dict[str, torch.Size]:
    """Shapes of a model's tensors by name, without taking memory for them.

    Raises:
        CrosswakeError: a setting does not fit the backbone.
    """
    with torch.device("meta"):
        return {name: value.shape for name, value in build_model(config).state_dict().items()}


def require_own(weights: Weights, config: ModelConfig) -> None:
    """Refuse a checkpoint of ours whose tensors are not those of its settings, before a model of
    those is built.

    Raises:
        CrosswakeError: they differ; the message says where.
    """
    state, path = weights.state, weights.path
    if config.backbone == "vit" and depth_of(state) != config.depth:  # a million take hours
        raise CrosswakeError(
            f"{path}: says depth {config.depth} and holds {depth_of(state)} blocks; fetch it again"
        )
    try:
        shapes = shapes_of(config)
    except CrosswakeError as error:
        raise CrosswakeError(f"{path}: its model's settings: {error}") from error
    for name, shape in shapes.items():
        if name.startswith("classifier."):
            continue
        if name not in state:
            raise CrosswakeError(f"{path}: lacks the tensor '{name}'; fetch it again")
        if state[name].shape != shape:
            raise CrosswakeError(
                f"{path}: '{name}' is {tuple(state[name].shape)}, and its settings say "
                f"{tuple(shape)}; fetch it again"
            )


def depth_of(state: State) -> int:
    """How many blocks of a ViT there are, from the first without a gap."""
    width = size_of(state, "base.cls_token", 3)
    depth = 0
    while size_of(state, f"base.blocks.{depth}.attn.qkv.weight", 2) == width != 0:
        depth += 1
    return depth


def size_of(state: State, name: str, axes: int) -> int:
    """The last extent of a tensor of so many axes; 0 where there is none."""
    value = state.get(name)
    return value.shape[-1] if value is not None and value.ndim == axes else 0


def seen_settings(weights: Weights) -> dict[str, Any]:
    """The settings of our own ViT that shapes tell.

    Raises:
        CrosswakeError: it is no ViT, or one of another kind.
    """
    state, path = weights.state, weights.path
    if "base.cls_token" not in state:
        raise CrosswakeError(f"{path}: {NO_VIT}")
    patch, depth = size_of(state, "base.patch_embed.proj.weight", 4), depth_of(state)
    if not patch or not depth or size_of(state, POSITIONS, 3) == 0:
        raise CrosswakeError(
            f"{path}: its patch embedding, positions or blocks are not the published ones; use one "
            f"of our checkpoints, or write the settings of its run into {beside(path)}"
        )
    return {
        "method": "sdf_net" if "base.cls_token_spe_rgb" in state else "transoss",
        "patch_size": patch,
        "width": state["base.cls_token"].shape[-1],
        "depth": depth,
        "mie": "base.mie_embed" in state,
        "sse": any(key.startswith("base.wh_embed.") for key in state),
    }


def infer_config(weights: Weights) -> ModelConfig:
    """The model that a bare weight file belongs to, read off its shapes.

    Heads are one for every 64 of the width, as in every published ViT; the image is the published
    256 x 128 where the number of positions fits it, else the square or 2:1 image that does.

    Raises:
        CrosswakeError: it is no ViT, or its shapes do not tell.
    """
    seen = seen_settings(weights)
    sdf_net, patch = seen["method"] == "sdf_net", seen["patch_size"]
    patches = weights.state[POSITIONS].shape[1] - 1 - sdf_net
    grid = regular_grid(patches)
    if grid is None:
        raise CrosswakeError(
            f"{weights.path}: {patches} positions are no 2:1 or square grid; use one of our "
            f"checkpoints, or write the settings of its run into {beside(weights.path)}"
        )
    return ModelConfig(
        **seen,
        feature="neck" if sdf_net else "raw",
        image_size=(grid[0] * patch, grid[1] * patch),
        stride=patch,
        heads=max(1, seen["width"] // 64),
    )


def bare_config(weights: Weights) -> ModelConfig:
    """The model of a file without settings: by the settings beside it, else by its shapes where
    every published file of such shapes has the same settings.

    Raises:
        CrosswakeError: neither tells; the message names what is missing.
    """
    given = read_beside(weights.path).get("model")
    if given is None:
        found = infer_config(weights)
        shape = (found.width, found.depth, found.patch_size, found.image_size)
        if found.width % 64 or (has_both(weights) and shape != PUBLISHED):
            unseen = ", ".join(f"model.{name}" for name in UNSEEN)
            raise CrosswakeError(
                f"{weights.path}: holds no settings, and shapes do not tell {unseen} and "
                f"sar_radiometry; write them into {beside(weights.path)} (a copy of its run's "
                "settings.yaml will do), or use a checkpoint of the run"
            )
        return found
    own = given if isinstance(given, Mapping) else {}
    of_shapes = own.get("backbone", "vit") == "vit" and own.get("stem") != "conv"
    seen = seen_settings(weights) if of_shapes else {}
    try:
        config = restored(ModelConfig, seen | dict(own), UNSEEN)
    except CrosswakeError as error:
        raise CrosswakeError(f"{beside(weights.path)}: model: {error}") from error
    require_own(weights, config)
    return config


def has_both(weights: Weights) -> bool:
    """Whether a ViT has a patch embedding for each modality, as only models like ours have."""
    return any(key.startswith("base.patch_embed_SAR.") for key in weights.state)


def source_grid(weights: Weights, target: ModelConfig) -> tuple[int, int]:
    """Rows and columns of a file's position embedding.

    Our own checkpoints say. Else it is a square, or twice as high as wide: after a position for
    each token before the patches (class, distillation, registers), or after none, as ViTs whose
    class token has no position, or after the one number of others that gives such a grid. Else it
    has about the target's proportions, after the file's tokens.

    Raises:
        CrosswakeError: it is none of these.
    """
    state = weights.state
    if weights.meta and (known := model_config(weights)).backbone == "vit":
        return known.grid
    found_in = {
        name: value.shape[1]
        for network in ("", "base.", "base.net.")
        for name in (*TOKENS, "pos_embed")
        if (value := state.get(f"{network}{name}")) is not None and value.ndim == 3
    }
    count = found_in.pop("pos_embed", 0)
    tokens = sum(found_in.values()) + ("base.cls_token_spe_rgb" in state)
    for leading in (tokens, 0):
        if grid := regular_grid(count - leading):
            return grid
    grids = [regular_grid(count - leading) for leading in USUAL_LEADING]
    if len(found := [grid for grid in grids if grid]) == 1:
        return found[0]
    patches = count - tokens
    wanted = math.log(target.image_size[0] / target.image_size[1])
    divisors = [rows for rows in range(1, math.isqrt(max(patches, 0)) + 1) if patches % rows == 0]
    both = [*divisors, *(patches // rows for rows in divisors)]
    away = {rows: abs(math.log(rows * rows / patches) - wanted) for rows in both}
    rows = min(away, key=lambda rows: away[rows], default=0)
    if not rows or away[rows] > NEAR:
        raise CrosswakeError(
            f"{weights.path}: {count} positions are no square grid, no grid of 2:1 and none of the "
            "proportions of --model.image_size; set that to those of the images it was trained on"
        )
    return rows, patches // rows


def regular_grid(patches: int) -> tuple[int, int] | None:
    """The square grid, or the grid twice as high as wide, of so many patches; None if neither
    is."""
    for height in (1, 2):
        columns = math.isqrt(max(patches, 0) // height)
        if columns and height * columns * columns == patches:
            return height * columns, columns
    return None


def assumed(weights: Weights, config: ModelConfig) -> tuple[str, ...]:
    """What :func:`infer_config` took for granted; and that a plain ViT is no model of ours."""
    names = UNSEEN if config.mie else [name for name in UNSEEN if name != "mie_scale"]
    found = tuple(f"{name} {getattr(config, name)}" for name in names)
    if not has_both(weights):
        return (*found, "a model of both modalities, though it is a plain ViT that never saw SAR")
    return found
