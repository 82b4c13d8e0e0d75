"""L_pixel and L_decision (Sect. 2.2, Eqs. 1 and 2)."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.prostate_cancer_ms.dpm import OUTSIDE, coarse_labels
from mlmi2023.papers.prostate_cancer_ms.model import Answer


def class_weights(counts: Sequence[int]) -> Tensor:
    """Return M / N_c for the pixels of each class in training glands; 0 for a class that there is none of."""
    own = np.asarray(counts, float)
    return torch.tensor(np.where(own > 0, own.sum() / np.maximum(own, 1), 0.0), dtype=torch.float32)


def pixel_loss(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over pixels of the gland of the cross-entropy times the weight of the true class.

    Args:
        logits: (B, classes, H, W).
        target: (B, H, W) labels, -1 outside the gland.
        weights: (classes,).
    """
    total = F.cross_entropy(logits.float(), target, weights, ignore_index=OUTSIDE, reduction="sum")
    return total / (target != OUTSIDE).sum().clamp_min(1)


class DetectionLoss(nn.Module):
    """L_pixel of the answer and of each side output, and lambda times L_decision.

    Args:
        weights: (classes,) of the classes, see :func:`class_weights`.
        decision: lambda.
        scales: alpha of each layer.
        sides: weight of each side output.
        outside: see :func:`.dpm.coarse_labels`.
    """

    weights: Tensor

    def __init__(
        self,
        weights: Tensor,
        decision: float = 0.5,
        scales: Sequence[float] = (1.0, 1.0, 1.0),
        sides: float = 1.0,
        outside: str = "normal",
    ) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.decision, self.scales = float(decision), [float(own) for own in scales]
        self.sides, self.outside = float(sides), outside

    def forward(self, answer: Answer, target: Tensor) -> Tensor:
        """Return a scalar for an answer and labels (B, H, W), -1 outside the gland."""
        total = pixel_loss(answer.logits, target, self.weights)
        for side in answer.sides:
            total = total + self.sides * pixel_loss(side, target, self.weights)
        if answer.coarse:
            total = total + self.decision * self.decisions(answer.coarse, target)
        return total

    def decisions(self, coarse: Sequence[Tensor], target: Tensor) -> Tensor:
        """Return the sum over layers of alpha times the mean cross-entropy against the coarse labels."""
        total = coarse[0].new_zeros((), dtype=torch.float32)
        labels = coarse_labels(target, len(coarse), self.outside)
        for alpha, logits, own in zip(self.scales, coarse, labels):
            cost = F.cross_entropy(logits.float(), own, ignore_index=OUTSIDE, reduction="sum")
            total = total + alpha * cost / (own != OUTSIDE).sum().clamp_min(1)
        return total
