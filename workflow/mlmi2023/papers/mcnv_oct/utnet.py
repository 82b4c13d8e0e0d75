"""UTNet (Gao et al. 2021) and its variant on a ResNet-50, written from their description.

A U-shaped network whose coarse levels have attention on both ways. Keys and values are brought to a small
grid first, so that its cost is linear in the number of pixels, and what a query adds to each key depends on
how far apart they are on that grid. On the way up, queries come of the skip connection, keys and values
from below.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.resnet import ResNet


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
    )


class EfficientAttention(nn.Module):
    """Attention of the places of one map to another map on a small grid, with relative positions.

    Args:
        queries: channels of the map that asks; the answer's too.
        keys: channels of the map that is asked.
        heads: parts of the channels.
        reduced: side of the small grid; maps that are smaller keep their own.

    Raises:
        ValueError: channels do not divide into heads.
    """

    def __init__(self, queries: int, keys: int, heads: int, reduced: int) -> None:
        super().__init__()
        if queries % heads:
            raise ValueError(f"{queries} channels do not divide into {heads} heads")
        self.heads, self.reduced = heads, reduced
        self.ask, self.offer = _separable(queries, queries), _separable(keys, 2 * queries)
        self.out = _separable(queries, queries)
        self.apart = nn.Parameter(torch.zeros(heads, 2 * reduced - 1, 2 * reduced - 1))
        nn.init.trunc_normal_(self.apart, std=0.02)

    def positions(self, shape: Sequence[int], small: Sequence[int]) -> Tensor:
        """Return what each place (h w) adds to each cell of the small grid, (heads, h w, r r)."""
        off = []
        for length, cells in zip(shape, small):
            cell = torch.arange(cells, device=self.apart.device)
            own = torch.arange(length, device=self.apart.device) * cells // length
            off.append(own[:, None] - cell + self.reduced - 1)
        rows, columns = off[0][:, None, :, None], off[1][None, :, None, :]
        return self.apart[:, rows, columns].flatten(3).flatten(1, 2)

    def forward(self, x: Tensor, below: Tensor) -> Tensor:
        """Return (B, queries, h, w) of maps (B, queries, h, w) and (B, keys, h', w')."""
        shape = x.shape[2:]
        small = [min(side, self.reduced) for side in below.shape[2:]]
        offered = F.interpolate(self.offer(below), size=small, mode="bilinear", align_corners=False)
        q = self.ask(x).flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)
        k, v = offered.flatten(2).unflatten(1, (2, self.heads, -1)).transpose(3, 4).unbind(1)
        scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5 + self.positions(shape, small)
        answer = scores.softmax(dim=3) @ v
        return self.out(answer.transpose(2, 3).flatten(1, 2).unflatten(2, shape))


class EncoderLayer(nn.Module):
    """Attention of a map to itself and a 1 x 1 convolution, each behind a norm and around a skip."""

    def __init__(self, width: int, heads: int, reduced: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.BatchNorm2d(width), EfficientAttention(width, width, heads, reduced)
        self.mix = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape."""
        own = self.norm(x)
        x = x + self.attention(own, own)
        return x + self.mix(x)


