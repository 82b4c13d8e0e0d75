"""Missing-modality detector, and the losses of both sides (Sect. 2.2)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Detector(nn.Module):
    """D: which modalities is a fused bottleneck made of?

    Args:
        channels: of the bottleneck.
        modalities: M.
        widths: channels of the hidden layers.
        slope: of LeakyReLU.
    """

    def __init__(self, channels: int, modalities: int, widths: Sequence[int], slope: float) -> None:
        super().__init__()
        sides = [channels, *widths]
        layers: list[nn.Module] = []
        for given, made in pairwise(sides):
            layers += [nn.Linear(given, made), nn.LeakyReLU(slope)]
        self.body = nn.Sequential(*layers, nn.Linear(sides[-1], modalities))

    def forward(self, fused: Tensor) -> Tensor:
        """Return logits (B, M) of the mean over the grid of (B, C, *grid)."""
        return self.body(fused.flatten(2).mean(2))


def detection_loss(logits: Tensor, present: Tensor) -> Tensor:
    """Return L_D (Eq. 3): cross-entropy to what is there (B, M), summed over modalities, mean of patients."""
    own = F.binary_cross_entropy_with_logits(logits, present.to(logits.dtype), reduction="none")
    return own.sum(1).mean()


def fooling_loss(logits: Tensor) -> Tensor:
    """Return the second term of L_E (Eq. 4) without its weight: D is to say that all modalities are there."""
    return detection_loss(logits, torch.ones_like(logits))
