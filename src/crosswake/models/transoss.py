"""TransOSS (Wang et al., ICCV 2025, arXiv 2506.22027), under the state-dict names of its published
weights."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from crosswake.data.chips import Modality
from crosswake.models.vit import LAYER_NORM_EPS, Block
from crosswake.settings.model import ModelConfig

LOGIT_SCALE = 2.6592  # ln(1 / 0.07)
LONGEST_PERIOD = 100.0
SQUEEZED = 32
"""Numbers that grid pooling keeps of each patch."""


class PatchEmbed(nn.Module):
    """Turns an image into (batch, patches, width), row by row, by one convolution or a stack of
    them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        whole = nn.Conv2d(3, config.width, config.patch_size, config.stride)
        self.proj = whole if config.stem == "patch" else conv_stem(config.stride, config.width)

    def forward(self, images: Tensor) -> Tensor:
        """Embed (batch, 3, height, width)."""
        return torch.as_tensor(self.proj(images)).flatten(2).transpose(1, 2)


def conv_stem(stride: int, width: int) -> nn.Sequential:
    """3 x 3 convolutions that halve the image until a pixel is a patch (Xiao et al., NeurIPS 2021,
    section 4).

    Normalised over channels of each chip alone, not over the batch, so that chips do not depend on
    each other."""
    layers: list[nn.Module] = []
    channels = conv_channels(stride, width)
    for before, after in pairwise(channels):
        layers += [
            nn.Conv2d(before, after, 3, 2, padding=1, bias=False),
            nn.GroupNorm(1, after),
            nn.GELU(),
        ]
    return nn.Sequential(*layers, nn.Conv2d(channels[-1], width, 1))


def conv_channels(stride: int, width: int) -> list[int]:
    """Channels before the stem's first halving, and after each."""
    halvings = stride.bit_length() - 1
    return [3, *(max(16, width >> (halvings - step)) for step in range(1, halvings + 1))]


class SizeEmbed(nn.Module):
    """Ship size embedding, SSE (section 4.2): three numbers of size to one token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(3, width)

    def forward(self, size: Tensor) -> Tensor:
        """(batch, 3) to (batch, 1, width)."""
        return torch.as_tensor(self.linear_layer(size)).unsqueeze(1)


class GridPool(nn.Module):
    """A feature that keeps where things are: every patch is squeezed to a few numbers, and all of
    them joined.

    A class token has to learn from data alone to tell places apart; chips with an aligned axis, and
    pairs in register, show the same thing in the same place."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        rows, columns = config.grid
        self.squeeze = nn.Linear(config.width, SQUEEZED)
        self.join = nn.Linear(rows * columns * SQUEEZED, config.width)

    def forward(self, patches: Tensor) -> Tensor:
        """(batch, patches, width) to (batch, width)."""
        return torch.as_tensor(self.join(self.squeeze(patches).flatten(1)))

    def shares(self, patches: Tensor) -> Tensor:
        """Length of what each patch adds to the feature: (batch, patches)."""
        squeezed = self.squeeze(patches)
        weights = self.join.weight.reshape(-1, patches.shape[1], SQUEEZED)
        return torch.as_tensor(torch.einsum("bps,wps->bpw", squeezed, weights).norm(dim=-1))


