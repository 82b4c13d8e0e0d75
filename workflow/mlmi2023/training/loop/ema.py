"""An exponential moving average of weights, as part of a module's state: it survives a kill."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


def average_of(net: nn.Module) -> nn.Module:
    """Return a copy of a network that training does not touch, to be averaged into."""
    return copy.deepcopy(net).requires_grad_(False)


@torch.no_grad()
def average_in(average: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Move an average towards a network's weights; its buffers become the network's.

    The decay begins lower, (1 + step) / (10 + step), so that the first weights are soon forgotten.

    Args:
        average: of :func:`average_of`.
        net: after its step.
        decay: share of the average that stays.
        step: optimiser steps done, at least 1.
    """
    own = min(decay, (1 + step) / (10 + step))
    get_ema_multi_avg_fn(own)(list(average.parameters()), list(net.parameters()), None)
    for kept, buffer in zip(average.buffers(), net.buffers()):
        kept.copy_(buffer)
