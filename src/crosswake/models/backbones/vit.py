"""Our own Vision Transformer (Dosovitskiy et al., ICLR 2021), pre-norm, under timm's and
TransOSS's parameter names."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from crosswake.models.embeddings import (
    PatchEmbed,
    SizeEmbed,
    by_modality,
    sine_positions,
)
from crosswake.models.heads import make_pool
from crosswake.settings.model import ModelConfig

LAYER_NORM_EPS = 1e-6


class Attention(nn.Module):
    """Multi-head self-attention over (batch, tokens, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def heads_of(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (batch, heads, tokens, width / heads)."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend; shape is kept."""
        mixed = F.scaled_dot_product_attention(*self.heads_of(tokens))
        return torch.as_tensor(self.proj(mixed.transpose(1, 2).reshape(tokens.shape)))

    def class_attention(self, tokens: Tensor) -> Tensor:
        """How much the first token attends to every token, mean over heads: (batch, tokens)."""
        query, key, _ = self.heads_of(tokens)
        scores = (query[:, :, :1] @ key.transpose(-2, -1)) * query.shape[-1] ** -0.5
        return torch.as_tensor(scores.softmax(dim=-1).mean(dim=1).squeeze(1))


class Mlp(nn.Module):
    """Two linear layers around an exact GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map every token; shape is kept."""
        return torch.as_tensor(self.fc2(F.gelu(self.fc1(tokens))))


class Block(nn.Module):
    """A pre-norm transformer block whose two branches may be skipped sample by sample (drop
    path)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, tokens: Tensor, drop_path_mask: Tensor | None = None) -> Tensor:
        """Apply the block.

        Args:
            tokens: (batch, tokens, width).
            drop_path_mask: (2, batch) factors of the attention and MLP branches, 0 to skip; None
                skips nothing.
        """
        if drop_path_mask is None:
            tokens = tokens + self.attn(self.norm1(tokens))
            return torch.as_tensor(tokens + self.mlp(self.norm2(tokens)))
        tokens = tokens + drop_path_mask[0, :, None, None] * self.attn(self.norm1(tokens))
        return torch.as_tensor(
            tokens + drop_path_mask[1, :, None, None] * self.mlp(self.norm2(tokens))
        )

    def first_token(self, tokens: Tensor) -> Tensor:
        """The first token after the block, (batch, width), where no other is wanted: one query, all
        keys."""
        attention = self.attn
        batch, _, width = tokens.shape
        normed, first = self.norm1(tokens), tokens[:, 0]
        weight, bias = attention.qkv.weight, attention.qkv.bias
        query = F.linear(normed[:, :1], weight[:width], bias[:width])
        key, value = F.linear(normed, weight[width:], bias[width:]).chunk(2, dim=-1)
        heads = (batch, -1, attention.heads, width // attention.heads)
        query, key, value = (part.reshape(heads).transpose(1, 2) for part in (query, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        first = first + attention.proj(mixed.reshape(batch, width))
        return torch.as_tensor(first + self.mlp(self.norm2(first)))


def draw_drop_path(depth: int, batch: int, rate: float, generator: torch.Generator) -> Tensor:
    """Branch factors for every block and sample: 0, or 1 / (1 - p) with p rising linearly from 0 to
    ``rate``.

    Drawn outside the model, for the whole batch, so that they do not depend on how many processes
    share it.

    Returns:
        (depth, 2, batch) float32.
    """
    kept = 1.0 - torch.linspace(0.0, rate, depth)[:, None, None]
    return (torch.rand(depth, 2, batch, generator=generator) < kept).float() / kept


class Vit(nn.Module):
    """The transformer of TransOSS: chips of either modality to features.

    Tokens are in the order [class, patches row by row, size]. Names of weights are the published
    ones.

    Args:
        config: the shape.
        leading: class tokens before the patches, each with a position of its own.

    Attributes:
        recompute: in training, keep only what goes into each block, and compute the rest again in
            the backward pass (Chen et al., arXiv 1604.06174); gradients are the same.
        channels_last: lay images out channels last before a stem of convolutions, for which there
            are quicker kernels.
    """

    body = "base.blocks."
    """What names of weights beyond the embeddings begin with."""

    def __init__(self, config: ModelConfig, leading: int = 1) -> None:
        super().__init__()
        self.config, self.grid, self.leading = config, config.grid, leading
        self.recompute = self.channels_last = False
        positions = leading + self.grid[0] * self.grid[1]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, positions, config.width))
        self.patch_embed = PatchEmbed(config)
        self.patch_embed_SAR = PatchEmbed(config)
        self.mie_embed = nn.Parameter(torch.zeros(2, 1, config.width)) if config.mie else None
        self.wh_embed = SizeEmbed(config.width) if config.sse else None
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=LAYER_NORM_EPS)
        self.grid_pool = make_pool(config, self.grid, config.width)
        self.pos_embed.data[0, leading:] = sine_positions(self.grid, config.width)

    def draw_tokens(self) -> None:
        """First values of the learnt tokens: small random numbers."""
        for token in (self.cls_token, self.mie_embed):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02)

    @property
    def width(self) -> int:
        """Numbers in the feature."""
        return self.config.width

    def class_tokens(self, modality: Tensor) -> Tensor:
        """(batch, leading, width)."""
        # .shape and not len(), which export would take for a constant
        return self.cls_token.expand(modality.shape[0], -1, -1)

    def embed(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """Tokens before the first block."""
        if self.channels_last and self.config.stem == "conv":
            images = images.contiguous(memory_format=torch.channels_last)
        patches = by_modality(self.patch_embed, self.patch_embed_SAR, images, modality)
        first = self.class_tokens(modality).to(patches.dtype)
        tokens = torch.cat([first, patches], dim=1) + self.pos_embed
        if self.mie_embed is not None:
            tokens = tokens + self.config.mie_scale * self.mie_embed[modality]
        if self.wh_embed is not None:
            tokens = torch.cat([tokens, self.wh_embed(size).to(tokens.dtype)], dim=1)
        return tokens

    def through(self, tokens: Tensor, blocks: range, drop_path_mask: Tensor | None) -> Tensor:
        """Tokens after some of the blocks."""
        for index in blocks:
            block = self.blocks[index]
            factors = None if drop_path_mask is None else drop_path_mask[index]
            if self.recompute and torch.is_grad_enabled():
                # Nothing in a block is random, so no state of generators is kept for it.
                tokens = checkpoint(
                    block, tokens, factors, use_reentrant=False, preserve_rng_state=False
                )
            else:
                tokens = block(tokens, factors)
        return tokens

    def forward(
        self, images: Tensor, modality: Tensor, size: Tensor, drop_path_mask: Tensor | None = None
    ) -> Tensor:
        """(batch, width) features; arguments as
        :meth:`crosswake.models.model.ReidModel.forward`."""
        tokens, depth = self.embed(images, modality, size), len(self.blocks)
        if self.grid_pool is not None:
            tokens = self.through(tokens, range(depth), drop_path_mask)
            return torch.as_tensor(self.grid_pool(self.norm(self.only_patches(tokens))))
        if self.training or drop_path_mask is not None:
            tokens = self.through(tokens, range(depth), drop_path_mask)
            return torch.as_tensor(self.norm(tokens[:, 0]))
        last = self.blocks[-1]
        assert isinstance(last, Block)
        return torch.as_tensor(
            self.norm(last.first_token(self.through(tokens, range(depth - 1), None)))
        )

    def only_patches(self, tokens: Tensor) -> Tensor:
        """The tokens without class and size tokens."""
        return tokens[:, self.leading : self.leading + self.grid[0] * self.grid[1]]

    def patch_weights(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """How much each patch contributes to the feature: (batch, grid rows, grid columns).

        With a class token, its attention in the last block, mean over heads; else the length of
        the patch's share."""
        tokens = self.through(self.embed(images, modality, size), range(len(self.blocks) - 1), None)
        last = self.blocks[-1]
        assert isinstance(last, Block)
        if self.grid_pool is not None:
            weights = self.grid_pool.shares(self.norm(self.only_patches(last(tokens))))
        else:
            attention = last.attn.class_attention(last.norm1(tokens))
            weights = self.only_patches(attention)
        return weights.reshape(-1, *self.grid)

    def draw_drop_path(self, batch: int, generator: torch.Generator) -> Tensor | None:
        """(depth, 2, batch), see :func:`draw_drop_path`."""
        return draw_drop_path(self.config.depth, batch, self.config.drop_path, generator)

    def own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A file's tensors under the names that this backbone has for them: both patch embeddings
        start as copies of the one where the file has only one."""
        copies = {
            key.replace("base.patch_embed.", "base.patch_embed_SAR."): value
            for key, value in state.items()
            if key.startswith("base.patch_embed.")
        }
        return copies | state


def initialise(module: nn.Module) -> None:
    """Std that fits the layer's width, as in the first ViT, where a fixed 0.02 starves narrow
    models."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / module.weight[0].numel()))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
