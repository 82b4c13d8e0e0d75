"""Decoders: from an encoder's maps to a displacement field, in three ways.

All share the convolutional way up to half the image size (:class:`~mlmi2023.nets.blocks.upward.UpPath`); they
differ in the head. A decoder has ``forward(maps, moving, fixed) -> u`` (B, 3, X, Y, Z) in voxels. The third,
TransMorph's, is :class:`~mlmi2023.nets.blocks.upward.DirectDecoder`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from mlmi2023.fields.bspline import CubicBSplineUpsample
from mlmi2023.fields.displacement import compose, integrate, resize_displacement, warp
from mlmi2023.nets.blocks.conv3 import Conv3
from mlmi2023.nets.blocks.upward import ConvUnit, DirectDecoder, FieldLayer, UpBlock, UpPath


class BSplineDecoder(nn.Module):
    """Cubic B-spline control points of a velocity field, integrated: TM-bspl's head, TM-DCA's on IXI."""

    def __init__(
        self,
        channels: Sequence[int],
        shape: Sequence[int],
        spacing: int = 3,
        resize_channels: int = 32,
        integration_steps: int = 7,
        integration_scale: float = 1.0,
        skip: str = "pooled",
        lattice: str = "stretched",
    ) -> None:
        """Make the decoder.

        Args:
            channels: channels of the encoder's levels.
            shape: size of the field.
            spacing: voxels between control points.
            resize_channels: width of the two convolutions on the control lattice.
            integration_steps: squarings; 0 takes the spline itself as displacement.
            integration_scale: below 1, integrate on a coarser grid and enlarge (saves time; the paper
                integrates at full size).
            skip: see :class:`~mlmi2023.nets.blocks.upward.UpPath`.
            lattice: how features get to the control points: ``stretched`` over the lattice, which reaches a
                spacing beyond the image, or those ``in_place`` of each point.
        """
        super().__init__()
        self.shape, self.steps = tuple(shape), integration_steps
        self.up = UpPath(channels, skip)
        coarse = tuple(max(4, round(n * integration_scale)) for n in shape)
        self.spline = CubicBSplineUpsample(max(1, round(spacing * integration_scale)), coarse)
        self.places: Tensor | None
        in_place = {"stretched": False, "in_place": True}[lattice]
        self.register_buffer("places", self._places() if in_place else None, persistent=False)
        self.first = Conv3(self.up.outputs, resize_channels)
        self.second = Conv3(resize_channels, resize_channels)
        self.field = FieldLayer(resize_channels)

    def forward(self, maps: Sequence[Tensor], moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z)."""
        half = self.up(maps, torch.cat((moving, fixed), dim=1))
        hidden = F.leaky_relu(self.first(self._on_lattice(half)), 0.2)
        hidden = F.leaky_relu(self.second(hidden), 0.2)
        velocity = self.spline(self.field(hidden))
        field = integrate(velocity, self.steps) if self.steps else velocity
        return resize_displacement(field, self.shape)

    def _places(self) -> Tensor:
        """Return the control points (1, *lattice, 3) as ``grid_sample`` counts: -1 and 1 are outer faces."""
        axes = []
        for axis, (n, m) in enumerate(zip(self.shape, self.spline.shape)):
            voxel = self.spline.points(axis) * (n - 1) / (m - 1)  # the field is enlarged with aligned corners
            axes.append((2 * voxel + 1) / n - 1)
        return torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)[None]

    def _on_lattice(self, half: Tensor) -> Tensor:
        if self.places is None:
            return F.interpolate(half, size=self.spline.lattice, mode="trilinear", align_corners=False)
        grid = self.places.to(half.dtype).expand(len(half), *self.places.shape[1:])
        return F.grid_sample(half, grid, padding_mode="border", align_corners=False)


class _Step(nn.Module):
    """One small field of the time-varying decoder, predicted at full or at half size."""

    def __init__(self, inputs: int, width: int, half: bool) -> None:
        super().__init__()
        self.halved = half
        self.pair = ConvUnit(2, inputs, stride=2 if half else 1)
        self.up = UpBlock(inputs, inputs, width)
        self.field = FieldLayer(width)

    def forward(self, half: Tensor, warped: Tensor, fixed: Tensor) -> Tensor:
        field = self.field(self.up(half, self.pair(torch.cat((warped, fixed), dim=1))))
        return resize_displacement(field, tuple(fixed.shape[2:])) if self.halved else field


class TimeVaryingDecoder(nn.Module):
    """A sequence of small fields, each predicted from what the earlier ones left over: TM-TVF's head."""

    def __init__(
        self,
        channels: Sequence[int],
        shape: Sequence[int],
        steps: int = 12,
        head_channels: int = 16,
        checkpoint: bool = False,
        skip: str = "pooled",
        half_field: bool = False,
    ) -> None:
        """Make the decoder.

        Args:
            channels: channels of the encoder's levels.
            shape: size of the field.
            steps: number of fields; each has weights of its own.
            head_channels: width before each field.
            checkpoint: recompute the steps in the backward pass, to save memory.
            skip: see :class:`~mlmi2023.nets.blocks.upward.UpPath`.
            half_field: each field is predicted at half size; images are warped at full size.
        """
        super().__init__()
        self.shape, self.checkpoint = tuple(shape), checkpoint
        self.up = UpPath(channels, skip)
        self.steps = nn.ModuleList(_Step(self.up.outputs, head_channels, half_field) for _ in range(steps))

    def forward(self, maps: Sequence[Tensor], moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z), the composition of all steps."""
        half = self.up(maps, torch.cat((moving, fixed), dim=1))
        total: Tensor | None = None
        for step in self.steps:
            warped = moving if total is None else warp(moving, total)
            if self.checkpoint and torch.is_grad_enabled():
                small = recompute(step, half, warped, fixed, use_reentrant=False)
            else:
                small = step(half, warped, fixed)
            total = small if total is None else compose(total, small)
        assert total is not None
        return total


DECODERS = {"bspline": BSplineDecoder, "time_varying": TimeVaryingDecoder, "direct": DirectDecoder}