class TransOSSBackbone(nn.Module):
    """The transformer: chips of either modality to features.

    Attributes:
        recompute: in training, keep only what goes into each block, and compute the rest again in
            the backward pass (Chen et al., arXiv 1604.06174); gradients are the same.
        channels_last: lay images out channels last before a stem of convolutions, for which there
            are quicker kernels.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        rows, columns = config.grid
        self.config = config
        self.recompute = self.channels_last = False
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + rows * columns, config.width))
        self.patch_embed = PatchEmbed(config)
        self.patch_embed_SAR = PatchEmbed(config)
        self.mie_embed = nn.Parameter(torch.zeros(2, 1, config.width)) if config.mie else None
        self.wh_embed = SizeEmbed(config.width) if config.sse else None
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=LAYER_NORM_EPS)
        self.grid_pool = GridPool(config) if config.pooling == "grid" else None

    def patches(self, images: Tensor, modality: Tensor) -> Tensor:
        """Every chip through the patch embedding of its modality: (batch, patches, width)."""
        optical, sar = ((modality == kind).nonzero()[:, 0] for kind in Modality)
        if not len(sar):
            return torch.as_tensor(self.patch_embed(images))
        if not len(optical):
            return torch.as_tensor(self.patch_embed_SAR(images))
        order = torch.cat([optical, sar]).argsort()
        return torch.cat([self.patch_embed(images[optical]), self.patch_embed_SAR(images[sar])])[
            order
        ]

    def patches_of_both(self, images: Tensor, modality: Tensor) -> Tensor:
        """The same by showing the whole batch to both embeddings, so that the graph is the same for
        any mix.

        Export and compilation need that, and data-parallel gradients where a process has one
        modality only."""
        is_sar = (modality == Modality.SAR)[:, None, None]
        return torch.where(is_sar, self.patch_embed_SAR(images), self.patch_embed(images))

    def embed(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """Tokens [class, patches row by row, size] before the first block."""
        fixed_graph = torch.compiler.is_compiling() or (
            torch.is_grad_enabled() and len(modality.unique()) == 1
        )
        patches = (self.patches_of_both if fixed_graph else self.patches)(images, modality)
        # .shape and not len(), which export would take for a constant
        tokens = torch.cat(
            [self.cls_token.expand(images.shape[0], -1, -1).to(patches.dtype), patches], dim=1
        )
        tokens = tokens + self.pos_embed
        if self.mie_embed is not None:
            tokens = tokens + self.config.mie_scale * self.mie_embed[modality]
        if self.wh_embed is not None:
            tokens = torch.cat([tokens, self.wh_embed(size).to(tokens.dtype)], dim=1)
        return tokens

    def forward(
        self, images: Tensor, modality: Tensor, size: Tensor, drop_path_mask: Tensor | None = None
    ) -> Tensor:
        """See :meth:`TransOSS.forward`."""
        if self.channels_last and self.config.stem == "conv":
            images = images.contiguous(memory_format=torch.channels_last)
        tokens = self.embed(images, modality, size)
        for index, block in enumerate(self.blocks):
            factors = None if drop_path_mask is None else drop_path_mask[index]
            if (
                self.recompute and torch.is_grad_enabled()
            ):  # nothing in a block is random, so no state is kept for it
                tokens = checkpoint(
                    block, tokens, factors, use_reentrant=False, preserve_rng_state=False
                )
            else:
                tokens = block(tokens, factors)
        return self.feature(tokens)

    def feature(self, tokens: Tensor) -> Tensor:
        """(batch, width) from the tokens after the last block: the class token, or all patches
        joined."""
        if self.grid_pool is None:
            return torch.as_tensor(self.norm(tokens[:, 0]))
        return torch.as_tensor(self.grid_pool(self.norm(self.only_patches(tokens))))

    def only_patches(self, tokens: Tensor) -> Tensor:
        """The tokens less class and size."""
        rows, columns = self.config.grid
        return tokens[:, 1 : 1 + rows * columns]

    def patch_weights(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """How much each patch contributes to the feature: (batch, grid rows, grid columns).

        With a class token, its attention in the last block; with grid pooling, the length of the
        patch's share."""
        if self.grid_pool is None:
            return self.class_attention(images, modality, size)
        tokens = self.embed(images, modality, size)
        for block in self.blocks:
            tokens = block(tokens)
        return self.grid_pool.shares(self.norm(self.only_patches(tokens))).reshape(
            -1, *self.config.grid
        )

    def class_attention(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """The class token's attention to the patches in the last block: (batch, grid rows, grid
        columns)."""
        tokens = self.embed(images, modality, size)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        last = self.blocks[-1]
        assert isinstance(last, Block)
        rows, columns = self.config.grid
        weights = last.attn.class_attention(last.norm1(tokens))
        return weights[:, 1 : 1 + rows * columns].reshape(-1, rows, columns)


class TransOSS(nn.Module):
    """Backbone, BNNeck (Luo et al., CVPRW 2019), classifier and pair head.

    Args:
        config: the shape.
        identities: rows of the classifier; 0 for a model that only embeds.
    """

    def __init__(self, config: ModelConfig, identities: int = 0) -> None:
        super().__init__()
        self.config = config
        self.base = TransOSSBackbone(config)
        self.bottleneck = nn.BatchNorm1d(config.width)
        self.bottleneck.bias.requires_grad_(False)
        self.classifier = nn.Linear(config.width, identities, bias=False) if identities else None
        self.logit_scale = nn.Parameter(torch.tensor(LOGIT_SCALE))
        self.apply(_initialise)
        for token in (self.base.cls_token, self.base.mie_embed):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02)
        self.base.pos_embed.data[0, 1:] = sine_positions(config.grid, config.width)
        if self.classifier is not None:
            nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(
        self, images: Tensor, modality: Tensor, size: Tensor, drop_path_mask: Tensor | None = None
    ) -> Tensor:
        """Features before BNNeck, which the published model compares in testing.

        Args:
            images: (batch, 3, height, width), normalised.
            modality: (batch,) int64, 0 optical and 1 SAR.
            size: (batch, 3) from :func:`crosswake.batches.prepare.size_features`; ignored without
                SSE.
            drop_path_mask: (depth, 2, batch) from :func:`crosswake.models.vit.draw_drop_path`, in
                training.

        Returns:
            (batch, width).
        """
        return torch.as_tensor(self.base(images, modality, size, drop_path_mask))

    def neck(self, features: Tensor) -> Tensor:
        """Features after BNNeck."""
        return torch.as_tensor(self.bottleneck(features))

    def embedding(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """The feature that ranking compares, as the settings say: before or after BNNeck; not yet
        normalised."""
        return self.retrieval_feature(self(images, modality, size))

    def retrieval_feature(self, features: Tensor) -> Tensor:
        """From (batch, width) features before BNNeck, those that are compared."""
        return self.neck(features) if self.config.feature == "neck" else features

    def pair_logits(self, sar: Tensor, optical: Tensor) -> Tensor:
        """Cosine similarity of SAR rows and optical columns times exp(logit_scale) (section
        4.3)."""
        similarity = nn.functional.normalize(sar) @ nn.functional.normalize(optical).T
        return self.logit_scale.exp() * similarity


def sine_positions(grid: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of row and column, as first values of the position embedding (Beyer et al.,
    arXiv 2205.01580).

    Small random values drown beside the patches, and a model without pretraining takes long to
    learn where things are. The longest period fits grids of a dozen patches.

    Returns:
        (rows * columns, width).
    """
    rows, columns = (
        axis.flatten() for axis in torch.meshgrid(*map(torch.arange, grid), indexing="ij")
    )
    count = max(width // 4, 1)
    frequency = LONGEST_PERIOD ** -(torch.arange(count) / count)
    angles = [axis[:, None] * frequency for axis in (rows, columns)]
    waves = torch.cat([wave for angle in angles for wave in (angle.sin(), angle.cos())], dim=1)
    return nn.functional.pad(waves, (0, width))[:, :width]


def _initialise(module: nn.Module) -> None:
    """Deviations that fit the layer's width, as in the first ViT, where a fixed 0.02 starves narrow
    models."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / module.in_features))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan_in = module.weight[0].numel()
        nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / fan_in))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
