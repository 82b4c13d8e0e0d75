"""Resize stacks of slices in their plane."""

import numpy as np


def resized(volume: np.ndarray, size: tuple[int, int], nearest: bool = False) -> np.ndarray:
    """Resize each slice of (D, H, W) to ``size``; linear, with the mean where it shrinks.

    Args:
        volume: intensities, or labels with ``nearest``.
        size: rows and columns wanted.
        nearest: take the nearest value, so that labels stay labels.
    """
    if tuple(volume.shape[1:]) == tuple(size):
        return volume
    import torch
    import torch.nn.functional as F

    stack = torch.from_numpy(np.ascontiguousarray(volume, np.float32))[:, None]
    if nearest:
        made = F.interpolate(stack, size=size, mode="nearest-exact")
    else:
        made = F.interpolate(stack, size=size, mode="bilinear", antialias=True)
    return made[:, 0].numpy().astype(volume.dtype)
