"""The normalised focal loss (Sofiiuk et al. 2019), which the paper takes from its reference 18."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NormalisedFocalLoss(nn.Module):
    """-sum_i a_i (1 - p_i)^gamma log p_i / sum_i (1 - p_i)^gamma over the pixels i of an image; its mean.

    p_i is the probability of what is true, and a_i is alpha in the object and 1 - alpha outside. Pixels that
    are right fade out, and the sum below, which is no part of the gradient, keeps the loss of a nearly right
    image from fading, too.

    Args:
        alpha: weight of the object, 0 to 1.
        gamma: how fast right pixels fade out.
    """

    def __init__(self, alpha: float = 0.5, gamma: float = 2.0) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits (B, 1, H, W) and objects (B, H, W) bool, in float32."""
        with torch.autocast(logits.device.type, enabled=False):
            signed = torch.where(target, logits[:, 0].float(), -logits[:, 0].float())
            focus = (-signed).sigmoid() ** self.gamma
            weight = torch.where(target, self.alpha, 1 - self.alpha)
            below = focus.detach().sum((1, 2)).clamp_min(1e-8)
            return ((-weight * focus * F.logsigmoid(signed)).sum((1, 2)) / below).mean()
