"""Overlap of soft label maps, differentiable: one minus it is a loss."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mlmi2023.fields.displacement import warp

# voxels times structures whose one-hot maps are kept, not made again: about 200 MB with their gradients
SMALL = 2**24


def _dice_parts(warped: Tensor, fixed: Tensor) -> Tensor:
    """Return (2, B, C): twice the overlap and the summed volumes."""
    with torch.autocast(warped.device.type, enabled=False):
        warped, fixed = warped.float().flatten(2), fixed.float().flatten(2)
        return torch.stack([2 * (warped * fixed).sum(2), warped.sum(2) + fixed.sum(2)])


def _mean_dice(parts: Tensor) -> Tensor:
    overlap, volume = parts
    present = volume > 1e-5
    dice = torch.where(present, overlap / volume.clamp_min(1e-5), torch.zeros_like(volume))
    return dice.sum() / present.sum().clamp_min(1)


def one_hot(label_map: Tensor, ids: Sequence[int]) -> Tensor:
    """Turn a label map (B, 1, *grid) into float masks (B, len(ids), *grid)."""
    every = torch.tensor(list(ids), device=label_map.device, dtype=label_map.dtype)
    return (label_map == every.view(1, -1, *([1] * (label_map.ndim - 2)))).float()


def soft_dice(warped_onehot: Tensor, fixed_onehot: Tensor) -> Tensor:
    """Mean Dice of soft label maps, ``2 sum(pq) / (sum(p) + sum(q))`` for each structure.

    Args:
        warped_onehot: (B, C, *grid), one channel per structure (leave the background out), in [0, 1].
        fixed_onehot: same shape.

    Returns:
        float32 scalar in [0, 1], 1 for equal binary maps; the mean is over batch and structures,
        without those that are empty in both maps.
    """
    return _mean_dice(_dice_parts(warped_onehot, fixed_onehot))


def soft_dice_labels(
    moving: Tensor, fixed: Tensor, displacement: Tensor, labels: Sequence[int], chunk: int = 4
) -> Tensor:
    """Warp label maps linearly, one-hot, and return :func:`soft_dice`, in bounded memory.

    ``chunk`` structures at a time are expanded, and expanded again in the backward pass, so that
    35 structures at 160x192x224 take the memory of 4. Small maps are expanded once.

    Args:
        moving: (B, 1, *grid) integer labels.
        fixed: (B, 1, *grid) integer labels.
        displacement: (B, D, *grid) in voxels.
        labels: ids that count, without the background.
        chunk: structures expanded at once.

    Returns:
        float32 scalar.

    Raises:
        ValueError: ``labels`` is empty.
    """
    if not len(labels):
        raise ValueError("no labels to compare")
    dims = moving.ndim - 2

    def part(field: Tensor, ids: Tensor) -> Tensor:
        ids = ids.view(1, -1, *([1] * dims))
        return _dice_parts(warp((moving == ids).float(), field), fixed == ids)

    every = torch.as_tensor(list(labels), device=moving.device)
    if moving.numel() * len(every) < SMALL:
        return _mean_dice(part(displacement, every))
    pieces = [
        checkpoint(part, displacement, ids, use_reentrant=False, preserve_rng_state=False)
        for ids in every.split(chunk)
    ]
    return _mean_dice(torch.cat(pieces, dim=2))
