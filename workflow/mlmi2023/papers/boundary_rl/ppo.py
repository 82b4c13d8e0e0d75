"""Proximal policy optimisation (Schulman et al. 2017): advantages and the clipped objective."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.boundary_rl.controller import Controller, entropy, log_chance
from mlmi2023.papers.boundary_rl.options import Ppo


class Transitions(NamedTuple):
    """What was seen, done and earned; all tensors have one entry per transition.

    Attributes:
        states: (N, C, P, P).
        actions: (N,).
        chances: (N,) log probability of the action under the policy that took it.
        advantages: (N,).
        returns: (N,) what the value is to be, in units of the value head.
    """

    states: Tensor
    actions: Tensor
    chances: Tensor
    advantages: Tensor
    returns: Tensor

    def some(self, which: Tensor) -> "Transitions":
        """Return some of them."""
        return Transitions(*(part[which] for part in self))


def advantages(rewards: Tensor, values: Tensor, ended: Tensor, discount: float, trace: float) -> Tensor:
    """Return generalised advantages (T, E) (Schulman et al. 2016, eq. 16).

    Args:
        rewards: (T, E). That of a walk that was cut off has the discounted value of its last state added.
        values: (T + 1, E) of the states before each step, and of the last one.
        ended: (T, E) bool: a walk ended with the step, so that the next state is another walk's.
        discount: gamma.
        trace: lambda.
    """
    found, later = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        goes_on = (~ended[t]).to(rewards.dtype)
        surprise = rewards[t] + discount * goes_on * values[t + 1] - values[t]
        later = surprise + discount * trace * goes_on * later
        found[t] = later
    return found


def clipped(chances: Tensor, before: Tensor, advantage: Tensor, ratio: float) -> Tensor:
    """Return the clipped objective, to be raised (eq. 7).

    Args:
        chances: (N,) log probability of the actions under the policy as it is.
        before: (N,) the same under the policy that took them.
        advantage: (N,).
        ratio: epsilon.
    """
    r = (chances - before).exp()
    return torch.minimum(r * advantage, r.clamp(1 - ratio, 1 + ratio) * advantage).mean()


def loss(net: Controller, part: Transitions, ppo: Ppo) -> Tensor:
    """Return what a step lowers (eq. 9, negated), with advantages of mean 0 and spread 1 in the minibatch."""
    logits, values = net(part.states)
    own = part.advantages
    own = (own - own.mean()) / (own.std() + 1e-8)
    objective = clipped(log_chance(logits, part.actions), part.chances, own, ppo.ratio)
    return -objective + ppo.value * F.mse_loss(values, part.returns) - ppo.entropy * entropy(logits).mean()
