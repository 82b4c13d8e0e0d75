"""Colour jitter, grey images and blur on the device; numbers in [0, 1] say what happens to each image."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.clip_dr.options import Augmentation

#: random numbers that a sample brings
DRAWS = 6
#: pixels of an image of which the deviation of a blur is said
BLUR_OF = 224
#: luminance and two axes of colour, of red, green and blue
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def recoloured(x: Tensor, draw: Tensor, own: Augmentation) -> Tensor:
    """Return images with other colours and less sharpness.

    Args:
        x: (B, 3, H, W) in [0, 1].
        draw: (B, DRAWS) in [0, 1).
        own: how much.
    """
    u = draw.to(x)[:, :, None, None, None]
    if own.jitter:
        more = 1 + own.jitter * (2 * u - 1)
        x = (x * more[:, 0]).clamp(0, 1)
        mean = _grey(x).mean((1, 2, 3), keepdim=True)
        x = (mean + more[:, 1] * (x - mean)).clamp(0, 1)
        grey = _grey(x)
        x = (grey + more[:, 2] * (x - grey)).clamp(0, 1)
        x = _turned(x, own.jitter * (2 * u[:, 3, 0, 0, 0] - 1))
    if own.grey:
        x = torch.where(u[:, 4] < own.grey, _grey(x).expand_as(x), x)
    if own.blur[1]:
        low, high = (deviation * x.shape[-1] / BLUR_OF for deviation in own.blur)
        x = _blurred(x, low + (high - low) * u[:, 5, 0, 0, 0], high)
    return x


def _grey(x: Tensor) -> Tensor:
    return (x * x.new_tensor(YIQ[0])[:, None, None]).sum(1, keepdim=True)


def _turned(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by a share of the circle, (B,)."""
    matrix = x.new_tensor(YIQ)
    cos, sin = torch.cos(2 * math.pi * turn), torch.sin(2 * math.pi * turn)
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    rows = [[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]]
    rotation = torch.stack([torch.stack(row, -1) for row in rows], 1)
    whole = torch.linalg.inv(matrix) @ rotation @ matrix
    return torch.einsum("bij,bjhw->bihw", whole, x).clamp(0, 1)


def _blurred(x: Tensor, deviation: Tensor, most: float) -> Tensor:
    half = max(1, math.ceil(2 * most))
    at = torch.arange(-half, half + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (at / deviation.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    flat = x.reshape(1, -1, *x.shape[2:])
    flat = F.pad(flat, (half, half, half, half), mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=len(kernel))
    return F.conv2d(flat, kernel[:, None, None, :], groups=len(kernel)).reshape(x.shape)
