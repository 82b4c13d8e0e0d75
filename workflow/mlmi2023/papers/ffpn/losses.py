"""Losses of FFPN and its refinement (Eq. 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.ffpn.efd import decode
from mlmi2023.papers.ffpn.overlap import Polar, contour_iou

#: points by which contours are compared
COMPARED = 32


def regression_loss(
    found: tuple[Tensor, Tensor], true: tuple[Tensor, Tensor], wide: Tensor, polar: Polar
) -> Tensor:
    """Return L_Fou + L_Loc + L_Con (Eq. 3) of M contours.

    Smooth L1 of what is found against what is true, both in the units of Eq. 2, in which the anchor itself
    cancels out, and 1 - PolarIoU * BoxIoU.

    Args:
        found: coefficients (M, N, 4) and centres (M, 2).
        true: the same.
        wide: extents of the anchors' ellipses, (M, N, 2).
        polar: see :func:`~.overlap.polar_iou`.
    """
    apart = (found[0] - true[0]) / wide.repeat_interleave(2, -1)
    away = (found[1] - true[1]) / wide[:, 0]
    parts = [_huber(apart), _huber(away)]
    points = decode(*found, COMPARED)
    overlap = contour_iou(points, decode(*true, COMPARED), true[1], polar)
    return parts[0] + parts[1] + (1 - overlap).sum() / max(len(overlap), 1)


def _huber(values: Tensor) -> Tensor:
    return F.smooth_l1_loss(values, torch.zeros_like(values), reduction="sum") / max(values.numel(), 1)


def class_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return L_Cls = 0.25 cross-entropy + 0.75 focal loss, gamma 2, of logits (M, 1 + K), 0 for nothing."""
    entropy = F.cross_entropy(logits, target, reduction="none")
    focal = (1 - (-entropy).exp()) ** 2 * entropy
    return (0.25 * entropy + 0.75 * focal).sum() / max(len(target), 1)
