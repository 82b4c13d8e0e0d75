"""Penalties on displacement fields."""

from collections.abc import Sequence

import torch
from torch import Tensor


def diffusion(u: Tensor, spacing: Sequence[float] | None = None) -> Tensor:
    """Mean squared gradient of a field, by forward differences.

    For each spatial axis the squared differences are averaged over batch, channels and voxels;
    the axes' means are then averaged (the l2 gradient loss of Balakrishnan et al. 2019, eq. 9).

    Args:
        u: (B, D, *grid) in voxels.
        spacing: mm per voxel and axis. If given, displacement and distance are taken in mm, so
            that the component along axis k differentiated along axis a counts ``s_k / s_a``.

    Returns:
        float32 scalar. An axis of one voxel has no differences and is left out.
    """
    with torch.autocast(u.device.type, enabled=False):
        field = u.float()
        dims = field.shape[1]
        scale = torch.ones(dims) if spacing is None else torch.tensor([float(s) for s in spacing])
        field = field * scale.to(field).view(1, dims, *([1] * dims))
        terms = [
            (field.diff(dim=axis + 2) / float(scale[axis])).square().mean()
            for axis in range(dims)
            if field.shape[axis + 2] > 1
        ]
        return torch.stack(terms).mean()
