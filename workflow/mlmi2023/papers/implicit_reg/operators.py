"""The operators A of Sect. 2 as stencils on the grid, and the energies that they belong to.

Displacements and distances count in voxels. Beyond the image a field goes on mirrored (``mirror``, the edge
value twice) or periodically (``periodic``).

=========  =============================================================  ==========================
operator   A[u]                                                           energy R(u) = <u, -A u> / 2
=========  =============================================================  ==========================
diffusion  laplacian(u)                                                   |grad u|^2 / 2
curvature  -laplacian(laplacian(u))                                       |laplacian u|^2 / 2
elastic    mu laplacian(u) + (mu + lambda) grad div u                     mu |grad u|^2 / 2 +
                                                                          (mu + lambda) (div u)^2 / 2
=========  =============================================================  ==========================

The paper prints the squared laplacian without the minus; I - gamma A would then not be positive, and Eq. 5
not the minimum of Eq. 4.
"""

from typing import Literal

import torch
from torch import Tensor

Boundary = Literal["mirror", "periodic"]
OPERATORS = ("diffusion", "curvature", "elastic")


def _shifted(field: Tensor, axis: int, step: int, boundary: Boundary) -> Tensor:
    """Return ``field(x + step)`` along an axis, for a step of +1 or -1."""
    if boundary == "periodic":
        return field.roll(-step, dims=axis)
    n = field.shape[axis]
    if step > 0:
        return torch.cat((field.narrow(axis, 1, n - 1), field.narrow(axis, n - 1, 1)), dim=axis)
    return torch.cat((field.narrow(axis, 0, 1), field.narrow(axis, 0, n - 1)), dim=axis)


def laplacian(field: Tensor, boundary: Boundary = "mirror") -> Tensor:
    """Sum of second differences over the spatial axes of (B, C, *grid)."""
    total = -2 * (field.ndim - 2) * field
    for axis in range(2, field.ndim):
        total = total + _shifted(field, axis, 1, boundary) + _shifted(field, axis, -1, boundary)
    return total


def _central(field: Tensor, axis: int, boundary: Boundary) -> Tensor:
    return (_shifted(field, axis, 1, boundary) - _shifted(field, axis, -1, boundary)) / 2


def grad_div(u: Tensor, boundary: Boundary = "mirror") -> Tensor:
    """Gradient of the divergence of (B, D, *grid): second differences, and central ones for mixed terms."""
    parts = []
    for i in range(u.shape[1]):
        own = u[:, i : i + 1]
        total = _shifted(own, i + 2, 1, boundary) - 2 * own + _shifted(own, i + 2, -1, boundary)
        for j in range(u.shape[1]):
            if j != i:
                mixed = _central(_central(u[:, j : j + 1], j + 2, boundary), i + 2, boundary)
                total = total + mixed
        parts.append(total)
    return torch.cat(parts, dim=1)


def apply_operator(
    u: Tensor, operator: str, boundary: Boundary = "mirror", mu: float = 1.0, lam: float = 0.0
) -> Tensor:
    """Return A[u].

    Args:
        u: (B, D, *grid) in voxels.
        operator: ``diffusion``, ``curvature`` or ``elastic``.
        boundary: how the field goes on beyond the grid.
        mu: first Lame constant of ``elastic``, without unit.
        lam: the second one.
    """
    if operator == "diffusion":
        return laplacian(u, boundary)
    if operator == "curvature":
        return -laplacian(laplacian(u, boundary), boundary)
    if operator == "elastic":
        return mu * laplacian(u, boundary) + (mu + lam) * grad_div(u, boundary)
    raise ValueError(f"operator {operator!r} is none of {', '.join(OPERATORS)}")


def energy(
    u: Tensor, operator: str, boundary: Boundary = "mirror", mu: float = 1.0, lam: float = 0.0
) -> Tensor:
    """Return R(u) = <u, -A u> / 2 as a mean over batch, components and voxels, float32 or float64.

    With this scale the penalty alpha R pulls on a field as the implicit term does at alpha = sigma gamma, to
    first order in gamma.
    """
    with torch.autocast(u.device.type, enabled=False):
        field = u if u.dtype == torch.float64 else u.float()
        return -(field * apply_operator(field, operator, boundary, mu, lam)).mean() / 2
