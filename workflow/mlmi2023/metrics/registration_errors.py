"""Landmark errors of a registered pair, as papers on lungs report them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlmi2023.metrics.landmarks import tre_mm


class LandmarkError(NamedTuple):
    """Errors of one pair, mm.

    Attributes:
        mean: over landmarks.
        sd: standard deviation over landmarks, of the sample (n - 1); 0 for one landmark.
        below: share of landmarks that are nearer than the limit, 0 to 1.
        landmarks: how many.
    """

    mean: float
    sd: float
    below: float
    landmarks: int


def landmark_errors(
    u: np.ndarray, fixed_points: np.ndarray, moving_points: np.ndarray, spacing: Sequence[float]
) -> np.ndarray:
    """Return the error in mm of each landmark that both images have.

    Args:
        u: (3, X, Y, Z) displacement in voxels on the fixed grid, ``warped(x) = moving(x + u(x))``; read
            linearly at the landmarks.
        fixed_points: (K, 3) voxel coordinates; NaN where there is no landmark.
        moving_points: (K, 3), row by row the same landmarks in the moving image.
        spacing: mm per voxel and axis.

    Returns:
        (L,) mm, L at most K, in order.

    Raises:
        ValueError: points do not correspond, or lie outside the grid of ``u``.
    """
    start, goal = (np.asarray(points, float) for points in (fixed_points, moving_points))
    if start.shape != goal.shape or start.ndim != 2 or start.shape[1] != 3:
        raise ValueError(f"landmarks of shape {start.shape} and {goal.shape} do not correspond")
    known = np.isfinite(start).all(1) & np.isfinite(goal).all(1)
    start, goal = start[known], goal[known]
    if ((start < 0) | (start > np.array(u.shape[1:]) - 1)).any():
        raise ValueError(f"landmarks lie outside the field's grid of {u.shape[1:]} voxels")
    return tre_mm(u, start, goal, spacing)


def summarise(errors: np.ndarray, limit: float) -> LandmarkError:
    """Return mean, spread and the share below ``limit`` mm; NaN without landmarks."""
    if not len(errors):
        return LandmarkError(float("nan"), float("nan"), float("nan"), 0)
    spread = float(np.std(errors, ddof=1)) if len(errors) > 1 else 0.0
    return LandmarkError(float(np.mean(errors)), spread, float(np.mean(errors < limit)), len(errors))
