"""Decoders: from an encoder's maps to a displacement field, in three ways.

All share the convolutional way up to half the image size; they differ in the head. A decoder has
``forward(maps, moving, fixed) -> u`` (B, 3, X, Y, Z) in voxels, and ``gradcam_layers()``, the
convolutions before the layer that predicts the field.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from mlmi2023.nets.bspline import CubicBSplineUpsample
from mlmi2023.nets.deform import compose, integrate, resize_displacement, warp
from mlmi2023.papers.defxattn_reg.convolution import Conv3


class ConvUnit(nn.Sequential):
    """3 x 3 x 3 convolution, instance norm, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Make the unit; the norm makes a bias of the convolution idle, so it has none."""
        super().__init__(
            Conv3(inputs, outputs, bias=False),
            nn.InstanceNorm3d(outputs),
            nn.LeakyReLU(0.01),
        )


class UpBlock(nn.Module):
    """Enlarge to the size of the skip, join it, convolve twice (Fig. 2a)."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        """Make a block that turns ``inputs`` + ``skip`` channels into ``outputs``."""
        super().__init__()
        self.first, self.second = ConvUnit(inputs + skip, outputs), ConvUnit(outputs, outputs)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return (B, outputs, *size of skip)."""
        if deep.shape[2:] != skip.shape[2:]:
            # tokens and pooled voxels stand for cells, not corners: their grids nest by cell borders
            deep = F.interpolate(deep, size=skip.shape[2:], mode="trilinear", align_corners=False)
        return self.second(self.first(torch.cat((deep, skip), dim=1)))


class FieldLayer(Conv3):
    """The convolution that predicts a field or a velocity.

    It starts near zero, so training starts near identity, and stays in float32 under autocast: bfloat16
    knows no step finer than 1/32 voxel beyond 4 voxels.
    """

    def __init__(self, inputs: int) -> None:
        """Make the layer, from ``inputs`` channels to 3."""
        super().__init__(inputs, 3)
        nn.init.normal_(self.weight, std=1e-5)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def forward(self, volume: Tensor) -> Tensor:
        """(B, inputs, X, Y, Z) -> (B, 3, X, Y, Z) float32."""
        with torch.autocast(volume.device.type, enabled=False):
            return super().forward(volume.float())


class UpPath(nn.Module):
    """From the encoder's levels to half of the image size: 192, 96, 48 channels at the paper's sizes.

    The last block takes its skip from a convolution of the average-pooled pair of images.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        """Make one block for each level of ``channels`` (shallow to deep)."""
        super().__init__()
        self.outputs = channels[0] // 2
        shallow = [self.outputs, *channels]
        self.blocks = nn.ModuleList(
            UpBlock(shallow[i + 1], shallow[i], shallow[i]) for i in reversed(range(len(channels)))
        )
        self.pool = nn.AvgPool3d(3, stride=2, padding=1)
        self.pair = ConvUnit(2, self.outputs)

    def forward(self, maps: Sequence[Tensor], pair: Tensor) -> Tensor:
        """Return (B, outputs, X/2, Y/2, Z/2) from ``maps`` (shallow to deep) and the pair (B, 2, X, Y, Z)."""
        skips = [self.pair(self.pool(pair)), *maps[:-1]]
        deep = maps[-1]
        for block, skip in zip(self.blocks, reversed(skips)):
            deep = block(deep, skip)
        return deep


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
        """
        super().__init__()
        self.shape, self.steps = tuple(shape), integration_steps
        self.up = UpPath(channels)
        coarse = tuple(max(4, round(n * integration_scale)) for n in shape)
        self.spline = CubicBSplineUpsample(max(1, round(spacing * integration_scale)), coarse)
        self.first = Conv3(self.up.outputs, resize_channels)
        self.second = Conv3(resize_channels, resize_channels)
        self.field = FieldLayer(resize_channels)

    def forward(self, maps: Sequence[Tensor], moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z)."""
        half = self.up(maps, torch.cat((moving, fixed), dim=1))
        on_lattice = F.interpolate(half, size=self.spline.lattice, mode="trilinear", align_corners=False)
        hidden = F.leaky_relu(self.first(on_lattice), 0.2)
        hidden = F.leaky_relu(self.second(hidden), 0.2)
        velocity = self.spline(self.field(hidden))
        field = integrate(velocity, self.steps) if self.steps else velocity
        return resize_displacement(field, self.shape)

    def gradcam_layers(self) -> list[nn.Module]:
        """Return the convolutions on the control lattice."""
        return [self.first, self.second]


class _Step(nn.Module):
    """One small field of the time-varying decoder."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.pair = ConvUnit(2, inputs)
        self.up = UpBlock(inputs, inputs, width)
        self.field = FieldLayer(width)

    def forward(self, half: Tensor, warped: Tensor, fixed: Tensor) -> Tensor:
        return self.field(self.up(half, self.pair(torch.cat((warped, fixed), dim=1))))


class TimeVaryingDecoder(nn.Module):
    """A sequence of small fields, each predicted from what the earlier ones left over: TM-TVF's head."""

    def __init__(
        self,
        channels: Sequence[int],
        shape: Sequence[int],
        steps: int = 12,
        head_channels: int = 16,
        checkpoint: bool = False,
    ) -> None:
        """Make the decoder.

        Args:
            channels: channels of the encoder's levels.
            shape: size of the field.
            steps: number of fields; each has weights of its own.
            head_channels: width before each field.
            checkpoint: recompute the steps in the backward pass, to save memory.
        """
        super().__init__()
        self.shape, self.checkpoint = tuple(shape), checkpoint
        self.up = UpPath(channels)
        self.steps = nn.ModuleList(_Step(self.up.outputs, head_channels) for _ in range(steps))

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

    def gradcam_layers(self) -> list[nn.Module]:
        """Return the last two convolutions of every step."""
        return [unit[0] for step in self.steps for unit in (step.up.first, step.up.second)]  # type: ignore


class DirectDecoder(nn.Module):
    """One more block at full size and a convolution: TransMorph's head, with no integration."""

    def __init__(self, channels: Sequence[int], shape: Sequence[int], head_channels: int = 16) -> None:
        """Make the decoder; ``head_channels`` is the width at full size."""
        super().__init__()
        self.shape = tuple(shape)
        self.up = UpPath(channels)
        self.pair = ConvUnit(2, head_channels)
        self.last = UpBlock(self.up.outputs, head_channels, head_channels)
        self.field = FieldLayer(head_channels)

    def forward(self, maps: Sequence[Tensor], moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z)."""
        pair = torch.cat((moving, fixed), dim=1)
        return self.field(self.last(self.up(maps, pair), self.pair(pair)))

    def gradcam_layers(self) -> list[nn.Module]:
        """Return the two convolutions at full size."""
        return [self.last.first[0], self.last.second[0]]


DECODERS = {"bspline": BSplineDecoder, "time_varying": TimeVaryingDecoder, "direct": DirectDecoder}
