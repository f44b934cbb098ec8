"""TransOSS reduced to what an embedding needs: the one forward pass of embedding and of export.

Against the training pass it normalises pictures itself, runs a patch embedding only where there are chips of its
modality, follows nothing but the class token through the last block, and scales to length 1.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosswake.batches.prepare import normalise
from crosswake.models.transoss import TransOSS
from crosswake.models.vit import Block


class InferenceModel(nn.Module):
    """8-bit pictures of either modality to embeddings of length 1.

    Equal to ``F.normalize(model.embedding(normalise(pictures), modality, size))`` to rounding, at 7 % less work for
    twelve blocks.

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
            size: (batch, 3) float32 from :func:`crosswake.batches.prepare.size_features`; ignored without SSE.

        Returns:
            (batch, width) of length 1.
        """
        base = self.model.base
        tokens = self.tokens(normalise(pictures), modality, size)
        *blocks, last = base.blocks
        for block in blocks:
            tokens = block(tokens)
        assert isinstance(last, Block)
        features = base.norm(class_token_after(last, tokens))
        return F.normalize(self.model.compared(features))

    def tokens(self, images: Tensor, modality: Tensor, size: Tensor) -> Tensor:
        """Tokens [class, patches row by row, size], as :meth:`TransOSSBackbone.embed` makes them."""
        base = self.model.base
        patches = self.patches(images, modality)
        # .shape and not len(), which export would take for a constant
        tokens = torch.cat([base.cls_token.expand(images.shape[0], -1, -1).to(patches.dtype), patches], dim=1)
        tokens = tokens + base.pos_embed
        if base.mie_embed is not None:
            tokens = tokens + base.config.mie_scale * base.mie_embed[modality]
        if base.wh_embed is not None:
            tokens = torch.cat([tokens, base.wh_embed(size).to(tokens.dtype)], dim=1)
        return tokens

    def patches(self, images: Tensor, modality: Tensor) -> Tensor:
        """(batch, patches, width), each chip by the embedding of its modality."""
        optical, sar = self.model.base.patch_embed, self.model.base.patch_embed_SAR
        is_sar = modality == 1
        if torch.compiler.is_compiling():  # a graph has no branches, so both see the whole batch
            return torch.where(is_sar[:, None, None], sar(images), optical(images))
        if not is_sar.any():
            return torch.as_tensor(optical(images))
        if is_sar.all():
            return torch.as_tensor(sar(images))
        some = optical(images[~is_sar])
        patches = some.new_empty(images.shape[0], *some.shape[1:])
        patches[~is_sar], patches[is_sar] = some, sar(images[is_sar])
        return torch.as_tensor(patches)


def class_token_after(block: Block, tokens: Tensor) -> Tensor:
    """The class token, (batch, width), after a block of which nothing else is wanted: one query, all keys."""
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
