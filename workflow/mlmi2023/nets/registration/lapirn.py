"""Conditional LapIRN: a Laplacian pyramid of registration networks (Mok and Chung, MICCAI 2020 and 2021).

Level i of L sees the pair at 0.5^(L - i) of its size. It warps the moving image by the enlarged field of the
level before and adds a bounded residual field. The weight of smoothness enters every residual block through
the scale and shift of its instance norms. No loss is part of the network: callers score the fields of all
levels.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.nets.blocks.conv3 import Conv3

SLOPE = 0.2


class ConditionalNorm(nn.Module):
    """Instance norm whose scale and shift depend on a code."""

    def __init__(self, channels: int, code: int) -> None:
        """Make a norm of ``channels`` that starts with a scale near 1 and a shift near 0."""
        super().__init__()
        self.norm = nn.InstanceNorm3d(channels)
        self.style = nn.Linear(code, 2 * channels)
        with torch.no_grad():
            self.style.bias.copy_(torch.arange(2 * channels) < channels)

    def forward(self, volume: Tensor, code: Tensor) -> Tensor:
        """(B, channels, X, Y, Z) and (B, code) -> (B, channels, X, Y, Z)."""
        scale, shift = self.style(code)[..., None, None, None].chunk(2, dim=1)
        return scale * self.norm(volume) + shift


class ConditionalBlock(nn.Module):
    """Pre-activation residual block; four linear layers turn the condition into the code of its norms."""

    def __init__(self, channels: int, code: int) -> None:
        """Make a block from ``channels`` to as many."""
        super().__init__()
        widths = [1, code, code, code, code]
        self.mapping = nn.Sequential(
            *(part for i, o in pairwise(widths) for part in (nn.Linear(i, o), nn.LeakyReLU(SLOPE)))
        )
        self.norms = nn.ModuleList(ConditionalNorm(channels, code) for _ in range(2))
        self.convs = nn.ModuleList(Conv3(channels, channels, bias=False) for _ in range(2))

    def forward(self, volume: Tensor, condition: Tensor) -> Tensor:
        """(B, channels, X, Y, Z) and (B, 1) -> (B, channels, X, Y, Z)."""
        code, inner = self.mapping(condition), volume
        for norm, conv in zip(self.norms, self.convs):
            inner = conv(F.leaky_relu(norm(inner, code), SLOPE))
        return volume + inner


class Level(nn.Module):
    """The network of one level: features, half-size residual blocks, back to full size, residual field."""

    def __init__(self, inputs: int, channels: int, blocks: int, code: int) -> None:
        """Make the level; the last convolution starts near zero, so that training starts near identity."""
        super().__init__()
        self.features = nn.Sequential(
            Conv3(inputs, channels, bias=False), nn.LeakyReLU(SLOPE), Conv3(channels, channels, bias=False)
        )
        self.down = Conv3(channels, channels, stride=2, bias=False)
        self.blocks = nn.ModuleList(ConditionalBlock(channels, code) for _ in range(blocks))
        self.up = nn.ConvTranspose3d(channels, channels, 2, stride=2, bias=False)
        self.join = Conv3(2 * channels, channels, bias=False)
        self.field = Conv3(channels, 3, bias=False)
        nn.init.normal_(self.field.weight, std=1e-5)

    def forward(self, images: Tensor, condition: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Predict a residual field.

        Args:
            images: (B, inputs, X, Y, Z), even sizes.
            condition: (B, 1).
            before: embedding of the level before, (B, channels, X/2, Y/2, Z/2); None on the first.

        Returns:
            residual (B, 3, X, Y, Z) float32 in (-1, 1), and this level's embedding (B, channels, X, Y, Z).
        """
        shallow = self.features(images)
        deep = self.down(shallow)
        if before is not None:
            deep = deep + before
        for block in self.blocks:
            deep = F.leaky_relu(block(deep, condition), SLOPE)
        deep = self.up(deep)
        joined = F.leaky_relu(self.join(torch.cat((deep, shallow), dim=1)), SLOPE)
        with torch.autocast(images.device.type, enabled=False):  # half precision is too coarse for fields
            return F.softsign(self.field(joined.float())), deep


