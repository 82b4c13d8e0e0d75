"""Losses of Sect. 3, and of the control that isolates what the released form does."""

import torch
import torch.nn.functional as F
from torch import Tensor


def contrast(visual: Tensor, texts: Tensor, scale: Tensor | float) -> Tensor:
    """Return the loss of Eq. 2: cross-entropy of images and texts of a batch, in both directions, summed.

    Each image's own text is the right one; those of images of the same class are wrong ones.

    Args:
        visual: V, (B, d), of length 1.
        texts: T^j, (B, d), of length 1.
        scale: s.
    """
    logits = scale * visual @ texts.T
    own = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)


def naive(logits: Tensor, classes: Tensor, adjust: bool = False) -> Tensor:
    """Return the cross-entropy of classes (Sect. 3.1).

    Args:
        logits: (B, K).
        classes: (B,).
        adjust: add to each logit the logarithm of its class's count n_c in the batch:
            -log(n_y e^z_y / sum_c n_c e^z_c). But for the constant log n_y, that is the direction of images
            in Eq. 2 where all images of a class have one text.
    """
    if adjust:
        counts = torch.bincount(classes, minlength=logits.shape[1]).to(logits)
        # classes that the batch lacks have no part in the sum
        logits = logits + counts.log()
    return F.cross_entropy(logits, classes)
