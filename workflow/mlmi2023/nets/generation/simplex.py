"""Simplex noise in the plane (Perlin 2001; Gustavson 2005), a batch of images at a time.

The gradients of a lattice are drawn, not hashed from a table of permutations: for a batch of images that is
one draw for each octave, and an image's noise is that of its own generator.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mlmi2023.nets.generation.options import SimplexNoise

SKEW, UNSKEW = (math.sqrt(3) - 1) / 2, (3 - math.sqrt(3)) / 6
#: mean square of an octave whose gradients have length 1, over place and direction: the integral over the
#: plane of (1/2 - r^2)_+^8 r^2 / 2, for each of the sqrt(3) corners that there are in a unit of area
MEAN_SQUARE = math.sqrt(3) * math.pi / (2 * 90 * 2**10)


def amplitudes(keys: SimplexNoise) -> list[float]:
    """Return the factor of each octave, after which their sum has the standard deviation ``keys.spread``."""
    raw = [keys.persistence**octave for octave in range(keys.octaves)]
    total = math.sqrt(MEAN_SQUARE * sum(factor**2 for factor in raw))
    return [keys.spread * factor / total for factor in raw]


def simplex(
    keys: SimplexNoise,
    size: Sequence[int],
    generators: Sequence[torch.Generator | None],
    device: torch.device,
) -> Tensor:
    """Return noise (B, H, W), one image for each generator.

    Args:
        keys: octaves and their amplitudes.
        size: H, W.
        generators: on the CPU, or None for the global state, which is drawn from for all images at once.
        device: of the noise.
    """
    total = torch.zeros((len(generators), *size), device=device)
    cell = float(keys.frequency)
    for amplitude in amplitudes(keys):
        total += amplitude * _octave(cell, size, generators, device)
        cell /= 2
    return total


def _octave(
    cell: float, size: Sequence[int], generators: Sequence[torch.Generator | None], device: torch.device
) -> Tensor:
    """Return simplex noise with cells of so many pixels and gradients of length 1, (B, H, W)."""
    height, width = size
    # so far do skewed coordinates reach, from a random place in a cell of the lattice on
    reach = int((max(height, width) + (height + width) * SKEW) / cell) + 4
    shift, angle = _drawn((2,), generators, device), _drawn((reach, reach), generators, device)
    shift = shift - shift.sum(1, keepdim=True) * UNSKEW
    y = torch.arange(height, device=device).view(1, -1, 1) / cell + shift[:, 0].view(-1, 1, 1)
    x = torch.arange(width, device=device).view(1, 1, -1) / cell + shift[:, 1].view(-1, 1, 1)
    skewed = (x + y) * SKEW
    column, row = (x + skewed).floor(), (y + skewed).floor()
    back = (column + row) * UNSKEW
    across, down = x - column + back, y - row + back
    right = (across > down).float()
    total = torch.zeros(len(generators), height, width, device=device)
    # of a triangle's corners the middle one lies right or below
    corners: list[tuple[Tensor | float, Tensor | float]] = [(0.0, 0.0), (right, 1 - right), (1.0, 1.0)]
    flat = (angle * 2 * math.pi).flatten(1)
    for number, (i, j) in enumerate(corners):
        dx, dy = across - i + number * UNSKEW, down - j + number * UNSKEW
        place = ((row + j) * reach + (column + i)).long().flatten(1)
        turned = flat.gather(1, place).view_as(total)
        weight = (0.5 - dx * dx - dy * dy).clamp_min(0).pow(4)
        total += weight * (turned.cos() * dx + turned.sin() * dy)
    return total


def _drawn(
    shape: tuple[int, ...], generators: Sequence[torch.Generator | None], device: torch.device
) -> Tensor:
    """Return uniform numbers (B, *shape); each image's are from its own generator."""
    if all(generator is None for generator in generators):
        return torch.rand((len(generators), *shape), device=device)
    return torch.stack([torch.rand(shape, generator=own) for own in generators]).to(device)
