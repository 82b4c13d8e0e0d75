"""Attention as Sect. 2.2 prints it, with keys and values from fewer places."""

import torch
from torch import Tensor, nn


def theta(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return Softmax(Q K^T / d_k) V, by the width of keys and not its root, (B, N, C).

    Args:
        query: (B, N, C).
        key: (B, M, C).
        value: (B, M, C).
    """
    return torch.softmax(query @ key.transpose(1, 2) / key.shape[-1], dim=-1) @ value


class CrossAttention(nn.Module):
    """theta_c(Q, K, V) with K and V from the same tokens (Fig. 2c), each behind a linear layer.

    Args:
        width: channels of a token.
        reduction: keys and values are those of squares of so many tokens along a side.
    """

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.reduce = nn.Conv2d(width, width, reduction, reduction) if reduction > 1 else None
        self.norm = nn.LayerNorm(width) if reduction > 1 else nn.Identity()

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Return what tokens (B, H, W, C) get from others (B, H, W, C), in their own shape."""
        if self.reduce is not None:
            asked = self.reduce(asked.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        asked = self.norm(asked.flatten(1, 2))
        found = theta(self.query(asking.flatten(1, 2)), self.key(asked), self.value(asked))
        return found.view(asking.shape)
