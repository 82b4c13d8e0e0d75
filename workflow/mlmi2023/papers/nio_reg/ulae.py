"""ULAE, uncoupled learning and accumulative enhancement (Shu et al., MICCAI 2021), a baseline of Table 1.

Uncoupled: moving and fixed image go through the encoder one by one, so that features describe an image and
not a pair. Accumulative: from the coarsest level on, features of the moving image are warped by all that has
been found so far and compared with those of the fixed image; what each level finds is composed with the field
before it, and the features that it was found from enhance those of the next level.

Both ideas, the channels, the three windows of the loss and the weights are published; how layers are arranged
within a level is ours (see ``deviations.yaml``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import compose, warp
from mlmi2023.losses.similarity import LNCC
from mlmi2023.losses.smoothness import diffusion
from mlmi2023.nets.blocks.conv3 import Conv3
from mlmi2023.nets.blocks.upward import FieldLayer
from mlmi2023.nets.registration.lapirn import enlarge
from mlmi2023.papers.nio_reg.padded import check_pair, check_sizes, cut, padded

SLOPE = 0.2
WINDOWS = (11, 9, 7)


class TwoConvs(nn.Module):
    """Two convolutions, each with a leaky ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Make the pair, from ``inputs`` to ``outputs`` channels."""
        super().__init__()
        self.first, self.second = Conv3(inputs, outputs), Conv3(outputs, outputs)

    def forward(self, volume: Tensor) -> Tensor:
        """(B, inputs, X, Y, Z) -> (B, outputs, X, Y, Z)."""
        return F.leaky_relu(self.second(F.leaky_relu(self.first(volume), SLOPE)), SLOPE)


class ULAE(nn.Module):
    """The network. Weights come from torch's global generator."""

    def __init__(self, channels: int = 16, levels: int = 3) -> None:
        """Make the network.

        Args:
            channels: of the features at full size; twice as many after each halving.
            levels: scales at which a field is estimated, full size among them.
        """
        super().__init__()
        if channels < 1 or levels < 1:
            raise ValueError("channels and levels are at least 1")
        own = [channels * 2**level for level in range(levels)]
        self.encoder = nn.ModuleList(TwoConvs(i, o) for i, o in zip([1, *own], own))
        # coarsest first; all but this one see what the level before was found from
        deep = own[::-1]
        extra = [0, *deep[:-1]]
        self.decoder = nn.ModuleList(TwoConvs(2 * width + e, width) for width, e in zip(deep, extra))
        self.residuals = nn.ModuleList(FieldLayer(width) for width in deep)
        self.similarities = [LNCC(window) for window in WINDOWS]

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Register a batch.

        Args:
            moving: (B, 1, X, Y, Z), intensities in [0, 1]; any size.
            fixed: same shape.

        Returns:
            Displacement (B, 3, X, Y, Z) float32, in voxels: ``warped(x) = moving(x + u(x))``.
        """
        check_pair(moving, fixed)
        stride = 2 ** (len(self.encoder) - 1)
        # both images in one batch: the encoder treats them alike and lets none see the other
        volume = torch.cat((padded(moving, stride), padded(fixed, stride)))
        pyramid: list[Tensor] = []
        for level in self.encoder:
            volume = level(F.avg_pool3d(volume, 2) if pyramid else volume)
            pyramid.append(volume)
        u: Tensor | None = None
        before: Tensor | None = None
        for both, decode, residual in zip(pyramid[::-1], self.decoder, self.residuals):
            own, target = both.chunk(2)
            if u is None or before is None:
                before = decode(torch.cat((own, target), dim=1))
                u = residual(before)
                continue
            u = enlarge(u, 2)
            before = F.interpolate(before, scale_factor=2, mode="trilinear", align_corners=False)
            parts = (warp(own, u, padding="border"), target, before)
            before = decode(torch.cat(parts, dim=1))
            u = compose(u, residual(before))
        assert u is not None
        return cut(u, moving.shape[2:])

    def loss(self, moving: Tensor, fixed: Tensor, share: float = 0.5, smooth: float = 1.0) -> Tensor:
        """Return the loss of a batch, a float32 scalar: LNCC in three windows, and smoothness.

        Args:
            moving: (B, 1, X, Y, Z).
            fixed: same shape.
            share: weight of each window of 11, 9 and 7 voxels as a share of the one before.
            smooth: weight of the squared gradient of the field.
        """
        u = self(moving, fixed)
        warped, total = warp(moving, u, padding="border"), smooth * diffusion(u)
        for number, similarity in enumerate(self.similarities):
            total = total + share**number * similarity(warped, fixed)
        return total


def build_ulae(options: Mapping[str, Any], shape: Sequence[int]) -> ULAE:
    """Make the network from config.

    Args:
        options: arguments of :class:`ULAE`, and ``kind: ulae``.
        shape: image size (X, Y, Z).

    Raises:
        InputError: an unknown option, or images that are too small.
    """
    try:
        net = ULAE(**{key: value for key, value in options.items() if key != "kind"})
    except (TypeError, ValueError) as error:
        raise InputError(f"config key net: {error}; see ULAE for what it takes") from error
    check_sizes(shape, 2 ** (len(net.encoder) - 1))
    return net
