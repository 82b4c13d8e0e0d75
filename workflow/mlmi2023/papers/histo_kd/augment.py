"""What is done to training patches on the device, each branch on its own.

Nothing here draws random numbers: each view of a sample brings ``DRAWS`` of them in [0, 1), so that what
happens to sample k of a run depends on seed and k alone, whatever is trained on it. Class maps are moved by
the nearest pixel and keep their values: other colours would be other classes.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.histo_kd.options import Augmentation

#: random numbers that a view brings
DRAWS = 15
#: seed of the numbers that noise is made of
GRAIN = 2023
#: weights of red, green and blue in a grey
GREY = (0.299, 0.587, 0.114)
#: of SimCLR's jitter of strength 1: changes of brightness, contrast and saturation; turn of the hue
JITTER, TURN = 0.8, 0.2


def augmented(x: Tensor, draw: Tensor, own: Augmentation, is_map: bool) -> Tensor:
    """Return augmented views.

    Args:
        x: (B, 3, H, W) in [0, 1], square.
        draw: (B, DRAWS) in [0, 1).
        own: how much.
        is_map: they are class maps.
    """
    u = draw.to(x)
    x = moved(x, draw, own, "nearest" if is_map else "bilinear")
    if is_map:
        return x
    if own.noise:
        x = _speckled(x, u[:, 9], u[:, 8] < own.noise)
    if own.solarize:
        x = torch.where((u[:, 10] < own.solarize)[:, None, None, None] & (x >= 0.5), 1 - x, x)
    return _recoloured(x, u[:, 11:15], own.jitter) if own.jitter else x


def moved(x: Tensor, draw: Tensor, own: Augmentation, mode: str) -> Tensor:
    """Return mirrored, cropped and turned views, by one interpolation.

    Args:
        x: (B, C, H, W), square.
        draw: (B, DRAWS) in [0, 1).
        own: how much.
        mode: of the interpolation, ``bilinear`` or ``nearest``.
    """
    u = draw.to(x)
    flips = torch.where(u[:, :2] < u.new_tensor(own.flip), -1.0, 1.0)
    kept = own.crop + (1 - own.crop) * u[:, 2:4]
    middle = (1 - kept) * (2 * u[:, 4:6] - 1)
    angle = math.pi * (2 * u[:, 7] - 1) * (u[:, 6] < own.rotate)
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)
    # from places of the result to places of the image, both from -1 to 1
    matrix = torch.cat([(kept * flips)[:, :, None] * turn, middle[:, :, None]], 2)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode=mode, padding_mode="reflection", align_corners=False)


def _speckled(x: Tensor, seed: Tensor, chosen: Tensor) -> Tensor:
    """Return views of which those that are chosen, (B,) bool, have noise where they were 0; seed is (B,)."""
    rows = torch.nonzero(chosen & (x == 0).flatten(1).any(1))[:, 0]
    if not len(rows):
        return x
    own = x[rows]
    grain = torch.rand(own.shape[1:], generator=torch.Generator().manual_seed(GRAIN)).to(x)
    # the same numbers stretched by another factor for each view, of which the part behind the point is left
    noise = torch.frac(grain * (50 + 200 * seed[rows])[:, None, None, None])
    return x.index_put((rows,), torch.where(own == 0, noise, own))


def _recoloured(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Return views of other brightness, contrast, saturation and hue."""
    more = 1 + JITTER * strength * (2 * u[:, :3] - 1)
    bright, contrast, colourful = more[:, :, None, None, None].unbind(1)
    weights = x.new_tensor(GREY)[:, None, None]
    x = (x * bright).clamp(0, 1)
    mean = (x * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    x = mean + contrast * (x - mean)
    grey = (x * weights).sum(1, keepdim=True)
    x = grey + colourful * (x - grey)
    # the hue turns about the line of greys
    angle = 2 * math.pi * TURN * strength * (2 * u[:, 3] - 1)
    ones = torch.full((3, 3), 1 / 3, device=x.device, dtype=x.dtype)
    cross = x.new_tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    rotation = cos * torch.eye(3, device=x.device, dtype=x.dtype) + (1 - cos) * ones + sin * cross
    return torch.einsum("bij,bjhw->bihw", rotation, x).clamp(0, 1)
