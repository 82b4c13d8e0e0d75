"""How regular a displacement field is: Jacobian determinants in three dimensions.

A central difference skips the voxel itself, so a field that throws single voxels across their
neighbours can have determinant 1 everywhere. Liu et al. (arXiv:2212.06060, IJCV 2024) therefore
cut the grid into tetrahedra, on each of which the map is linear. Each unit cube has two cuts into
five tetrahedra: four at corners and one in the middle. The corner ones around a voxel belong to
its 8 one-sided (forward or backward per axis) differences, the middle ones to two more
determinants, called j1* and j2*. A digital transform is a diffeomorphism when all ten are positive
everywhere. Shares of folded voxels are those that the authors' code counts, of the eight at corners;
the two of the middle enter the non-diffeomorphic volume alone.

Every determinant here is that of ``x + u(x)`` in voxels, at interior voxels: first and last voxel
of each axis have no neighbour on one side and are left out.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

Columns = tuple[Tensor, Tensor, Tensor]
Offset = tuple[int, int, int]


@dataclass(frozen=True)
class Folding:
    """Shares in percent.

    Attributes:
        pct_fold: interior voxels with any of the 8 one-sided determinants <= 0.
        pct_fold_central: the same for the central difference, for comparison with other papers.
        ndv: non-diffeomorphic volume, the volume of inverted tetrahedra over the volume of the region.
    """

    pct_fold: float
    pct_fold_central: float
    ndv: float


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _determinant(columns: Columns) -> Tensor:
    """Determinant of the 3x3 matrix with these columns, each (3, X, Y, Z)."""
    return (columns[0] * _cross(columns[1], columns[2])).sum(0)


def _along(axis: int, sign: int) -> Offset:
    """Neighbour along one axis."""
    return (sign * (axis == 0), sign * (axis == 1), sign * (axis == 2))


def _step(u: Tensor, offset: Offset) -> Tensor:
    """Edge vector from every interior voxel to its neighbour at ``offset``, after the transform."""
    near = tuple(slice(1, n - 1) for n in u.shape[1:])
    far = tuple(slice(1 + o, n - 1 + o) for o, n in zip(offset, u.shape[1:]))
    edge = torch.tensor(offset, dtype=u.dtype, device=u.device).view(3, 1, 1, 1)
    return u[(slice(None), *far)] - u[(slice(None), *near)] + edge


def _field(u: Tensor | np.ndarray) -> Tensor:
    field = torch.as_tensor(u).float()
    if field.ndim != 4 or field.shape[0] != 3:
        raise ValueError(f"needed is a displacement (3, X, Y, Z), not {tuple(field.shape)}")
    return field


def jacobian_determinant(u: Tensor | np.ndarray) -> Tensor:
    """Jacobian determinant by central differences.

    Args:
        u: (3, X, Y, Z) displacement in voxels.

    Returns:
        (X-2, Y-2, Z-2) float32 at interior voxels.
    """
    field = _field(u)
    columns = [(_step(field, _along(axis, 1)) - _step(field, _along(axis, -1))) / 2 for axis in range(3)]
    return _determinant((columns[0], columns[1], columns[2]))


def sd_log_jacobian(u: Tensor | np.ndarray) -> float:
    """Standard deviation of the log determinant by the rule of Learn2Reg.

    ``log(clip(det + 3, 1e-9, 1e9))`` of central differences; two voxels are cut at every face.

    Args:
        u: (3, X, Y, Z) displacement in voxels.

    Returns:
        The population standard deviation; NaN if an axis has fewer than 5 voxels.
    """
    field = _field(u)
    if min(field.shape[1:]) < 5:
        return float("nan")
    determinant = jacobian_determinant(field)[1:-1, 1:-1, 1:-1]
    return float((determinant + 3).double().clamp(1e-9, 1e9).log().std(unbiased=False))


def digital_folding(u: Tensor | np.ndarray, mask: np.ndarray | Tensor | None = None) -> Folding:
    """Measure folding by the determinants of digital diffeomorphism.

    Each determinant is six times the signed volume of one tetrahedron. Over both cuts the
    tetrahedra cover the domain twice, so ndv is half the sum of ``max(-det, 0) / 6`` over ten
    determinants and all voxels, divided by the number of voxels: 100 for a mirrored grid.

    Args:
        u: (3, X, Y, Z) displacement in voxels.
        mask: (X, Y, Z) region in which to count; everything by default. Its border voxels do not count.

    Returns:
        Shares in percent; NaN if an axis has fewer than 3 voxels or the region is empty.

    Raises:
        ValueError: ``u`` is no three-dimensional field or the mask has another shape.
    """
    field = _field(u)
    if min(field.shape[1:]) < 3:
        return Folding(*[float("nan")] * 3)
    if mask is None:
        region = torch.ones_like(field[0, 1:-1, 1:-1, 1:-1], dtype=torch.bool)
    else:
        if tuple(mask.shape) != tuple(field.shape[1:]):
            raise ValueError(f"mask has shape {tuple(mask.shape)}, the field {tuple(field.shape[1:])}")
        region = torch.as_tensor(mask, device=field.device)[1:-1, 1:-1, 1:-1] > 0
    count = int(region.sum())
    if not count:
        return Folding(*[float("nan")] * 3)

    negative = torch.zeros_like(field[0, 1:-1, 1:-1, 1:-1])
    folded = torch.zeros_like(region)

    def add(determinant: Tensor) -> None:
        negative.add_((-determinant).clamp_min(0))

    edges = {(axis, sign): _step(field, _along(axis, sign)) for axis in range(3) for sign in (1, -1)}
    for y, z in product((1, -1), repeat=2):
        normal = _cross(edges[1, y], edges[2, z])
        for x in (1, -1):
            corner = (edges[0, x] * normal).sum(0) * (x * y * z)  # backward edges point the other way
            folded |= corner <= 0
            add(corner)
    add(_determinant((_step(field, (-1, -1, 0)), _step(field, (-1, 0, -1)), _step(field, (0, -1, -1)))))
    add(_determinant((_step(field, (1, 1, 0)), _step(field, (0, 1, 1)), _step(field, (1, 0, 1)))))
    central = jacobian_determinant(field) <= 0

    def percent(where: Tensor) -> float:
        return 100 * float((where & region).sum()) / count

    volume = float((negative * region).double().sum()) / 12
    return Folding(percent(folded), percent(central), 100 * volume / count)
