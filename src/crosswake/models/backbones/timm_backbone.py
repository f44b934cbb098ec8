"""Any timm model by its name, with a patch embedding (or first convolution) for each modality.

Nothing is fetched: weights are random until :mod:`crosswake.models.checkpoints` loads some."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from crosswake.batches.prepare import IMAGENET_MEAN, IMAGENET_STD
from crosswake.core.errors import CrosswakeError
from crosswake.models.embeddings import SizeEmbed, by_modality, modality_embed
from crosswake.models.heads import make_pool
from crosswake.settings.model import ModelConfig

CLASSIFIER = {
    key: f"{key} (timm's)" for key in ("classifier.weight", "classifier.bias", "logit_scale")
}
"""Some timm models have names that our heads have too."""


class TimmBackbone(nn.Module):
    """What transformers and convolutional networks have in common.

    A timm model has positions, normalisation and drop path of its own; its weights keep timm's
    names below ``net``. Only its first layer is taken out, as ``patch_embed``, and doubled.

    Args:
        config: the settings.
        net: timm's model, without classifier.
        first: name in ``net`` of the layer that sees the image.

    Attributes:
        mean: (3,) that the weights want taken from pixels of 0 to 1; images come in with
            ImageNet's. In the state dict, so that a checkpoint carries what its weights want.
        std: (3,) that they want pixels divided by.
        channels_last: lay images out channels last, for which convolutions have quicker kernels.
    """

    body = "base.net."

    def __init__(self, config: ModelConfig, net: Any, first: str) -> None:
        super().__init__()
        self.config, self.first = config, first
        self.channels_last = self.recompute = False
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(net.pretrained_cfg["mean"]))
        self.register_buffer("std", torch.tensor(net.pretrained_cfg["std"]))
        self.patch_embed = net.get_submodule(first)
        self.patch_embed_SAR = deepcopy(self.patch_embed)
        net.set_submodule(first, nn.Identity())
        self.net = net

    def finish(self, grid: tuple[int, int], channels: int) -> None:
        """Make what follows the network, whose output is now known."""
        self.grid = grid
        self.grid_pool = make_pool(self.config, grid, channels)
        self.width = self.config.width if self.config.pooling == "grid" else channels
        default = ModelConfig.width
        if self.config.width not in (self.width, default):
            raise CrosswakeError(
                f"--model.width: the feature of {self.config.backbone} has {self.width} numbers, "
                f"not {self.config.width}; leave the option out, or set --model.pooling grid"
            )

    def prepared(self, images: Tensor) -> Tensor:
        """Images with ImageNet's mean and std as the weights want them."""
        given_mean, given_std = (
            torch.tensor(value, device=images.device)[:, None, None]
            for value in (IMAGENET_MEAN, IMAGENET_STD)
        )
        pixels = images.float() * given_std + given_mean
        images = (pixels - self.mean[:, None, None]) / self.std[:, None, None]
        return (
            images.contiguous(memory_format=torch.channels_last) if self.channels_last else images
        )

    def draw_drop_path(self, batch: int, generator: torch.Generator) -> Tensor | None:  # noqa: ARG002
        """None: timm draws its own, from PyTorch's global generator, so that results of several
        processes are not those of one."""
        return None

    def own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A file's tensors under the names that this backbone has for them: the first layer and,
        where each modality has its own, BatchNorm of both start as copies of timm's one."""
        found: dict[str, Tensor] = {}
        used: set[str] = set()
        mine = {f"base.{name}": name for name in self.state_dict()}
        for ours, own in mine.items():
            name = timm_name(own, self.first)
            source = name if name in state else f"base.{name}"  # so a ViT's were read
            if source in state and ours not in state:
                found[ours] = state[source]
                if source not in mine:  # the optical patch embedding has one name in both
                    used.add(source)
        rest = {key: value for key, value in state.items() if key not in used}
        if used:  # else the file is ours, and so is its classifier
            rest = {CLASSIFIER.get(key, key): value for key, value in rest.items()}
        return rest | found


def timm_name(own: str, first: str) -> str:
    """What timm calls a tensor of ours."""
    if own.startswith("net."):
        own = own.removeprefix("net.")
        return own.replace(".optical.", ".").replace(".sar.", ".")
    for stem in ("patch_embed.", "patch_embed_SAR."):
        if own.startswith(stem):
            return f"{first}.{own.removeprefix(stem)}"
    return own


class TimmTransformer(TimmBackbone):
    """A ViT of timm's, with rotary positions (EVA-02, DINOv3) or without.

    Tokens are in timm's order [class, registers, patches]. The size embedding comes before the
    patches, for rotary positions belong to patches and are given to all tokens after those."""

    def __init__(self, config: ModelConfig, net: Any) -> None:
        super().__init__(config, net, "patch_embed")
        self.prefix = net.num_prefix_tokens
        if config.pooling == "class" and net.cls_token is None:
            raise CrosswakeError(
                f"--model.pooling: {config.backbone} has no class token; set it to mean or grid"
            )
        self.mie_embed = modality_embed(net.embed_dim) if config.mie else None
        self.wh_embed = SizeEmbed(net.embed_dim) if config.sse else None
        if config.sse:
            for block in net.blocks:
                if hasattr(block.attn, "num_prefix_tokens"):
                    block.attn.num_prefix_tokens += 1
        self.finish(self.patch_embed.grid_size, net.embed_dim)

    def patches_and_first(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """Tokens after the last LayerNorm, [class, registers, size, patches]."""
        net = self.net
        images = self.prepared(images)
        patches = by_modality(self.patch_embed, self.patch_embed_SAR, images, modality)
        found = net._pos_embed(patches)
        tokens, rope = found if isinstance(found, tuple) else (found, None)
        if self.mie_embed is not None:
            tokens = tokens + self.config.mie_scale * self.mie_embed[modality]
        if self.wh_embed is not None:
            parts = (tokens[:, : self.prefix], self.wh_embed(size), tokens[:, self.prefix :])
            tokens = torch.cat([part.to(tokens.dtype) for part in parts], dim=1)
        tokens = net.norm_pre(tokens)
        for index, block in enumerate(net.blocks):
            # EVA's blocks take rotary positions, some a set of their own for each depth.
            of_block = rope[index] if getattr(net, "rope_mixed", False) else rope
            more = () if rope is None else (of_block,)
            if self.recompute and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, *more, use_reentrant=False)
            else:
                tokens = block(tokens, *more)
        return torch.as_tensor(net.norm(tokens))

    def forward(
        self,
        images: Tensor,
        modality: Tensor,
        size: Tensor,
        drop_path_mask: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        """(batch, width) features; arguments as
        :meth:`crosswake.models.model.ReidModel.forward`."""
        tokens = self.patches_and_first(images, modality, size)
        if self.grid_pool is None:
            return tokens[:, 0]
        return torch.as_tensor(self.grid_pool(self.only_patches(tokens)))

    def only_patches(self, tokens: Tensor) -> Tensor:
        """The tokens without class, registers and size."""
        return tokens[:, self.prefix + self.config.sse :]

    def patch_weights(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor | None:
        """Length of each patch's share of the feature: (batch, rows, columns); None with a class
        token, whose attention timm does not hand out."""
        if self.grid_pool is None:
            return None
        patches = self.only_patches(self.patches_and_first(images, modality, size))
        return self.grid_pool.shares(patches).reshape(-1, *self.grid)


def unsupported(name: str) -> CrosswakeError:
    """A model of another kind."""
    return CrosswakeError(
        f"--model.backbone: {name} is neither a plain Vision Transformer nor a convolutional "
        "network with one first layer; take another"
    )
