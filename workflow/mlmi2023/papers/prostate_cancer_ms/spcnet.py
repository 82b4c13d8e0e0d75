"""The detection network: SPCNet, T2 and ADC apart and then together, with an answer at every depth."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: convolutions of the five blocks
DEPTHS = (2, 2, 3, 3, 3)


class Block(nn.Sequential):
    """``depth`` convolutions 3 x 3 with ReLU, then batch normalisation; the size stays."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        layers: list[nn.Module] = []
        for number in range(depth):
            layers += [nn.Conv2d(channels if number == 0 else width, width, 3, padding=1), nn.ReLU()]
        super().__init__(*layers, nn.BatchNorm2d(width))


class SideOutput(nn.Module):
    """Logits of a block at full size: a convolution 1 x 1, then a transposed one of stride ``factor``."""

    def __init__(self, width: int, classes: int, factor: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(width, classes, 1)
        self.enlarge = nn.ConvTranspose2d(
            classes, classes, 2 * factor, factor, padding=factor // 2, bias=False
        )
        self.factor = factor

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, classes, factor H, factor W) of maps (B, width, H, W)."""
        rows, columns = (self.factor * side for side in maps.shape[2:])
        # a kernel of 2 and stride 1 makes a row and a column too many
        return self.enlarge(self.narrow(maps))[..., :rows, :columns]


class SPCNet(nn.Module):
    """Two branches of three blocks, joined in two more; eight side outputs, fused by a convolution 1 x 1.

    Args:
        channels: of the input, half of them T2 and the other half ADC.
        classes: of the answer.
        size: rows and columns; must divide by 16.
        widths: channels of the five blocks.

    Raises:
        ValueError: the size or the channels do not fit.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 256, 256),
    ) -> None:
        super().__init__()
        if channels % 2 or any(side % 16 for side in size):
            raise ValueError(
                f"{channels} channels of {' x '.join(map(str, size))}; needs as many of T2 as of ADC, and a "
                "size that divides by 16"
            )
        early = [channels // 2, *widths[:3]]
        self.branches = nn.ModuleList(
            nn.ModuleList(Block(a, b, depth) for (a, b), depth in zip(pairwise(early), DEPTHS))
            for _ in range(2)
        )
        late = [2 * widths[2], *widths[3:]]
        self.trunk = nn.ModuleList(Block(a, b, d) for (a, b), d in zip(pairwise(late), DEPTHS[3:]))
        sides = [(width, 2**k) for _ in range(2) for k, width in enumerate(widths[:3])]
        sides += [(width, 2**k) for k, width in enumerate(widths[3:], 3)]
        self.sides = nn.ModuleList(SideOutput(width, classes, factor) for width, factor in sides)
        self.fuse = nn.Conv2d(classes * len(sides), classes, 1, bias=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return logits (B, classes, H, W): the fused ones, then those of each block.

        Args:
            image: (B, channels, H, W), T2 before ADC.
        """
        maps: list[Tensor] = []
        ends = []
        for branch, own in zip(self.branches, image.chunk(2, 1)):
            for block in branch:  # type: ignore[attr-defined]
                maps.append(block(own))
                own = F.max_pool2d(maps[-1], 2)
            ends.append(own)
        joined = torch.cat(ends, 1)
        for number, block in enumerate(self.trunk):
            maps.append(block(F.max_pool2d(joined, 2) if number else joined))
            joined = maps[-1]
        found = [side(own) for side, own in zip(self.sides, maps)]
        return [self.fuse(torch.cat(found, 1)), *found]
