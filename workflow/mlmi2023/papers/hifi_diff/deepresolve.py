"""DeepResolve (Chaudhari et al. 2018): a 3D network that mends interpolated rows, one for each factor."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mlmi2023.papers.hifi_diff.between import interpolate
from mlmi2023.papers.hifi_diff.trunk import quiet


class DeepResolve(nn.Module):
    """``layers`` convolutions of 3 x 3 x 3 voxels, ReLU between them; the answer is added to the input."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        sizes = [1, *[width] * (layers - 1), 1]
        self.layers = nn.ModuleList(nn.Conv3d(a, b, 3, padding=1) for a, b in pairwise(sizes))
        for layer in self.layers[:-1]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        quiet(self.layers[-1])

    def forward(self, rows: Tensor) -> Tensor:
        """Return mended rows (B, R, H, W) of interpolated ones."""
        x = rows[:, None]
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return rows + self.layers[-1](x)[:, 0]


class ForEachFactor(nn.Module):
    """A network for each factor, which share nothing.

    Args:
        factors: all r.
        width: channels.
        layers: of a network.
    """

    def __init__(self, factors: Sequence[int], width: int, layers: int) -> None:
        super().__init__()
        self.nets = nn.ModuleDict({str(factor): DeepResolve(width, layers) for factor in factors})

    def forward(self, stack: Tensor, places: Tensor, factor: Tensor) -> Tensor:
        """Return the rows at places (B, n), which are all rows in order, of thick slices (B, M, H, W).

        Args:
            stack: thick slices.
            places: in thick slices from the first.
            factor: (B,), the same number for the whole batch.
        """
        return self.nets[str(int(factor[0]))](interpolate(stack, places))  # type: ignore[no-any-return]
