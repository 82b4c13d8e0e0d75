"""ConvexAdam (Siebert et al. 2021): discrete search, coupled convex smoothing, Adam; no training.

Fields are (B, 3, X, Y, Z) in voxels of their own grid and pull: ``warped(x) = moving(x + u(x))``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.losses.mind import mind_ssc
from mlmi2023.losses.smoothness import diffusion
from mlmi2023.nets.registration.lapirn import enlarge

#: Weights of the coupling between search and smoothness, one pass each.
COUPLING = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
INVERSE_PASSES = 15


@dataclass(frozen=True)
class ConvexAdam:
    """Settings.

    Attributes:
        spacing: voxels of the image per voxel of the search, along each axis.
        reach: search, in those coarse voxels to either side.
        adam_spacing: the same as ``spacing`` for Adam's grid; divides it.
        steps: of Adam.
        learning_rate: of Adam, in voxels of its grid.
        regularisation: weight of the squared differences of the field between neighbours.
        radius: of MIND's patches.
        dilation: of MIND's neighbours.
    """

    spacing: int = 6
    reach: int = 4
    adam_spacing: int = 2
    steps: int = 80
    learning_rate: float = 1.0
    regularisation: float = 1.25
    radius: int = 1
    dilation: int = 2

    @classmethod
    def from_config(cls, options: Mapping[str, Any]) -> "ConvexAdam":
        """Read a method's options, without its ``kind``.

        Raises:
            InputError: an unknown option, or grids that do not nest.
        """
        own = {key: value for key, value in options.items() if key != "kind"}
        known = [f.name for f in fields(cls)]
        if unknown := set(own) - set(known):
            raise InputError(
                f"config key method_options.{min(unknown)} is no option of convexadam; take {known}"
            )
        made = cls(**own)
        if min(made.spacing, made.reach, made.adam_spacing) < 1 or made.spacing % made.adam_spacing:
            raise InputError(
                "config keys method_options.spacing, reach and adam_spacing of convexadam are at least 1, "
                "and adam_spacing divides spacing; they are "
                f"{made.spacing}, {made.reach}, {made.adam_spacing}"
            )
        return made

    def register(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Register a batch of pairs, each on its own.

        Args:
            moving: (B, 1, X, Y, Z).
            fixed: same shape.

        Returns:
            Displacement (B, 3, X, Y, Z) float32 in voxels.
        """
        x, y, z = moving.shape[2:]
        lack = [-n % self.spacing for n in moving.shape[2:]]
        pair = (F.pad(i.float(), (0, lack[2], 0, lack[1], 0, lack[0]), "replicate") for i in (moving, fixed))
        with torch.no_grad():
            source, target = (mind_ssc(image, self.radius, self.dilation) for image in pair)
            coarse = [F.avg_pool3d(features, self.spacing) for features in (source, target)]
            u, v = self._search(*coarse), self._search(*reversed(coarse))
            start = enlarge(inverse_consistent(u, v), self.spacing // self.adam_spacing)
        u = self._refine(start, *(F.avg_pool3d(f, self.adam_spacing) for f in (source, target)))
        return enlarge(u, self.adam_spacing)[:, :, :x, :y, :z].contiguous()

    def _search(self, source: Tensor, target: Tensor) -> Tensor:
        return coupled_convex(search_costs(source, target, self.reach), candidates(self.reach, source.device))

    def _refine(self, start: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Minimise the difference of descriptors and of neighbouring vectors, from ``start``."""
        with torch.enable_grad():
            field = start.clone().requires_grad_()
            optimiser = torch.optim.Adam([field], lr=self.learning_rate)
            for _ in range(self.steps):
                optimiser.zero_grad()
                u = smooth(field, 3)
                # sums over the twelve channels and over the axes; a sum over the batch keeps pairs apart
                apart = 12 * (warp(source, u, padding="border") - target).square().mean()
                loss = len(u) * (apart + self.regularisation * 3 * diffusion(u))
                loss.backward()
                optimiser.step()
        return smooth(field.detach(), 3)


def candidates(reach: int, device: torch.device | str | None = None) -> Tensor:
    """Return all displacements of the search, (K, 3) with K = (2 reach + 1)^3, the last axis fastest."""
    axis = torch.arange(-reach, reach + 1, dtype=torch.float32, device=device)
    return torch.cartesian_prod(axis, axis, axis)


def search_costs(source: Tensor, target: Tensor, reach: int) -> Tensor:
    """Compare every target voxel with all source voxels within reach.

    Args:
        source: descriptors of the moving image (B, C, X, Y, Z); beyond the border the edge goes on.
        target: descriptors of the fixed image, same shape.
        reach: search in voxels to either side.

    Returns:
        (B, K, X, Y, Z), in the order of :func:`candidates`: squared differences summed over channels and
        averaged over 3 x 3 x 3 voxels.
    """
    x, y, z = target.shape[2:]
    wide = F.pad(source, (reach,) * 6, mode="replicate")
    costs = []
    for step in range(2 * reach + 1):
        # (B, C, X, steps along y, steps along z, Y, Z), without a copy
        moved = wide[:, :, step : step + x].unfold(3, y, 1).unfold(4, z, 1)
        squares = (moved - target[:, :, :, None, None]).square().sum(dim=1)
        costs.append(smooth(squares.permute(0, 2, 3, 1, 4, 5).flatten(1, 2), 1))
    return torch.cat(costs, dim=1)


def coupled_convex(costs: Tensor, steps: Tensor) -> Tensor:
    """Choose a displacement for every voxel that is cheap and close to its smooth surroundings.

    In turn the best candidate under cost and coupling is taken, and the field of them is smoothed, while the
    coupling grows.

    Args:
        costs: (B, K, X, Y, Z).
        steps: the candidates (K, 3).

    Returns:
        The smooth field (B, 3, X, Y, Z).
    """

    def best(total: Tensor) -> Tensor:
        return smooth(steps[total.argmin(dim=1)].movedim(-1, 1), 1)

    field = best(costs)
    lengths = steps.square().sum(dim=1).view(1, -1, 1, 1, 1)
    for weight in COUPLING:
        # |step - field|^2 without |field|^2, which all candidates share
        field = best(costs + weight * (lengths - 2 * torch.einsum("kd,bdxyz->bkxyz", steps, field)))
    return field


def inverse_consistent(u: Tensor, v: Tensor) -> Tensor:
    """Return u after both fields have been drawn towards each other's inverse."""
    for _ in range(INVERSE_PASSES):
        u, v = (u - warp(v, u, padding="border")) / 2, (v - warp(u, v, padding="border")) / 2
    return u


def smooth(volume: Tensor, times: int) -> Tensor:
    """Average over 3 x 3 x 3 voxels, ``times`` times; at the border over those that there are."""
    for _ in range(times):
        volume = F.avg_pool3d(volume, 3, stride=1, padding=1, count_include_pad=False)
    return volume