class UpLayer(nn.Module):
    """One level up: attention of the skip connection to the map below, or none; then a residual unit on both.

    Args:
        below: channels of the coarser map.
        skip: channels of the skip connection.
        width: channels of the answer.
        heads: of the attention; 0: none.
        reduced: see :class:`EfficientAttention`.
    """

    def __init__(self, below: int, skip: int, width: int, heads: int, reduced: int) -> None:
        super().__init__()
        from monai.networks.blocks import ResidualUnit

        self.narrow = nn.Conv2d(below, skip, 1, bias=False)
        self.attention = EfficientAttention(skip, below, heads, reduced) if heads else None
        asked = [skip, below] if heads else []
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in asked)
        self.join = ResidualUnit(2, 2 * skip, width, subunits=2, act="relu", norm="batch")

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return (B, width, h, w) of a coarser map and a skip connection (B, skip, h, w)."""
        up = F.interpolate(self.narrow(x), size=skip.shape[2:], mode="bilinear", align_corners=False)
        if self.attention is not None:
            up = up + self.attention(self.norms[0](skip), self.norms[1](x))
        return self.join(torch.cat([up, skip], dim=1))


class UTNet(nn.Module):
    """The network; attention at its three coarsest levels.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 16.
        widths: channels of the five levels.
        blocks: attention layers of the three coarsest levels.
        heads: of each.
        reduced: side of the small grid.

    Raises:
        ValueError: the image does not divide by 16.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        widths: Sequence[int] = (32, 64, 128, 256, 512),
        blocks: Sequence[int] = (1, 2, 4),
        heads: Sequence[int] = (2, 4, 8),
        reduced: int = 8,
    ) -> None:
        super().__init__()
        from monai.networks.blocks import ResidualUnit

        if any(side % 16 for side in size):
            raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by 16")
        self.levels = nn.ModuleList(
            ResidualUnit(2, a, b, subunits=2, act="relu", norm="batch")
            for a, b in itertools.pairwise([channels, *widths])
        )
        self.layers = nn.ModuleList(
            nn.Sequential(*(EncoderLayer(width, head, reduced) for _ in range(count)))
            for width, head, count in zip(widths[2:], heads, blocks, strict=True)
        )
        asked = [0, 0, *heads[:-1]]
        self.up = nn.ModuleList(
            UpLayer(below, own, own, head, reduced)
            for (own, below), head in zip(itertools.pairwise(widths), asked)
        )
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        skips: list[Tensor] = []
        x = image
        for number, level in enumerate(self.levels):
            x = level(F.max_pool2d(x, 2) if number else x)
            if number >= 2:
                x = self.layers[number - 2](x)
            skips.append(x)
        for up, skip in zip(reversed(self.up), reversed(skips[:-1])):
            x = up(x, skip)
        return self.head(x)


class ResUTNet(nn.Module):
    """The same attention on a ResNet of bottlenecks.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 32.
        depths: bottlenecks of the ResNet's four stages.
        width: of its stem.
        decoder: channels on the way up at 1/16, 1/8, 1/4, 1/2 and 1.
        blocks: attention layers of the three coarsest levels.
        heads: of each.
        reduced: side of the small grid.

    Raises:
        ValueError: the image does not divide by 32.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        decoder: Sequence[int] = (512, 256, 128, 64, 32),
        blocks: Sequence[int] = (1, 1, 1),
        heads: Sequence[int] = (2, 4, 8),
        reduced: int = 8,
    ) -> None:
        super().__init__()
        from monai.networks.blocks import ResidualUnit

        if any(side % 32 for side in size):
            raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by 32")
        self.encoder = ResNet(channels, depths, width)
        skips = self.encoder.channels
        self.layers = nn.ModuleList(
            nn.Sequential(*(EncoderLayer(own, head, reduced) for _ in range(count)))
            for own, head, count in zip(skips[2:], heads, blocks, strict=True)
        )
        coming = [skips[-1], *decoder[:3]]
        asked = [*reversed(heads[:-1]), 0, 0]
        self.up = nn.ModuleList(
            UpLayer(below, skip, own, head, reduced)
            for below, skip, own, head in zip(coming, reversed(skips[:-1]), decoder, asked)
        )
        self.last = ResidualUnit(2, decoder[3], decoder[4], subunits=2, act="relu", norm="batch")
        self.head = nn.Conv2d(decoder[4], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        maps = self.encoder(image)
        for number, layer in enumerate(self.layers, 2):
            maps[number] = layer(maps[number])
        x = maps[-1]
        for up, skip in zip(self.up, reversed(maps[:-1])):
            x = up(x, skip)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.head(self.last(x))
