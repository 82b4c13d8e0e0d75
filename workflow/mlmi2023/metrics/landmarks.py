"""Distances between corresponding points."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage


def move_points(u: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Send points of the fixed grid to the moving grid: ``x + u(x)``, u read linearly.

    Args:
        u: (3, X, Y, Z) displacement in voxels.
        points: (K, 3) voxel coordinates in the fixed grid; outside it the edge value of u counts.

    Returns:
        (K, 3) voxel coordinates in the moving grid, float64.
    """
    coordinates = np.asarray(points, float).T
    shift = [ndimage.map_coordinates(c.astype(np.float64), coordinates, order=1, mode="nearest") for c in u]
    return (coordinates + np.stack(shift)).T


def distances_mm(a: np.ndarray, b: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Distance in mm of each pair of points (K, 3) in voxels; ``spacing`` is mm per voxel and axis."""
    return np.linalg.norm((np.asarray(a, float) - np.asarray(b, float)) * np.asarray(spacing, float), axis=1)


def tre_mm(
    u: np.ndarray, fixed_points: np.ndarray, moving_points: np.ndarray, spacing: Sequence[float]
) -> np.ndarray:
    """Target registration error of each landmark: how far ``x + u(x)`` is from its true partner.

    Args:
        u: (3, X, Y, Z) displacement in voxels, on the fixed grid.
        fixed_points: (K, 3) voxel coordinates.
        moving_points: (K, 3) voxel coordinates of the same landmarks in the moving image.
        spacing: mm per voxel and axis.

    Returns:
        (K,) errors in mm.
    """
    return distances_mm(move_points(u, fixed_points), moving_points, spacing)
