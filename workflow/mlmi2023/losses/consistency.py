"""Losses of images without labels: how sure a network is, and how far two answers agree.

Logits are (B, C, *grid) for C classes, the background among them. Everything is computed in float32.
"""

import torch
from torch import Tensor


def entropy(logits: Tensor) -> Tensor:
    """Return the mean over voxels of - sum p log p, in nats: 0 where a network is sure, at most log C."""
    log_p = logits.float().log_softmax(1)
    return -(log_p.exp() * log_p).sum(1).mean()


def agreement(logits: Tensor, chances: Tensor) -> Tensor:
    """Return the mean square of the difference between softmax(logits) and another answer's chances.

    Args:
        logits: (B, C, *grid).
        chances: (B, C, *grid) that sum to 1 over C; no gradient flows into them.
    """
    return (logits.float().softmax(1) - chances.detach().float()).square().mean()


def pseudo_labels(logits: Tensor, other: Tensor) -> Tensor:
    """Return the cross-entropy of logits with the likeliest classes of another answer as labels."""
    return torch.nn.functional.cross_entropy(logits.float(), other.detach().argmax(1))


def ramp_up(step: int, steps: float) -> float:
    """Return the usual weight of a consistency loss, exp(-5 (1 - t)^2) with t = step / steps up to 1.

    Tarvainen and Valpola (2017), Laine and Aila (2017); 1 from ``steps`` on.
    """
    share = 1.0 if steps <= 0 else min(1.0, step / steps)
    return float(torch.exp(torch.tensor(-5.0 * (1 - share) ** 2)))
