"""The plain Vision Transformer blocks (Dosovitskiy et al., ICLR 2021), pre-norm, under timm's
parameter names."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
