"""Optical flow between frames at several scales: pyramid, warping, cost volume (Sect. 2.1; Sun et al. 2018).

Flows are in pixels of the level that they are at, channel 0 along rows and channel 1 along columns, and pull
(:mod:`mlmi2023.fields.displacement`): the flow from frame a to frame b lies on a, and b warped by it looks
like a.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.fields.displacement import warp

SLOPE = 0.1
#: channels of an estimator's convolutions, and channels and dilations of those of the context network
ESTIMATOR = (128, 128, 96, 64, 32)
CONTEXT = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))


def cost_volume(first: Tensor, second: Tensor, radius: int) -> Tensor:
    """Return how alike a pixel of one frame is to those around its place in the other.

    Args:
        first: features (B, C, H, W).
        second: the same of the other frame, already warped.
        radius: of the search along both axes.

    Returns:
        (B, (2 radius + 1)^2, H, W): the mean product over channels for every shift, row by row from
        (-radius, -radius) on; pixels beyond the border count as 0.
    """
    height, width = first.shape[2:]
    padded = F.pad(second, [radius] * 4)
    shifts = [(row, column) for row in range(2 * radius + 1) for column in range(2 * radius + 1)]
    products = [(first * padded[:, :, r : r + height, c : c + width]).mean(1) for r, c in shifts]
    return torch.stack(products, 1)


def resized_flow(flow: Tensor, size: Sequence[int]) -> Tensor:
    """Return a flow (B, 2, H, W) on another grid, in pixels of that one."""
    if tuple(flow.shape[2:]) == tuple(size):
        return flow
    factor = flow.new_tensor([size[0] / flow.shape[2], size[1] / flow.shape[3]])
    found = F.interpolate(flow, size=list(size), mode="bilinear", align_corners=False)
    return found * factor.view(1, 2, 1, 1)


def _conv(channels: int, out: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, padding=dilation, dilation=dilation), nn.LeakyReLU(SLOPE)
    )


class Estimator(nn.Module):
    """What a coarser flow lacks at a level, from the cost volume and the first frame's features."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        sizes = [channels, *widths]
        self.body = nn.Sequential(*(_conv(a, b) for a, b in pairwise(sizes)))
        self.flow = nn.Conv2d(sizes[-1], 2, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the correction (B, 2, H, W) and the features that it is from."""
        features = self.body(x)
        return self.flow(features), features


class PwcBlock(nn.Module):
    """Flows of all pairs of neighbouring frames, forward and back, from coarse to fine.

    Args:
        channels: of the encoder's maps, by level.
        radius: of the search at each level; 4 gives 81 costs.
        features: channels that the encoder's maps are brought to before they are compared.
        widths: channels of an estimator's convolutions.
        context: channels and dilations of the network that refines the finest level; empty: none.
    """

    def __init__(
        self,
        channels: Mapping[int, int],
        radius: int = 4,
        features: int = 64,
        widths: Sequence[int] = ESTIMATOR,
        context: Sequence[tuple[int, int]] = CONTEXT,
    ) -> None:
        super().__init__()
        self.radius = radius
        #: coarsest first; level 1 is the image's own resolution
        self.levels = sorted(channels, reverse=True)
        names = [str(level) for level in self.levels]
        costs = (2 * radius + 1) ** 2
        self.project = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Conv2d(channels[int(name)], features, 1), nn.LeakyReLU(SLOPE))
                for name in names
            }
        )
        self.estimate = nn.ModuleDict({name: Estimator(costs + features + 2, widths) for name in names})
        self.context: nn.Module | None = None
        if context:
            sizes = [widths[-1] + 2, *(width for width, _ in context)]
            layers = [_conv(a, b, d) for (a, b), (_, d) in zip(pairwise(sizes), context)]
            self.context = nn.Sequential(*layers, nn.Conv2d(sizes[-1], 2, 3, padding=1))

    def forward(self, maps: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """Return flows (2, B, N - 1, 2, h, w) by level: forward, c to c + 1, and back.

        Args:
            maps: (B, N, C, h, w) of the encoder, by level.
        """
        flow: Tensor | None = None
        found: dict[int, Tensor] = {}
        for level in self.levels:
            batch, frames, _, height, width = maps[level].shape
            features = self.project[str(level)](maps[level].flatten(0, 1)).unflatten(0, (batch, frames))
            one, two = features[:, :-1].flatten(0, 1), features[:, 1:].flatten(0, 1)
            first, second = torch.cat([one, two]), torch.cat([two, one])
            if flow is None:
                flow = first.new_zeros(len(first), 2, height, width)
            else:
                flow = resized_flow(flow, (height, width))
                second = warp(second, flow)
            costs = F.leaky_relu(cost_volume(first, second, self.radius), SLOPE)
            more, left = self.estimate[str(level)](torch.cat([costs, first, flow], 1))
            flow = flow + more
            if level == self.levels[-1] and self.context is not None:
                flow = flow + self.context(torch.cat([left, flow], 1))
            found[level] = flow.unflatten(0, (2, batch, frames - 1))
        return found
