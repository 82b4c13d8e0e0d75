"""Signed distance maps of the myocardium, as SASSNet normalises them (Sect. 2.2)."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

MYOCARDIUM = 2


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Return distances to the boundary (H, W) float32: below 0 inside, above outside, 0 on the boundary.

    Each side is divided by its own maximum, so that values lie in -1 to 1. The boundary are the mask's pixels
    nearest to what is outside. An empty or a full mask gives zeros.

    Args:
        mask: (H, W) bool.
    """
    mask = np.asarray(mask, bool)
    if not mask.any() or mask.all():
        return np.zeros(mask.shape, np.float32)
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    inside = inside - inside[mask].min()  # the boundary's own pixels are at 1
    inside[~mask] = 0
    deepest = max(float(inside.max()), 1e-6)
    return (outside / outside.max() - inside / deepest).astype(np.float32)


def distances_of(labels: Tensor) -> Tensor:
    """Return signed distances (B, 1, H, W) of the myocardium of label maps (B, H, W)."""
    muscle = (labels == MYOCARDIUM).cpu().numpy()
    found = np.stack([signed_distance(mask) for mask in muscle]) if len(muscle) else np.zeros(labels.shape)
    return torch.from_numpy(found.astype(np.float32))[:, None].to(labels.device)
