"""CycleMorph (Kim et al. 2021): two networks that undo each other."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.fields.displacement import warp

#: (warped, target) -> scalar.
Similarity = Callable[[Tensor, Tensor], Tensor]


class CyclePair(nn.Module):
    """A network from the moving to the fixed image, which registers, and one back, which only trains it."""

    def __init__(self, there: nn.Module, back: nn.Module) -> None:
        """Join the two."""
        super().__init__()
        self.there, self.back = there, back

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z) that warps ``moving``."""
        return self.there(moving, fixed)


def cycle_loss(
    net: CyclePair,
    moving: Tensor,
    fixed: Tensor,
    similarity: Similarity,
    smoothness: Callable[[Tensor], Tensor],
    cycle: float,
    identity: float,
) -> Tensor:
    """Return the loss of both networks on a batch.

    Each registers its way (similarity and smoothness). Each, given the two warped images, brings the other's
    result home: ``cycle`` weighs the mean absolute difference from the image that it started as. Each leaves
    an image alone that it is to register to itself: ``identity`` weighs the similarity of what comes out.

    Args:
        net: the networks.
        moving: (B, 1, X, Y, Z).
        fixed: same shape.
        similarity: (warped, target) -> scalar, lower for more alike images.
        smoothness: weighted penalty on a displacement (B, 3, X, Y, Z).
        cycle: weight of the cycle.
        identity: weight of the identity.
    """
    # the identity rides along in the same batch
    u, u_same = net.there(torch.cat((moving, fixed)), torch.cat((fixed, fixed))).chunk(2)
    v, v_same = net.back(torch.cat((fixed, moving)), torch.cat((moving, moving))).chunk(2)
    to_fixed, to_moving = warp(moving, u), warp(fixed, v)
    registration = similarity(to_fixed, fixed) + similarity(to_moving, moving) + smoothness(u) + smoothness(v)
    home_moving = warp(to_fixed, net.back(to_fixed, to_moving))
    home_fixed = warp(to_moving, net.there(to_moving, to_fixed))
    cycled = F.l1_loss(home_moving, moving) + F.l1_loss(home_fixed, fixed)
    same = similarity(warp(fixed, u_same), fixed) + similarity(warp(moving, v_same), moving)
    return registration + cycle * cycled + identity * same
