"""Gated CRF loss of Obukhov et al. (2019) without gates: neighbours that look alike have one class."""

import math

import torch
from torch import Tensor

from mlmi2023.papers.fedicra.options import Crf


def half_window(radius: int) -> list[tuple[int, int]]:
    """Return the shifts (down, right) to half of the neighbours in a square; the others mirror them."""
    whole = [(y, x) for y in range(radius + 1) for x in range(-radius, radius + 1)]
    return [(y, x) for y, x in whole if y > 0 or x > 0]


def gated_crf(chances: Tensor, image: Tensor, keys: Crf) -> Tensor:
    """Return the mean over pixels i of the sum over neighbours j of k_ij (1 - p_i p_j).

    k_ij = exp(-|place_i - place_j|^2 / (2 xy^2) - |colour_i - colour_j|^2 / (2 rgb^2)).

    Args:
        chances: (B, K, H, W), softmax over classes.
        image: (B, channels, H, W) in [0, 1].
        keys: radius and scales.
    """
    energy = chances.new_zeros(())
    height, width = image.shape[-2:]
    for down, right in half_window(keys.radius):
        if down >= height or abs(right) >= width:
            continue
        here, there = (
            _window(0, 0, down, right, height, width),
            _window(down, right, -down, -right, height, width),
        )
        with torch.no_grad():
            apart = (image[..., here[0], here[1]] - image[..., there[0], there[1]]).square().sum(1)
            near = math.exp(-(down**2 + right**2) / (2 * keys.xy**2))
            kernel = near * (-apart / (2 * keys.rgb**2)).exp()
        same = (chances[..., here[0], here[1]] * chances[..., there[0], there[1]]).sum(1)
        # each pair counts for both of its pixels
        energy = energy + 2 * (kernel * (1 - same)).sum()
    return energy / (len(image) * height * width)


def _window(top: int, left: int, down: int, right: int, height: int, width: int) -> tuple[slice, slice]:
    """Return rows and columns of the pixels that have a neighbour at a shift, moved by (top, left)."""
    first_row, first_column = max(0, -down), max(0, -right)
    rows, columns = height - abs(down), width - abs(right)
    if top or left:  # the neighbours themselves
        first_row, first_column = max(0, top), max(0, left)
    return slice(first_row, first_row + rows), slice(first_column, first_column + columns)
