"""VoxelMorph-2 without integration (Balakrishnan et al. 2019).

MONAI's ``VoxelMorphUNet`` is another network: three poolings where the published one has four strided
convolutions, a full-size first level, and no skip from the images (244 323 weights against 301 411).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.fields.displacement import resize_displacement
from mlmi2023.nets.blocks.conv3 import Conv3
from mlmi2023.nets.blocks.upward import FieldLayer


class VoxelMorph(nn.Module):
    """U-Net on the concatenated pair: strided convolutions down, nearest-neighbour up."""

    def __init__(
        self,
        shape: Sequence[int],
        down: Sequence[int] = (16, 32, 32, 32),
        up: Sequence[int] = (32, 32, 32, 32),
        full: Sequence[int] = (32, 16, 16),
        half_field: bool = False,
    ) -> None:
        """Make the network.

        Args:
            shape: image size, a multiple of ``stride``.
            down: channels after each halving.
            up: channels before each doubling, as many as ``down``.
            full: channels of the convolutions at full size.
            half_field: the last doubling is left out, those convolutions work at half size, and the field is
                enlarged, as VoxelMorph's own code can do.
        """
        super().__init__()
        if len(up) != len(down):
            raise ValueError(f"up has {len(up)} entries and down {len(down)}: they must be as many")
        self.shape, self.stride, self.halved = tuple(shape), 2 ** len(down), half_field
        ends = [2, *down]
        self.down = nn.ModuleList(Conv3(i, o, stride=2) for i, o in zip(ends, down))
        wide = [down[-1], *(u + s for u, s in zip(up, reversed(ends[:-1])))]
        self.up = nn.ModuleList(Conv3(i, o) for i, o in zip(wide, up))
        last = up[-1] if self.halved else wide[-1]
        self.full = nn.ModuleList(Conv3(i, o) for i, o in zip([last, *full], full))
        self.field = FieldLayer(full[-1])

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z)."""
        skips = [torch.cat((moving, fixed), dim=1)]
        for layer in self.down:
            skips.append(F.leaky_relu(layer(skips[-1]), 0.2))
        deep = skips.pop()
        for layer in self.up:
            deep = F.leaky_relu(layer(deep), 0.2)
            if len(skips) > 1 or not self.halved:
                deep = F.interpolate(deep, scale_factor=2, mode="nearest")
                deep = torch.cat((deep, skips.pop()), dim=1)
        for layer in self.full:
            deep = F.leaky_relu(layer(deep), 0.2)
        field = self.field(deep)
        return resize_displacement(field, self.shape) if self.halved else field
