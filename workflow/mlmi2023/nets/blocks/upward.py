"""From an encoder's maps to a displacement field: TransMorph's convolutional decoder."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.fields.displacement import resize_displacement
from mlmi2023.nets.blocks.conv3 import Conv3


class ConvUnit(nn.Sequential):
    """3 x 3 x 3 convolution, instance norm, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        """Make the unit; the norm makes a bias of the convolution idle, so it has none."""
        super().__init__(
            Conv3(inputs, outputs, stride=stride, bias=False),
            nn.InstanceNorm3d(outputs),
            nn.LeakyReLU(0.01),
        )


class UpBlock(nn.Module):
    """Enlarge to the size of the skip, join it, convolve twice."""

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

    The last block takes its skip from the pair of images, which TransMorph pools before a convolution. What
    the pooling takes away on a coarse grid, a convolution of stride 2 sees.
    """

    def __init__(self, channels: Sequence[int], skip: str = "pooled") -> None:
        """Make one block for each level of ``channels`` (shallow to deep).

        Args:
            channels: of the encoder's levels.
            skip: ``pooled`` or ``strided``, how the pair of images gets to half its size.
        """
        super().__init__()
        self.outputs = channels[0] // 2
        shallow = [self.outputs, *channels]
        self.blocks = nn.ModuleList(
            UpBlock(shallow[i + 1], shallow[i], shallow[i]) for i in reversed(range(len(channels)))
        )
        pooled = {"pooled": True, "strided": False}[skip]
        self.pool = nn.AvgPool3d(3, stride=2, padding=1) if pooled else nn.Identity()
        self.pair = ConvUnit(2, self.outputs, stride=1 if pooled else 2)

    def forward(self, maps: Sequence[Tensor], pair: Tensor) -> Tensor:
        """Return (B, outputs, X/2, Y/2, Z/2) from ``maps`` (shallow to deep) and the pair (B, 2, X, Y, Z)."""
        skips = [self.pair(self.pool(pair)), *maps[:-1]]
        deep = maps[-1]
        for block, skip in zip(self.blocks, reversed(skips)):
            deep = block(deep, skip)
        return deep


class DirectDecoder(nn.Module):
    """One more block at full size and a convolution: TransMorph's head, with no integration.

    With ``half_field`` the convolution follows at half size and its field is enlarged.
    """

    def __init__(
        self,
        channels: Sequence[int],
        shape: Sequence[int],
        head_channels: int = 16,
        skip: str = "pooled",
        half_field: bool = False,
    ) -> None:
        """Make the decoder.

        Args:
            channels: of the encoder's levels.
            shape: size of the images.
            head_channels: width at full size.
            skip: see :class:`UpPath`.
            half_field: the field is predicted at half size.
        """
        super().__init__()
        self.shape, self.halved = tuple(shape), half_field
        self.up = UpPath(channels, skip)
        if self.halved:
            self.field = FieldLayer(self.up.outputs)
        else:
            self.pair = ConvUnit(2, head_channels)
            self.last = UpBlock(self.up.outputs, head_channels, head_channels)
            self.field = FieldLayer(head_channels)

    def forward(self, maps: Sequence[Tensor], moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z)."""
        pair = torch.cat((moving, fixed), dim=1)
        deep = self.up(maps, pair)
        if self.halved:
            return resize_displacement(self.field(deep), self.shape)
        return self.field(self.last(deep, self.pair(pair)))
