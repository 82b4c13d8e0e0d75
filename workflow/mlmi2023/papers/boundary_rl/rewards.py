"""The reward of Sect. 2.2: r = r_mov + 100 r_term."""

import torch
from torch import Tensor


def distance(centres: Tensor, target: Tensor) -> Tensor:
    """Return the distance (N,) of centres (N, 2) from ``target`` (N, 2), pixels."""
    return (centres.to(target.dtype) - target).square().sum(1).sqrt()


def movement(before: Tensor, after: Tensor, target: Tensor, blocked: bool = True) -> Tensor:
    """Return r_mov (N,): 1 where a patch has not got farther from the gland's centre, else -1.

    Args:
        before: (N, 2) centres of patches.
        after: (N, 2) the same after the action.
        target: (N, 2) c_p.
        blocked: whether a move that the border has stopped counts as -1. As printed it would earn 1, and so
            would every further push: with a discount of 0.99 as much in all as a hit.
    """
    near = distance(after, target) - distance(before, target) <= 0
    if blocked:
        near &= (before != after).any(1)
    return torch.where(near, 1.0, -1.0)


def reward(moved: Tensor, hit: Tensor, weight: float) -> Tensor:
    """Return r (N,) of r_mov (N,) and r_term (N,) bool."""
    return moved + weight * hit.to(moved.dtype)
