"""Blocks of patches that are hidden from the encoder, and the loss on what was hidden (Sect. 2.2, Eq. 1)."""

import math

import torch
from torch import Tensor

from mlmi2023.core.errors import InputError


def blocks_of(grid: tuple[int, int], patches: int) -> tuple[int, int]:
    """Return how many blocks lie along the rows and columns of a grid of patches.

    Raises:
        InputError: blocks do not fill the grid.
    """
    if grid[0] % patches or grid[1] % patches:
        raise InputError(
            f"config key mask.patches is {patches}, and images have {grid[0]} x {grid[1]} patches; give a "
            "divisor of both"
        )
    return grid[0] // patches, grid[1] // patches


def hidden_blocks(count: int, ratio: float) -> int:
    """Return how many of ``count`` blocks are hidden: the share ``ratio``, rounded up."""
    return min(count, math.ceil(ratio * count - 1e-9))


def block_masks(noise: Tensor, grid: tuple[int, int], ratio: float, patches: int) -> Tensor:
    """Return masks (B, h * w) bool, true where a patch is hidden; every mask hides as many.

    Args:
        noise: (B, blocks) uniform numbers; the blocks with the lowest are hidden.
        grid: (h, w), rows and columns of patches.
        ratio: share of the blocks that is hidden.
        patches: side of a block.
    """
    rows, columns = blocks_of(grid, patches)
    order = noise.argsort(dim=1)[:, : hidden_blocks(rows * columns, ratio)]
    hidden = torch.zeros_like(noise, dtype=torch.bool).scatter_(1, order, True)
    hidden = hidden.unflatten(1, (rows, columns))
    return hidden.repeat_interleave(patches, 1).repeat_interleave(patches, 2).flatten(1)


def on_pixels(masks: Tensor, grid: tuple[int, int], patch: int) -> Tensor:
    """Return masks (B, 1, H, W) of pixels from those of patches (B, h * w)."""
    whole = masks.unflatten(1, grid)
    return whole.repeat_interleave(patch, 1).repeat_interleave(patch, 2)[:, None]


def masked_l1(found: Tensor, image: Tensor, hidden: Tensor) -> Tensor:
    """Return the mean absolute difference over hidden pixels alone, of all channels (Eq. 1).

    Args:
        found: (B, C, H, W), what the network says.
        image: likewise, the truth.
        hidden: (B, 1, H, W) bool.
    """
    kept = hidden.to(image.dtype)
    count = kept.sum().clamp_min(1) * image.shape[1]
    return ((found - image).abs() * kept).sum() / count
