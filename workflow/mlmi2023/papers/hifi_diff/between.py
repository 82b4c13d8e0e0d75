"""What lies at a place between thick slices: linear interpolation, and the nearest slice held on."""

import torch
from torch import Tensor


def split(places: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the thick slice before each place and how far behind it the place lies.

    Args:
        places: (...) in thick slices from the first, within 0 to ``count`` - 1.
        count: M, at least 2.

    Returns:
        i, int64 within 0 to M - 2, and k in 0 to 1.
    """
    before = places.floor().clamp(0, count - 2)
    return before.long(), places - before


def take(maps: Tensor, index: Tensor) -> Tensor:
    """Return slices (B, n, ...) of maps (B, M, ...) by their numbers (B, n)."""
    return torch.stack([own[rows] for own, rows in zip(maps, index)])


def interpolate(stack: Tensor, places: Tensor) -> Tensor:
    """Return what lies at places (B, n) of thick slices (B, M, ...), (B, n, ...), by linear interpolation."""
    before, share = split(places, stack.shape[1])
    share = share.view(*share.shape, *[1] * (stack.ndim - 2)).to(stack.dtype)
    return take(stack, before) * (1 - share) + take(stack, before + 1) * share


def nearest(stack: Tensor, places: Tensor) -> Tensor:
    """Return the thick slice that lies nearest to each place; of two that are as near, the first."""
    before, share = split(places, stack.shape[1])
    return take(stack, before + (share > 0.5).long())
