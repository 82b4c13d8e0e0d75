"""SDNet's training: segmentation, drawing the frame again, and a code that is normal and can be read back."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.colonoscopy_aug.sdnet import Parts
from mlmi2023.tasks.segmentation.module import Segmentation


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of codes (B, n) from the standard normal distribution, mean over the batch."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


def total_loss(
    parts: Parts, frame: Tensor, target: Tensor, dice: nn.Module, weights: Mapping[str, float]
) -> Tensor:
    """Return the weighted sum of SDNet's losses.

    Args:
        parts: of a batch.
        frame: (B, C, H, W), what went in.
        target: (B, H, W) labels.
        dice: takes logits and target.
        weights: keys of :class:`~mlmi2023.papers.colonoscopy_aug.options.Terms`.
    """
    terms = {
        "dice": dice(parts.logits, target),
        "reconstruction": F.l1_loss(parts.frame, frame),
        "kl": kl_to_normal(parts.mean, parts.log_variance),
        "code": F.l1_loss(parts.again, parts.code),
    }
    return torch.stack([float(weights[name]) * term for name, term in terms.items()]).sum()


class SdnetTraining(Segmentation):
    """The shared training of segmentation, with SDNet's losses in each step.

    Attributes:
        terms: their weights.
    """

    terms: Mapping[str, float]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        frame, target, keep = self.source.taken(batch, True)  # type: ignore[operator]
        parts = self.net.parts(frame, keep)  # type: ignore[operator]
        return total_loss(parts, frame, target, self.loss, self.terms)
