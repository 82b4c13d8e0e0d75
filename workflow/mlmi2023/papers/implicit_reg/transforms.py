"""Cosine transform along an axis by FFT, differentiable and on the device (Makhoul 1980).

Products of matrices would do too, but on a GPU they run in TF32 here, with three digits; FFTs never do.
"""

import math

import torch
from torch import Tensor


def _turn(n: int, like: Tensor) -> Tensor:
    """Return exp(-i pi k / 2n) for k = 0 ... n // 2, in the complex type that goes with ``like``."""
    angle = torch.arange(n // 2 + 1, dtype=like.dtype, device=like.device) * (-math.pi / (2 * n))
    return torch.polar(torch.ones_like(angle), angle)


def _scale(n: int, like: Tensor) -> Tensor:
    scale = torch.full((n,), math.sqrt(2 / n), dtype=like.dtype, device=like.device)
    scale[0] = math.sqrt(1 / n)
    return scale


def dct(volume: Tensor, axis: int) -> Tensor:
    """Return the orthonormal DCT-II along an axis; it diagonalises second differences with mirrored ends.

    Args:
        volume: float32 or float64, any shape.
        axis: where to transform.
    """
    line = volume.movedim(axis, -1)
    n = line.shape[-1]
    dealt = torch.cat((line[..., ::2], line[..., 1::2].flip(-1)), dim=-1)
    half = torch.fft.rfft(dealt) * _turn(n, line)
    whole = torch.cat((half.real, -half.imag[..., 1 : (n + 1) // 2].flip(-1)), dim=-1)
    return (whole * _scale(n, line)).movedim(-1, axis)


def idct(spectrum: Tensor, axis: int) -> Tensor:
    """Return the inverse of :func:`dct`, which is also its transpose."""
    line = spectrum.movedim(axis, -1)
    n = line.shape[-1]
    line = line / _scale(n, line)
    mirrored = torch.cat((torch.zeros_like(line[..., :1]), line.flip(-1)[..., :-1]), dim=-1)
    half = torch.complex(line, -mirrored)[..., : n // 2 + 1] * _turn(n, line).conj()
    dealt = torch.fft.irfft(half, n=n)
    even, odd = dealt[..., : (n + 1) // 2], dealt[..., (n + 1) // 2 :].flip(-1)
    pairs = torch.stack((even[..., : n // 2], odd), dim=-1).flatten(-2)
    return torch.cat((pairs, even[..., n // 2 :]), dim=-1).movedim(-1, axis)
