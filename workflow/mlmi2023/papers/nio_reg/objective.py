"""The loss of Eq. 3, for training and for both ways of instance optimisation; the model of fields of lungs.

Every level is scored on the images at full size: the enlarged field of the level warps the moving image
itself.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import identity_grid, warp
from mlmi2023.losses.similarity import LNCC
from mlmi2023.losses.smoothness import diffusion

#: The network's released training smooths the unit flow, in which an image is 2 long, times the size of the
#: image: twice the displacement in voxels. The weight of smoothness is one for this measure.
UNIT_FLOW = 2.0


class Objective:
    """(1 - weight) LNCC(F, M o phi) + weight |grad 2u|^2, where LNCC is negated and lower is better.

    Eq. 3 prints no unit of u; see :data:`UNIT_FLOW` for the factor.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read ``task.loss``: ``window`` in voxels and ``weight``, the paper's lambda, in [0, 1]."""
        self.weight = float(options["weight"])
        if not 0 <= self.weight <= 1:
            raise InputError(f"config key task.loss.weight is {self.weight}; it is a share, from 0 to 1")
        self.lncc = LNCC(window=int(options["window"]))

    def __call__(self, u: Tensor, moving: Tensor, fixed: Tensor, place: Tensor | None = None) -> Tensor:
        """Return the loss of a batch, a float32 scalar.

        Args:
            u: (B, 3, X, Y, Z) displacement in voxels of the images.
            moving: (B, 1, X, Y, Z).
            fixed: same shape.
            place: (1, 3, X, Y, Z) displacement of the points where similarity is measured; None: at voxels.
        """
        if place is None:
            similarity = self.lncc(warp(moving, u, padding="border"), fixed)
        else:
            there = place + warp(u, place, padding="border")
            similarity = self.lncc(
                warp(moving, there, padding="border"), warp(fixed, place, padding="border")
            )
        return (1 - self.weight) * similarity + self.weight * diffusion(UNIT_FLOW * u)


class Deformation:
    """What is added at test time for lungs, after Siebert et al. 2021: a smooth field, and moved sampling
    points.

    Args:
        options: ``task.deformation``: ``bspline`` (the field is smoothed by a quadratic B-spline of 3
            voxels) and ``affine``, the standard deviation of the random affine map of the sampling points,
            0 for none.
    """

    def __init__(self, options: Mapping[str, Any] | None) -> None:
        own = dict(options or {})
        self.bspline, self.affine = bool(own.pop("bspline", False)), float(own.pop("affine", 0.0))
        if own:
            raise InputError(f"config key task.deformation.{min(own)} is unknown; known: bspline, affine")

    def smooth(self, u: Tensor) -> Tensor:
        """Return the field that the parameters ``u`` (B, 3, X, Y, Z) stand for."""
        if not self.bspline:
            return u
        for _ in range(3):  # three box filters are the quadratic B-spline
            u = F.avg_pool3d(F.pad(u, (1,) * 6, mode="replicate"), 3, stride=1)
        return u

    def place(self, shape: tuple[int, ...], device: torch.device, random: torch.Generator) -> Tensor | None:
        """Return a random affine displacement (1, 3, X, Y, Z) of the points of a grid, in voxels, or None.

        The map turns about the middle of the grid; a standard deviation of 0.01 moves a point at the end
        of an axis of 100 voxels by half a voxel.
        """
        if not self.affine:
            return None
        change = (torch.randn(3, 4, generator=random) * self.affine).to(device)
        middle = torch.tensor([(n - 1) / 2 for n in shape], device=device).view(1, 3, 1, 1, 1)
        away = identity_grid(shape, device) - middle
        turned = torch.einsum("ij,bjxyz->bixyz", change[:, :3], away)
        return turned + change[:, 3].view(1, 3, 1, 1, 1) * middle
