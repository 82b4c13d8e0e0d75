"""Pseudo-labels (Sect. 2.1): what is probable enough counts as certain, by a threshold that rises."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mlmi2023.papers.domain_mix.options import Threshold

#: label of pixels that have none
IGNORED = 255


def threshold_at(keys: Threshold, step: int, steps: int) -> float:
    """Return the threshold at a step, 0 to ``steps`` - 1: a straight line from ``start`` to ``end``."""
    return keys.start + (keys.end - keys.start) * min(1.0, step / max(1, steps - 1))


def pseudo_labels(logits: Tensor, threshold: float, below: str = "background") -> Tensor:
    """Return labels (B, H, W) of logits (B, C, H, W).

    A class's probability becomes 0 under the threshold and 1 from there on; from a half on, one class at most
    is left. A pixel without any is background, since that is what zeros for all structures say; with
    ``below="ignore"`` it has no label.
    """
    chance, label = torch.softmax(logits.float(), dim=1).max(dim=1)
    return torch.where(chance >= threshold, label, 0 if below == "background" else IGNORED)


@contextmanager
def labelling(net: nn.Module) -> Iterator[None]:
    """Let a network label: without dropout, and with its batch norms on the statistics of what they see.

    Those that the student has gathered are of mixed and of source images together. On the target alone they
    shift its answer, the student learns that shift, and in fifty steps all is foreground. Nothing is gathered
    here.
    """
    modes = {module: module.training for module in net.modules()}
    norms = [module for module in modes if isinstance(module, nn.BatchNorm2d)]
    net.eval()
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        for module, mode in modes.items():
            module.training = mode
