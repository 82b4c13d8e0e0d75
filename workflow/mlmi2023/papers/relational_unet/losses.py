"""The loss of each task; the paper prints none, and the deviations say how far they are its release's."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.losses.segmentation import SegmentationLoss, soft_dice_loss


def focal(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """Return the mean over voxels of -(1 - p)^gamma log p, p the probability of the true class.

    Args:
        logits: (B, C, *grid), C >= 2.
        target: (B, *grid) whole numbers below C.
        gamma: 0 gives the cross-entropy.
    """
    log_p = logits.float().log_softmax(1).gather(1, target[:, None].long())
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


class DiceFocal(nn.Module):
    """``dice`` times the soft Dice loss of the lesion plus ``focal`` times the focal loss.

    Args:
        weights: of both.
        gamma: of the focal loss.
    """

    def __init__(self, weights: tuple[float, float] = (0.5, 1.0), gamma: float = 2.0) -> None:
        super().__init__()
        self.weights, self.gamma = (float(weights[0]), float(weights[1])), float(gamma)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return a float32 scalar for logits (B, C, *grid) and targets (B, *grid)."""
        with torch.autocast(logits.device.type, enabled=False):
            overlap = soft_dice_loss(logits, target)
            return self.weights[0] * overlap + self.weights[1] * focal(logits, target, self.gamma)


def build(config: Mapping[str, Any]) -> nn.Module:
    """Return the loss of the config's key ``train.loss``: ``kind`` and what it takes.

    Raises:
        InputError: an unknown kind or argument.
    """
    own = dict(config)
    kind = own.pop("kind", "dice_cross_entropy")
    try:
        return DiceFocal(**own) if kind == "dice_focal" else SegmentationLoss(kind, **own)
    except TypeError as error:
        raise InputError(f"config key train.loss: {error}") from error
