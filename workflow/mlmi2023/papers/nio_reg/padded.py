"""Images of any size for networks that halve them: zeros at the far ends, which the field loses again."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError


def padded(image: Tensor, stride: int) -> Tensor:
    """Return (B, C, X, Y, Z) with zeros at the far ends, so that sizes are multiples of ``stride``."""
    lack = [-n % stride for n in image.shape[2:]]
    return F.pad(image, (0, lack[2], 0, lack[1], 0, lack[0])) if any(lack) else image


def cut(u: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a field on the first voxels of each axis, ``shape`` of them."""
    x, y, z = shape
    return u[:, :, :x, :y, :z]


def check_pair(moving: Tensor, fixed: Tensor) -> None:
    """Refuse what is no pair of images (B, 1, X, Y, Z).

    Raises:
        ValueError: the shapes differ, or there is more than one channel.
    """
    if moving.shape != fixed.shape or moving.ndim != 5 or moving.shape[1] != 1:
        raise ValueError(
            f"a pair (B, 1, X, Y, Z) is needed, not {tuple(moving.shape)} and {tuple(fixed.shape)}"
        )


def check_sizes(shape: Sequence[int], stride: int) -> None:
    """Refuse images that are too small.

    Raises:
        InputError: an axis has fewer than two voxels on the coarsest level.
    """
    if min(shape) <= stride:
        raise InputError(
            f"config key net: images of {tuple(shape)} voxels are too small to halve to 1/{stride}"
        )
