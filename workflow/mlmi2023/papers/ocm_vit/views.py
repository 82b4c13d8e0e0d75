"""Crops and flips of images on the device. Nothing here draws: samples bring random numbers."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

#: random numbers of a crop: area, ratio of sides, place (2), flips (2)
CROP = 6
#: of a change of light: brightness and contrast
LIGHT = 2


def boxes(draw: Tensor, area: tuple[float, float], ratio: float) -> Tensor:
    """Return maps (B, 2, 3) from a crop's coordinates in [-1, 1] to the image's.

    Args:
        draw: (B, CROP) in [0, 1).
        area: smallest and largest share of the image.
        ratio: of width to height at most, and of height to width.
    """
    u = draw.double()
    share = area[0] + (area[1] - area[0]) * u[:, 0]
    sides = torch.exp(math.log(ratio) * (2 * u[:, 1] - 1)) if ratio > 1 else torch.ones_like(share)
    width, height = (share * sides).sqrt().clamp(max=1), (share / sides).sqrt().clamp(max=1)
    x, y = (1 - width) * (2 * u[:, 2] - 1), (1 - height) * (2 * u[:, 3] - 1)
    mirror = 1 - 2 * (u[:, 4:6] < 0.5).double()
    nothing = torch.zeros_like(x)
    rows = [
        torch.stack([width * mirror[:, 0], nothing, x], 1),
        torch.stack([nothing, height * mirror[:, 1], y], 1),
    ]
    return torch.stack(rows, 1).float()


def crops(images: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return crops (B, C, *size) of images (B, C, H, W), bilinear.

    Args:
        images: floating point.
        maps: of :func:`boxes`, on the images' device.
        size: rows and columns.
    """
    grid = F.affine_grid(maps, [len(images), images.shape[1], *size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def lit(images: Tensor, draw: Tensor, most: float) -> Tensor:
    """Return images (B, C, H, W) in [0, 1] in another light.

    Args:
        images: of grey values.
        draw: (B, LIGHT) in [0, 1).
        most: largest change of brightness and of contrast, as shares.
    """
    more, less = ((1 + most * (2 * draw[:, k] - 1)).view(-1, 1, 1, 1).to(images.dtype) for k in range(LIGHT))
    middle = images.mean((1, 2, 3), keepdim=True)
    return (middle + less * (images * more - middle)).clamp(0, 1)
