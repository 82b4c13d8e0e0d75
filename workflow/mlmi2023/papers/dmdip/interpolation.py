"""What needs no network: bicubic and sinc interpolation (Table 1), and the controls.

Cutting k-space leaves sample 0 in its place, so sample j of the input lies on pixel r j of the output. All
interpolations use that grid; one that aligns pixel centres would be off by (r - 1) / 2 pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.physics.kspace import fill


def sinc(low: Tensor, shape: tuple[int, int]) -> Tensor:
    """Fill k-space up with zeros: (S, M, h, w) -> (S, M, H, W)."""
    return fill(low, shape)


def flat(low: Tensor, shape: tuple[int, int]) -> Tensor:
    """Give every pixel the mean of the input, the floor: (S, M, h, w) -> (S, M, H, W)."""
    return low.mean((2, 3), keepdim=True).expand(*low.shape[:2], *shape)


def bicubic(low: Tensor, shape: tuple[int, int]) -> Tensor:
    """Interpolate with cubic convolution, the border continued: (S, M, h, w) -> (S, M, H, W)."""
    axes = []
    for large, small in zip(shape, low.shape[2:]):
        place = torch.arange(large, dtype=low.dtype) * (small / large)
        axes.append(place * (2 / (small - 1)) - 1)
    rows, columns = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([columns, rows], -1).expand(len(low), -1, -1, -1)
    return F.grid_sample(low, grid, "bicubic", "border", align_corners=True)


METHODS = {"sinc": sinc, "bicubic": bicubic, "flat": flat}
