"""Residual dense networks in 3D (Zhang et al. 2018): the features of MetaSR and ArSSR."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DenseBlock(nn.Module):
    """Layers that each see all before, mixed and added to the input."""

    def __init__(self, width: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv3d(width + i * growth, growth, 3, padding=1) for i in range(layers)
        )
        self.mix = nn.Conv3d(width + layers * growth, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, C, M, H, W)."""
        maps = x
        for layer in self.layers:
            maps = torch.cat([maps, F.relu(layer(maps))], dim=1)
        return x + self.mix(maps)


class DenseTrunk(nn.Module):
    """Thick slices (B, M, H, W) to features (B, width, M, H, W).

    Args:
        width: channels of the features.
        blocks: dense blocks, whose results are mixed in the end.
        layers: of a block.
        growth: channels that a layer adds.
    """

    def __init__(self, width: int, blocks: int, layers: int, growth: int) -> None:
        super().__init__()
        self.shallow = nn.Sequential(nn.Conv3d(1, width, 3, padding=1), nn.Conv3d(width, width, 3, padding=1))
        self.blocks = nn.ModuleList(DenseBlock(width, growth, layers) for _ in range(blocks))
        self.mix = nn.Sequential(nn.Conv3d(blocks * width, width, 1), nn.Conv3d(width, width, 3, padding=1))

    def forward(self, stack: Tensor) -> Tensor:
        """Return the features."""
        first = self.shallow[0](stack[:, None])
        x, found = self.shallow[1](first), []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return first + self.mix(torch.cat(found, dim=1))


def quiet(layer: nn.Module) -> None:
    """Set a last layer to zero: what it adds to the interpolated slices is nothing at first."""
    nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
