"""Interpretable attention (Sect. 2.1): one weight per feature, shared by all subjects."""

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError


class FeatureAttention(nn.Module):
    """Multiply each feature by a learned weight between 0 and 1: x' = sigmoid(M) x, with M of (1, D).

    Args:
        features: D.
        start: ``normal`` draws M from the standard normal distribution; a number makes it constant.
    """

    def __init__(self, features: int, start: str | float = "normal") -> None:
        super().__init__()
        if isinstance(start, str) and start != "normal":
            raise InputError(f"config key net.attention.start is {start!r}; give normal or a number")
        first = torch.randn(1, features) if start == "normal" else torch.full((1, features), float(start))
        self.mask = nn.Parameter(first)

    def weights(self) -> Tensor:
        """Return M' = sigmoid(M), (D,)."""
        return torch.sigmoid(self.mask)[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted features, (N, D)."""
        return x * torch.sigmoid(self.mask)
