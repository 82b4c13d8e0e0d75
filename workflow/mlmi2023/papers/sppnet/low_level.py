"""The low-level blocks of Fig. 2: LLSIE, a block of U-Net and a stem, (B, C, H, W) -> (B, width, H, W).

Their widths follow from the printed costs: against the row without a block, U-Net's and the stem have 0.66
and 1.26 thousand million multiplications more at 256 x 256, which are two and three convolutions at 32
channels.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class LLSIE(nn.Module):
    """A convolution, a depthwise one with a residual, and a pointwise one (Fig. 2 c)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.head, self.head_norm = nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.depthwise_norm = nn.BatchNorm2d(width)
        self.pointwise, self.pointwise_norm = nn.Conv2d(width, width, 1), nn.BatchNorm2d(width)

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, width, H, W)."""
        head = self.head_norm(F.relu(self.head(image)))
        x = head + self.depthwise_norm(F.relu(self.depthwise(head)))
        return self.pointwise_norm(F.relu(self.pointwise(x)))


def _conv(channels: int, width: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]


class UNetBlock(nn.Sequential):
    """Two convolutions (Fig. 2 a)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(*_conv(channels, width), *_conv(width, width))


class Stem(nn.Sequential):
    """Three convolutions (Fig. 2 b), without the strides that would change the size."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(*_conv(channels, width), *_conv(width, width), *_conv(width, width))


BLOCKS: dict[str, type[nn.Module]] = {"llsie": LLSIE, "unet": UNetBlock, "stem": Stem}
