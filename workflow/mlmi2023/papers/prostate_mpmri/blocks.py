"""Blocks of the network: residual convolutions with squeeze and excitation, and cascaded pyramid pooling."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.blocks import ChannelSELayer, UnetResBlock
from torch import Tensor, nn


class ScSE(nn.Module):
    """Concurrent spatial and channel squeeze and excitation (Roy et al. 2018), the two added.

    Args:
        channels: of the maps.
        reduction: channels are squeezed to a share of one in so many.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.channel = ChannelSELayer(3, channels, reduction)
        self.spatial = nn.Conv3d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (B, C, T, H, W) weighed by channel, plus the same weighed by place."""
        return self.channel(x) + x * self.spatial(x).sigmoid()


def squeeze(channels: int, reduction: int, attention: str) -> nn.Module:
    """Return squeeze and excitation, or nothing where ``attention`` is ``none``."""
    return ScSE(channels, reduction) if attention == "scse" else nn.Identity()


class ResidualSE(nn.Sequential):
    """Two convolutions of 3^3 with batch normalisation beside a convolution of 1^3, then scSE.

    Args:
        inside: channels that come in.
        outside: channels that go out.
        reduction: see :class:`ScSE`.
        attention: ``scse`` or ``none``.
    """

    def __init__(self, inside: int, outside: int, reduction: int, attention: str) -> None:
        block = UnetResBlock(3, inside, outside, kernel_size=3, stride=1, norm_name="batch", act_name="relu")
        super().__init__(block, squeeze(outside, reduction, attention))


class UpSE(nn.Sequential):
    """A transposed convolution that doubles the grid, with batch normalisation, then scSE; as above."""

    def __init__(self, inside: int, outside: int, reduction: int, attention: str) -> None:
        super().__init__(
            nn.ConvTranspose3d(inside, outside, 2, stride=2),
            nn.BatchNorm3d(outside),
            nn.ReLU(inplace=True),
            squeeze(outside, reduction, attention),
        )


class CascadedPyramid(nn.Module):
    """Pyramid pooling in the plane of slices (Zhao et al. 2017), each level pooled from the one before.

    All slices are pooled alike and none is mixed with another. Each level becomes a share of the channels by
    a convolution of 1^3, is brought back to the grid and joins the input.

    Args:
        channels: of the maps, in and out.
        bins: rows and columns of each level, from fine to coarse.
    """

    def __init__(self, channels: int, bins: Sequence[int]) -> None:
        super().__init__()
        self.bins, share = tuple(bins), max(1, channels // len(bins))
        self.levels = nn.ModuleList(_point(channels, share) for _ in self.bins)
        self.join = _point(channels + share * len(self.bins), channels)

    def pooled(self, x: Tensor) -> list[Tensor]:
        """Return the levels (B, C, T, bin, bin) of maps (B, C, T, H, W)."""
        found = []
        for side in self.bins:
            x = F.adaptive_avg_pool3d(x, (x.shape[2], side, side))
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the shape of ``x``, (B, C, T, H, W)."""
        size = x.shape[2:]
        parts = [
            F.interpolate(level(part), size=size, mode="nearest")
            for level, part in zip(self.levels, self.pooled(x))
        ]
        return self.join(torch.cat([x, *parts], 1))


def _point(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inside, outside, 1, bias=False), nn.BatchNorm3d(outside), nn.ReLU(inplace=True)
    )