class LapIRN(nn.Module):
    """The pyramid. Weights come from torch's global generator."""

    def __init__(
        self,
        channels: int = 28,
        blocks: int = 5,
        levels: int = 3,
        reach: float = 0.4,
        code: int = 64,
        condition: float = 0.4,
    ) -> None:
        """Make the network.

        Args:
            channels: of all feature maps.
            blocks: residual blocks per level.
            levels: L.
            reach: bound of each level's residual along an axis, in halves of the image's extent.
            code: width of the layers that read the condition.
            condition: weight of smoothness, in [0, 1], where a call gives none.
        """
        super().__init__()
        if min(channels, blocks, levels, code) < 1 or not 0 < reach <= 2:
            raise ValueError("channels, blocks, levels and code are at least 1, reach is in (0, 2]")
        self.reach, self.condition = float(reach), float(condition)
        self._extents: dict[tuple[tuple[int, ...], torch.device], Tensor] = {}
        self.levels = nn.ModuleList(Level(5 if i else 2, channels, blocks, code) for i in range(levels))

    def forward(self, moving: Tensor, fixed: Tensor, condition: float | Tensor | None = None) -> Tensor:
        """Return the displacement of the last level; see :meth:`fields`."""
        return self.fields(moving, fixed, condition)[-1]

    def fields(
        self,
        moving: Tensor,
        fixed: Tensor,
        condition: float | Tensor | None = None,
        depth: int | None = None,
    ) -> list[Tensor]:
        """Return the field of each level, enlarged to the size of the images.

        Args:
            moving: (B, 1, X, Y, Z), intensities about [0, 1]; any size.
            fixed: same shape.
            condition: weight of smoothness in [0, 1], one or (B,); None: the one that was given at the start.
            depth: how many levels to run, from the coarsest; all by default.

        Returns:
            ``depth`` displacements (B, 3, X, Y, Z), float32, in voxels: ``warped(x) = moving(x + u(x))``.
        """
        depth = len(self.levels) if depth is None else depth
        if moving.shape != fixed.shape or moving.shape[1] != 1:
            raise ValueError(f"a pair (B, 1, X, Y, Z) is needed, not {moving.shape} and {fixed.shape}")
        if not 1 <= depth <= len(self.levels):
            raise ValueError(f"depth is {depth}; the network has {len(self.levels)} levels")
        told = self._told(self.condition if condition is None else condition, moving)
        pairs = self._pyramid(torch.cat((moving, fixed), dim=1))
        found: list[Tensor] = []
        u = embedding = None
        for number, (level, pair) in enumerate(zip(self.levels[:depth], pairs)):
            halves = self._halves(pair)
            if u is None:
                residual, embedding = level(pair, told, None)
                u = residual * (self.reach * halves)
            else:
                u = enlarge(u, 2)
                warped = warp(pair[:, :1], u, padding="border")
                residual, embedding = level(
                    torch.cat((warped, pair[:, 1:], (u / halves).to(pair.dtype)), dim=1), told, embedding
                )
                u = u + residual * (self.reach * halves)
            whole = enlarge(u, 2 ** (len(self.levels) - 1 - number))
            x, y, z = moving.shape[2:]
            found.append(whole[:, :, :x, :y, :z])
        return found

    @staticmethod
    def _told(condition: float | Tensor, moving: Tensor) -> Tensor:
        """Return the condition of each image, (B, 1) float32."""
        if isinstance(condition, Tensor):
            return condition.to(moving.device, torch.float32).reshape(-1, 1).expand(len(moving), 1)
        return torch.full((len(moving), 1), float(condition), device=moving.device)

    def _halves(self, pair: Tensor) -> Tensor:
        """Return half of each axis in voxels, (1, 3, 1, 1, 1); kept, since copying waits for the GPU."""
        key = (tuple(pair.shape[2:]), pair.device)
        if key not in self._extents:
            halves = [n / 2 for n in key[0]]
            with torch.inference_mode(False):  # what is made in validation must serve training too
                self._extents[key] = torch.tensor(halves, device=pair.device).view(1, 3, 1, 1, 1)
        return self._extents[key]

    def _pyramid(self, pair: Tensor) -> list[Tensor]:
        """Return the pair at every level, coarsest first, padded at the far ends so that sizes halve."""
        stride = 2 ** len(self.levels)
        lack = [-n % stride for n in pair.shape[2:]]
        pairs = [F.pad(pair, (0, lack[2], 0, lack[1], 0, lack[0])) if any(lack) else pair]
        for _ in self.levels[1:]:
            # trilinear interpolation at half the size: cells nest, and so do the fields (see enlarge)
            pairs.append(F.avg_pool3d(pairs[-1], 2))
        return pairs[::-1]


def enlarge(u: Tensor, factor: int) -> Tensor:
    """Enlarge a field linearly to ``factor`` times its size, with vectors in voxels of the new grid.

    Cells nest: voxel i of the old grid covers voxels ``factor * i`` to ``factor * (i + 1) - 1`` of the new.

    Args:
        u: (B, 3, X, Y, Z) float32, in voxels.
        factor: 1, 2, 4 ...
    """
    if factor == 1:
        return u
    return F.interpolate(u, scale_factor=factor, mode="trilinear", align_corners=False) * factor


def build_lapirn(options: Mapping[str, Any], shape: Sequence[int]) -> LapIRN:
    """Make a pyramid from config.

    Args:
        options: arguments of :class:`LapIRN`, and ``kind: lapirn``.
        shape: image size (X, Y, Z); the coarsest feature map must have at least 2 voxels.

    Raises:
        InputError: an unknown option, or images too small for the levels.
    """
    own = {key: value for key, value in options.items() if key != "kind"}
    try:
        net = LapIRN(**own)
    except (TypeError, ValueError) as error:
        raise InputError(f"config key net: {error}; see LapIRN for what it takes") from error
    coarsest = 1
    for n in shape:
        coarsest *= -(-n // 2 ** len(net.levels))
    if coarsest < 2:
        raise InputError(
            f"config key net.levels: {len(net.levels)} levels are too many for {tuple(shape)} voxels"
        )
    return net
