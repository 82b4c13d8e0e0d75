"""Attention-weighted fusion of modalities (Sect. 2.1)."""

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.magnet.agnostic import added, numbers
from mlmi2023.papers.magnet.options import MagnetNet


class Fusion(nn.Module):
    """Add up the modalities that are there, then weigh channels by what is in them (Eqs. 1 and 2).

    Args:
        channels: C of the level.
        keys: of the network.
    """

    def __init__(self, channels: int, keys: MagnetNet) -> None:
        super().__init__()
        inner = min(channels, max(keys.least, channels // keys.ratio))
        norm = nn.BatchNorm1d if keys.norm == "batch" else nn.LayerNorm
        self.first, self.first_norm = nn.Linear(channels, inner), norm(inner)
        self.second, self.second_norm = nn.Linear(inner, channels), norm(channels)
        self.mean, self.batched = keys.combine == "mean", keys.norm == "batch"

    def weights(self, summed: Tensor) -> Tensor:
        """Return w of Eq. 1, (B, C), of the sum (B, C, *grid).

        Raises:
            InputError: there is one patient to normalise over.
        """
        if self.batched and self.training and len(summed) < 2:
            raise InputError(
                "config key net.norm is 'batch', which cannot normalise a batch of one; raise train.batch, "
                "or take 'layer'"
            )
        x = summed.flatten(2).mean(2)
        x = torch.relu(self.first_norm(self.first(x)))
        return torch.sigmoid(self.second_norm(self.second(x)))

    def forward(self, level: Tensor, where: Tensor, count: int) -> Tensor:
        """Return the fused level (count, C, *grid) of features (n, C, *grid) of patients ``where`` (n, 2)."""
        summed = added(level, where, count)
        if self.mean:
            summed = summed / numbers(where, count, summed)
        return summed * self.weights(summed).view(*summed.shape[:2], *([1] * (summed.ndim - 2)))
