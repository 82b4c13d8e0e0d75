"""How well two contours fit: PolarIoU times BoxIoU (Sect. 2.1), for matching, losses and grouping."""

from typing import Literal

import torch
from torch import Tensor

Polar = Literal["printed", "released"]


def polar_iou(found: Tensor, true: Tensor, centre: Tensor, kind: Polar) -> Tensor:
    """Return the polar overlap (...) of contours (..., P, 2) whose points belong to each other.

    Distances are from one common centre, since of each contour's own they would say nothing of where it lies.

    Args:
        found: contours.
        true: contours.
        centre: common, (..., 2).
        kind: ``printed``: sum of the smaller distances over that of the larger (PolarMask); ``released``:
            1 - |log| of that ratio, not below 0.
    """
    one, other = (torch.linalg.vector_norm(p - centre[..., None, :], dim=-1) for p in (found, true))
    ratio = torch.minimum(one, other).sum(-1) / torch.maximum(one, other).sum(-1).clamp_min(1e-6)
    if kind == "printed":
        return ratio
    return (1 - ratio.clamp_min(1e-6).log().abs()).clamp_min(0)


def box_iou(found: Tensor, true: Tensor) -> Tensor:
    """Return the overlap (...) of the boxes around contours (..., P, 2)."""
    low, high = (torch.stack([p.amin(-2), p.amax(-2)]) for p in (found, true))
    inner = (torch.minimum(low[1], high[1]) - torch.maximum(low[0], high[0])).clamp_min(0).prod(-1)
    sides = [(p[1] - p[0]).clamp_min(0).prod(-1) for p in (low, high)]
    return inner / (sides[0] + sides[1] - inner).clamp_min(1e-6)


def contour_iou(found: Tensor, true: Tensor, centre: Tensor, kind: Polar) -> Tensor:
    """Return PolarIoU * BoxIoU; arguments as of :func:`polar_iou`."""
    return polar_iou(found, true, centre, kind) * box_iou(found, true)
