"""ArSSR (Wu et al. 2021): an implicit function of features at a place gives the voxel there."""

import torch
from torch import Tensor, nn

from mlmi2023.papers.hifi_diff.between import interpolate, split
from mlmi2023.papers.hifi_diff.trunk import DenseTrunk, quiet


class Perceptron(nn.Module):
    """Fully connected layers with ReLU; the input comes in again half-way."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        half = layers // 2
        self.first = nn.ModuleList(nn.Linear(inputs if i == 0 else hidden, hidden) for i in range(half))
        self.second = nn.ModuleList(
            nn.Linear(hidden + inputs if i == 0 else hidden, hidden) for i in range(layers - half)
        )
        self.last = nn.Linear(hidden, 1)
        quiet(self.last)

    def forward(self, x: Tensor) -> Tensor:
        """Return a number for each vector (..., inputs), (...)."""
        h = x
        for layer in self.first:
            h = torch.relu(layer(h))
        h = torch.cat([h, x], dim=-1)
        for layer in self.second:
            h = torch.relu(layer(h))
        return self.last(h)[..., 0]


class ArSSR(nn.Module):
    """Features of thick slices, interpolated to a place, and the place's offset, to a perceptron.

    Args:
        width: channels of the features.
        blocks: dense blocks of the trunk.
        layers: of a block.
        growth: channels that a layer adds.
        hidden: units of the perceptron.
        depth: its layers.
    """

    def __init__(self, width: int, blocks: int, layers: int, growth: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.trunk = DenseTrunk(width, blocks, layers, growth)
        self.voxel = Perceptron(width + 1, hidden, depth)

    def forward(self, stack: Tensor, places: Tensor, factor: Tensor) -> Tensor:
        """Return the rows at places (B, n) of thick slices (B, M, H, W); the factor is not used."""
        features = self.trunk(stack).permute(0, 2, 3, 4, 1)  # (B, M, H, W, C)
        found = interpolate(features, places)
        share = split(places, stack.shape[1])[1][..., None, None, None].to(found.dtype)
        offset = (2 * share - 1).expand(*found.shape[:-1], 1)
        return interpolate(stack, places) + self.voxel(torch.cat([found, offset], dim=-1))
