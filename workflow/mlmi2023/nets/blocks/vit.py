"""A block of the vision Transformer (Dosovitskiy et al. 2020), on tokens (B, N, C).

MONAI's carries the weights of a cross-attention that is never used, which its parameter count would show.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Attention of every token to every other, in ``heads`` parts of the channels."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} channels do not divide into {heads} heads")
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        answer = F.scaled_dot_product_attention(q, k, v)
        return self.dropout(self.proj(answer.transpose(1, 2).flatten(2)))


class TransformerBlock(nn.Module):
    """Attention and a perceptron, each behind a norm and around a skip."""

    def __init__(self, width: int, heads: int, mlp: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp), nn.GELU(), nn.Dropout(dropout), nn.Linear(mlp, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))
