"""Floating-point operations of the model, counted layer by layer; a multiply-add counts as two."""

from itertools import pairwise

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from crosswake.batches.stores import ChipStore
from crosswake.models.embedder import Embedder
from crosswake.models.embeddings import conv_channels
from crosswake.models.heads import SQUEEZED
from crosswake.settings.model import ModelConfig

BACKWARD_AND_FORWARD = 3
"""For each product of the forward pass, backward takes two: by the input and by the weights."""


def forward_flops(config: ModelConfig, identities: int = 0) -> int:
    """Operations for one chip: matrix products, convolutions, attention, one modality's stem.

    Args:
        config: the model's shape.
        identities: rows of the classifier.
    """
    rows, columns = config.grid
    patches, width = rows * columns, config.width
    tokens = patches + 1 + config.sse
    # 12 width^2 weights a block; two products of attention
    block = 24 * tokens * width**2 + 4 * tokens**2 * width
    head = 2 * width * identities
    if config.sse:
        head += 2 * 3 * width
    if config.pooling == "grid":
        head += 2 * 2 * patches * width * SQUEEZED
    return stem_flops(config) + config.depth * block + head


def stem_flops(config: ModelConfig) -> int:
    """Operations of one patch embedding."""
    rows, columns = config.grid
    if config.stem == "patch":
        return 2 * rows * columns * 3 * config.patch_size**2 * config.width
    channels = conv_channels(config.stride, config.width)
    total = 2 * rows * columns * channels[-1] * config.width
    height, width = config.image_size
    for before, after in pairwise(channels):
        height, width = (height + 1) // 2, (width + 1) // 2
        total += 2 * height * width * 9 * before * after
    return total


def step_flops(config: ModelConfig, chips: int, identities: int = 0) -> int:
    """Operations of one training step over ``chips``: forward and backward."""
    return BACKWARD_AND_FORWARD * chips * forward_flops(config, identities)


def embedding_flops(embedder: Embedder, store: ChipStore) -> float:
    """Of one chip in embedding, as PyTorch counts matrix products, convolutions and attention."""
    pictures, modality, size = (
        value[:1].to(embedder.device) for value in (store.pictures, store.modality, store.size)
    )
    # PyTorch counts attention that is written out, not the CPU's fused kernel. The products are
    # the same.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        embedder.graph(pictures, modality, size)
    return float(counter.get_total_flops())
