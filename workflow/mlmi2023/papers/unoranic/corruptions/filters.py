"""Corruptions that mix a pixel with its neighbours; arguments as in :mod:`.light`."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.unoranic.corruptions.light import spread

#: half the side of the largest kernel; sides are 3, 5 or 7
REACH = 3
#: share of pixels along each side that downscaling keeps
KEPT = (0.5, 0.9)
#: share of the sharpened image, and how much brighter it is
SHARE, LIGHTNESS = (0.2, 0.5), (0.5, 1.0)


def gaussian_blur(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Blur by a Gaussian whose spread follows from its kernel's side, as OpenCV has it."""
    half = _half(u[:, 0])
    spreads = 0.3 * (half - 1) + 0.8
    along = torch.arange(-REACH, REACH + 1, device=x.device, dtype=x.dtype)
    line = torch.exp(-0.5 * (along / spreads[:, None]) ** 2) * (along.abs() <= half[:, None])
    return _filtered(x, line[:, :, None] * line[:, None])


def motion_blur(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Blur along a line of random direction."""
    half, angle = _half(u[:, 0])[:, None, None], (math.pi * u[:, 1])[:, None, None]
    at = torch.arange(-REACH, REACH + 1, device=x.device, dtype=x.dtype)
    down, right = torch.meshgrid(at, at, indexing="ij")
    along = right * torch.cos(angle) + down * torch.sin(angle)
    across = down * torch.cos(angle) - right * torch.sin(angle)
    return _filtered(x, (1 - across.abs()).clamp(0, 1) * (half + 0.5 - along.abs()).clamp(0, 1))


def sharpen(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Lay a sharpened image over the image."""
    around = F.pad(x, (1, 1, 1, 1), mode="reflect")
    total = 9 * F.avg_pool2d(around, 3, 1)
    # the kernel has -1 around and 8 + lightness in the middle
    sharp = (9 + spread(u[:, 1], *LIGHTNESS)) * x - total
    share = spread(u[:, 0], *SHARE)
    return (1 - share) * x + share * sharp


def downscale(x: Tensor, u: Tensor, grain: Tensor) -> Tensor:
    """Keep fewer pixels along each side, and repeat them; both by the nearest one."""
    size = torch.round(spread(u[:, 0], *KEPT)[:, 0, 0] * x.shape[-1]).clamp_min(1)
    places = []
    for side in x.shape[2:]:
        at = torch.arange(side, device=x.device, dtype=x.dtype) + 0.5
        coarse = torch.floor(at * size / side)
        places.append(torch.floor((coarse + 0.5) * side / size).long().clamp(0, side - 1))
    first = torch.arange(len(x), device=x.device)[:, None, None, None]
    channel = torch.arange(x.shape[1], device=x.device)[None, :, None, None]
    return x[first, channel, places[0][:, None, :, None], places[1][:, None, None, :]]


def _half(u: Tensor) -> Tensor:
    """Return half the side of a kernel, 1, 2 or 3, of each image."""
    return 1 + torch.floor(REACH * u).clamp(0, REACH - 1)


def _filtered(x: Tensor, kernels: Tensor) -> Tensor:
    """Return each image filtered by its own kernel (B, K, K), whose sum becomes 1; borders are reflected."""
    count, channels = x.shape[:2]
    kernels = kernels / kernels.sum((1, 2), keepdim=True)
    around = F.pad(x, (REACH, REACH, REACH, REACH), mode="reflect")
    weight = kernels.repeat_interleave(channels, 0)[:, None]
    found = F.conv2d(around.reshape(1, count * channels, *around.shape[2:]), weight, groups=count * channels)
    return found.reshape(x.shape)
