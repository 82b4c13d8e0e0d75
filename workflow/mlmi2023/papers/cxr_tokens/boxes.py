"""Boxes of regions: overlap, boxes in a crop, and the mean box as the floor."""

import numpy as np
import torch
from torch import Tensor

#: share of a box that must lie in a crop, for its region to be there
INSIDE = 0.25


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union of boxes (..., 4) pair by pair; NaN where one is NaN."""
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    inner = np.clip(high - low, 0, None).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (first, second)]
    found: np.ndarray = inner / np.maximum(areas[0] + areas[1] - inner, 1e-9)
    return found


def cropped(boxes: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    """Return boxes (R, 4) in a crop of ``size`` x ``size`` pixels, cut at its border.

    A region of which less than a quarter lies inside is missing (NaN).
    """
    moved = boxes - np.array([left, top, left, top], np.float32)
    inside = np.clip(moved, 0, size)
    with np.errstate(invalid="ignore"):
        share = (inside[:, 2:] - inside[:, :2]).prod(-1) / (moved[:, 2:] - moved[:, :2]).prod(-1)
        gone = ~(share >= INSIDE)
    inside[gone] = np.nan
    return inside.astype(np.float32)


def mean_boxes(boxes: np.ndarray) -> np.ndarray:
    """Return the mean box (R, 4) of each region over images (N, R, 4); NaN where no image has it."""
    there = np.isfinite(boxes).all(-1)
    sums = np.where(there[..., None], boxes, 0).sum(0, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / there.sum(0)[:, None], np.float32)


def filled(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes (B, R, 4) with a far small box for each that is missing, and which are there (B, R)."""
    there = torch.isfinite(boxes).all(-1)
    far = torch.tensor([-9.0, -9.0, -8.0, -8.0], device=boxes.device)
    return torch.where(there[..., None], boxes, far), there
