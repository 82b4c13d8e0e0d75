"""Dense fields from control points: uniform cubic B-splines.

Free-form deformation as in Rueckert et al. 1999: control points lie every ``spacing`` voxels,
one of them one spacing before the first voxel, and the dense field is the tensor product of cubic
B-spline bases. Smooth to the second derivative by construction.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def lattice_shape(shape: Sequence[int], spacing: int | Sequence[int]) -> tuple[int, ...]:
    """Return how many control points per axis support a dense grid.

    Args:
        shape: voxels per axis.
        spacing: voxels between control points, one number or one per axis.

    Returns:
        ``ceil((n - 1) / spacing) + 3`` per axis: the points inside, one before and one behind.
    """
    return tuple(math.ceil((n - 1) / s) + 3 for n, s in zip(shape, _per_axis(spacing, len(shape))))


def cubic_basis(distance: Tensor) -> Tensor:
    """Evaluate the centred cubic B-spline, whose support is (-2, 2) control-point distances."""
    t = distance.abs()
    near = 2 / 3 - t**2 + t**3 / 2
    far = (2 - t).clamp_min(0) ** 3 / 6
    return torch.where(t < 1, near, far)


def _per_axis(spacing: int | Sequence[int], dims: int) -> tuple[int, ...]:
    values = (spacing,) * dims if isinstance(spacing, int) else tuple(spacing)
    if len(values) != dims or min(values) < 1:
        raise ValueError(f"spacing {spacing} does not fit {dims} axes of at least one voxel each")
    return values


class CubicBSplineUpsample(nn.Module):
    """Evaluate a lattice of control points at every voxel.

    The operation is a strided transposed convolution with the tensor-product kernel, cropped at
    the borders. It is computed axis by axis as a product with a (voxels, control points) matrix,
    which gives the same numbers (a test compares the two), is 2.4 to 3.6 times as fast as the
    transposed convolution on a CPU core at 160x192x224, and has a deterministic backward pass on
    every device. Float32 whatever the autocast state.

    Args:
        spacing: voxels between control points, one number or one per axis.
        shape: voxels per axis of the dense field (2 or 3 axes).
    """

    def __init__(self, spacing: int | Sequence[int], shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.spacing = _per_axis(spacing, len(self.shape))
        self.lattice = lattice_shape(self.shape, self.spacing)
        for axis, (n, m, s) in enumerate(zip(self.shape, self.lattice, self.spacing)):
            voxel = torch.arange(n, dtype=torch.float64)[:, None] / s
            point = torch.arange(m, dtype=torch.float64)[None] - 1
            self.register_buffer(f"basis_{axis}", cubic_basis(voxel - point).float(), persistent=False)

    def forward(self, control: Tensor) -> Tensor:
        """Return the dense field (B, C, *shape) float32 of ``control`` (B, C, *lattice).

        Raises:
            ValueError: the lattice has another shape than :func:`lattice_shape` gives.
        """
        if tuple(control.shape[2:]) != self.lattice:
            raise ValueError(f"control lattice is {tuple(control.shape[2:])}; needed is {self.lattice}")
        with torch.autocast(control.device.type, enabled=False):
            dense = control.float()
            for axis in range(len(self.shape)):
                # The contracted axis comes back last, so after all turns the order is as before.
                dense = torch.tensordot(dense, self.get_buffer(f"basis_{axis}"), dims=([2], [1]))
        return dense

    def points(self, axis: int) -> Tensor:
        """Return where the control points of an axis lie, in voxels (lattice,); the ends lie outside."""
        return (torch.arange(self.lattice[axis]) - 1.0) * self.spacing[axis]
