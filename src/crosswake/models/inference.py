"""TransOSS reduced to what an embedding needs: the one forward pass of embedding and of export.

Against the training pass it normalises pictures itself, follows nothing but the class token through
the last block (if that is the feature), and scales to length 1."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.batches.prepare import normalise
from crosswake.models.transoss import TransOSS
from crosswake.models.vit import Block


class InferenceModel(nn.Module):
    """8-bit pictures of either modality to embeddings of length 1.

    Equal to ``F.normalize(model.embedding(normalise(pictures), modality, size))`` to rounding, at 7
    % less work for twelve blocks.

    Args:
        model: in evaluation mode; its weights are shared, not copied.
    """

    def __init__(self, model: TransOSS) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """Embed chips.

        Args:
            pictures: (batch, 3, height, width) uint8.
            modality: (batch,) int64, 0 optical and 1 SAR.
            size: (batch, 3) float32 from :func:`crosswake.batches.prepare.size_features`; ignored
                without SSE.

        Returns:
            (batch, width) of length 1.
        """
        base = self.model.base
        tokens = base.embed(normalise(pictures), modality, size)
        *blocks, last = base.blocks
        for block in blocks:
            tokens = block(tokens)
        assert isinstance(last, Block)
        if base.grid_pool is not None:
            features = base.feature(last(tokens))
        else:
            features = base.norm(class_token_after(last, tokens))
        return F.normalize(self.model.retrieval_feature(features))


def class_token_after(block: Block, tokens: Tensor) -> Tensor:
    """The class token, (batch, width), after a block of which nothing else is wanted: one query,
    all keys."""
    attention = block.attn
    batch, _, width = tokens.shape
    normed, first = block.norm1(tokens), tokens[:, 0]
    weight, bias = attention.qkv.weight, attention.qkv.bias
    query = F.linear(normed[:, :1], weight[:width], bias[:width])
    key, value = F.linear(normed, weight[width:], bias[width:]).chunk(2, dim=-1)
    heads = (batch, -1, attention.heads, width // attention.heads)
    query, key, value = (part.reshape(heads).transpose(1, 2) for part in (query, key, value))
    mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, width)
    first = first + attention.proj(mixed)
    return torch.as_tensor(first + block.mlp(block.norm2(first)))
