"""U-Net as the paper has it: batch normalisation, and upsampling that has no weights."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Up = Literal["bilinear", "nearest"]


class DoubleConv(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation and ReLU; ``residual`` adds the input's 1x1 map."""

    def __init__(self, inputs: int, outputs: int, between: int | None = None, residual: bool = False) -> None:
        super().__init__()
        middle = outputs if between is None else between
        self.body = nn.Sequential(
            nn.Conv2d(inputs, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H, W)."""
        y = self.body(x)
        return F.relu(y if self.skip is None else y + self.skip(x))


class BilinearUnet(nn.Module):
    """U-Net of five levels (Ronneberger et al. 2015).

    Args:
        channels: of the image.
        classes: of the answer.
        size: not used; any that halves four times.
        widths: channels of the levels.
        up: how maps are made larger.
        residual: whether the lowest level has a skip of its own.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        up: Up = "bilinear",
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.up = up
        inputs = [channels, *widths[:-1]]
        self.down = nn.ModuleList(
            DoubleConv(below, own, residual=residual and own is widths[-1] and n == len(widths) - 1)
            for n, (below, own) in enumerate(zip(inputs, widths))
        )
        rising = []
        below = widths[-1]
        for level in range(len(widths) - 2, -1, -1):
            both, own = below + widths[level], widths[max(level - 1, 0)]
            rising.append(DoubleConv(both, own, both // 2))
            below = own
        self.rise = nn.ModuleList(rising)
        self.head = nn.Conv2d(below, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        maps = []
        x = image
        for number, convolve in enumerate(self.down):
            x = convolve(x if number == 0 else F.max_pool2d(x, 2))
            maps.append(x)
        maps.pop()
        for convolve in self.rise:
            skip = maps.pop()
            size = list(skip.shape[2:])
            if self.up == "bilinear":
                x = F.interpolate(x, size=size, mode="bilinear", align_corners=True)
            else:
                x = F.interpolate(x, size=size, mode="nearest")
            x = convolve(torch.cat([skip, x], dim=1))
        return self.head(x)
