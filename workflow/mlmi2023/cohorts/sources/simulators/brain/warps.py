"""Random diffeomorphisms and poses, and the total map between a subject and the template.

A stationary velocity field v on the template gives phi = exp(v) by scaling and squaring (Arsigny et al.
2006). With the pose A (template mm -> native mm) the total map is native x -> template phi(inv(A) x), and
back template y -> native A exp(-v)(y).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mlmi2023.core.errors import InputError


def random_velocity(
    shape: tuple[int, ...], voxel: float, sigma: float, amplitude: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a smooth random vector field.

    Args:
        shape: (x, y, z) of the velocity grid.
        voxel: its voxel size, mm.
        sigma: standard deviation of the Gaussian that smooths white noise, mm.
        amplitude: root mean square length of the vectors, mm.
        rng: source of randomness.

    Returns:
        (3, x, y, z) float32, mm along the world's axes.
    """
    white = rng.standard_normal((3, *shape), dtype=np.float32)
    field = np.stack([ndimage.gaussian_filter(part, sigma / voxel, truncate=3) for part in white])
    return (field * (amplitude / np.sqrt((field**2).sum(0).mean()))).astype(np.float32)


def exponential(velocity: np.ndarray, voxel: float) -> np.ndarray:
    """Return the displacement of exp(velocity), (3, x, y, z) mm, by scaling and squaring."""
    longest = np.sqrt((velocity**2).sum(0)).max()
    steps = max(0, int(np.ceil(np.log2(max(longest, 1e-6) / (0.2 * voxel)))))
    field = velocity / 2**steps
    grid = np.indices(velocity.shape[1:], dtype=np.float32)
    for _ in range(steps):
        field = field + _sample(field, grid + field / voxel)
    return field


def _sample(field: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Sample a (3, x, y, z) field at (3, ...) voxel coordinates, the border continued outwards."""
    return np.stack(
        [ndimage.map_coordinates(part, voxels, order=1, mode="nearest", output=np.float32) for part in field]
    )


def jacobian(displacement: np.ndarray, voxel: float) -> np.ndarray:
    """Return the Jacobian determinant of x + u(x) by central differences, (x, y, z)."""
    parts = np.stack([np.stack(np.gradient(part, voxel)) for part in displacement])
    parts += np.eye(3, dtype=parts.dtype)[:, :, None, None, None]
    return np.linalg.det(np.moveaxis(parts, (0, 1), (-2, -1)))


def rotation(degrees: np.ndarray) -> np.ndarray:
    """Return the 3 x 3 rotation about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        a, b = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


@dataclass(frozen=True)
class Warp:
    """The total map between one subject's native space and the template.

    Attributes:
        pose: template mm -> native mm, 4 x 4.
        velocity: (3, x, y, z) mm on the velocity grid, or None for the identity.
        affine: voxel to world of the velocity grid, 4 x 4, isotropic.
    """

    pose: np.ndarray
    velocity: np.ndarray | None
    affine: np.ndarray

    @property
    def voxel(self) -> float:
        """Voxel size of the velocity grid, mm."""
        return float(self.affine[0, 0])

    def displacement(self) -> np.ndarray | None:
        """Return that of exp(v), checked to be invertible.

        Raises:
            InputError: the warp folds space.
        """
        if self.velocity is None:
            return None
        field = exponential(self.velocity, self.voxel)
        lowest = jacobian(field, self.voxel).min()
        if lowest <= 0:
            raise InputError(
                f"options.warp: a subject's Jacobian falls to {lowest:.2f}; lower amplitude or raise sigma"
            )
        return field

    def _at(self, field: np.ndarray, points: np.ndarray) -> np.ndarray:
        voxels = (points - self.affine[:3, 3].reshape(3, *[1] * (points.ndim - 1))) / self.voxel
        return _sample(field, voxels.astype(np.float32))

    def to_template(self, points: np.ndarray, displacement: np.ndarray | None) -> np.ndarray:
        """Map native mm to template mm.

        Args:
            points: (3, ...) native mm.
            displacement: what :meth:`displacement` returned.

        Returns:
            (3, ...) template mm, float32.
        """
        back = np.linalg.inv(self.pose)
        aligned = np.tensordot(back[:3, :3], points, 1) + back[:3, 3].reshape(3, *[1] * (points.ndim - 1))
        aligned = aligned.astype(np.float32)
        return aligned if displacement is None else aligned + self._at(displacement, aligned)

    def to_native(self, points: np.ndarray, displacement: np.ndarray | None, steps: int = 32) -> np.ndarray:
        """Map template mm (3, K) to native mm: follow -v, then correct for the grid's discretisation."""
        here = np.asarray(points, np.float64)
        if self.velocity is not None and displacement is not None:
            for _ in range(steps):
                half = here - self._at(self.velocity, here) / (2 * steps)
                here = here - self._at(self.velocity, half) / steps
            for _ in range(8):
                here = here - 0.8 * (here + self._at(displacement, here) - points)
        return self.pose[:3, :3] @ here + self.pose[:3, 3:]
