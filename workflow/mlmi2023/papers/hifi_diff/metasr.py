"""MetaSR (Hu et al. 2019) along the axis of slices: the filter of a row is made from where the row lies."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mlmi2023.papers.hifi_diff.between import interpolate, split, take
from mlmi2023.papers.hifi_diff.trunk import DenseTrunk, quiet


class MetaSR(nn.Module):
    """Features of thick slices; a perceptron makes a row's filter of its offset and the spacing.

    Args:
        width: channels of the features.
        blocks: dense blocks of the trunk.
        layers: of a block.
        growth: channels that a layer adds.
        hidden: units of the perceptron.
    """

    def __init__(self, width: int, blocks: int, layers: int, growth: int, hidden: int) -> None:
        super().__init__()
        self.width = width
        self.trunk = DenseTrunk(width, blocks, layers, growth)
        self.filters = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, width * 27))
        quiet(self.filters[-1])

    def forward(self, stack: Tensor, places: Tensor, factor: Tensor) -> Tensor:
        """Return the rows at places (B, n) of thick slices (B, M, H, W) of factors (B,)."""
        features = self.trunk(stack).transpose(1, 2)  # (B, M, C, H, W)
        count, (batch, rows) = stack.shape[1], places.shape
        before, share = split(places, count)
        around = [take(features, (before + step).clamp(0, count - 1)) for step in (-1, 0, 1)]
        seen = torch.stack(around, dim=3)  # (B, n, C, 3, H, W)
        given = torch.stack([share, (1 / factor)[:, None].expand_as(share)], dim=-1).to(stack.dtype)
        filters = self.filters(given).view(batch * rows, 3 * self.width, 3, 3)
        maps = seen.reshape(1, batch * rows * 3 * self.width, *stack.shape[2:])
        added = F.conv2d(maps, filters, padding=1, groups=batch * rows)
        return interpolate(stack, places) + added.view(batch, rows, *stack.shape[2:])
