"""Boxes of detectors: x and y of the corner that is nearest to the origin, and of the other one."""

import torch
from torch import Tensor


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the overlap (B, K, M) of boxes (B, K, 4) with (B or 1, M, 4)."""
    one, other = first[:, :, None], second[:, None]
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    inner = (high - low).clamp_min(0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp_min(0).prod(-1) for box in (one, other)]
    return inner / (areas[0] + areas[1] - inner).clamp_min(1e-6)
