"""Displacement fields in voxels (:mod:`mlmi2023.fields.displacement`) to ITK's and back.

ITK keeps vectors in its world, millimetres to the left, back and up (LPS), on an image whose step along array
axis k is ``spacing[k]`` along column k of ``direction``. Both say where a point of the fixed grid goes in
the moving image, so nothing is inverted: only the basis changes.
"""

from collections.abc import Sequence

import numpy as np


def field_to_voxels(vectors: np.ndarray, spacing: Sequence[float], direction: np.ndarray) -> np.ndarray:
    """Turn ITK's displacements into displacements along the array axes.

    Args:
        vectors: (X, Y, Z, 3) in ITK's world, in mm.
        spacing: mm per voxel and axis.
        direction: (3, 3) of the ITK image.

    Returns:
        (3, X, Y, Z) float32 in voxels.
    """
    to_voxel = np.linalg.inv(np.asarray(direction, float) * np.asarray(spacing, float))
    return np.einsum("ij,xyzj->ixyz", to_voxel, vectors).astype(np.float32)


def field_to_itk(u: np.ndarray, spacing: Sequence[float], direction: np.ndarray) -> np.ndarray:
    """Turn displacements along the array axes into ITK's.

    Args:
        u: (3, X, Y, Z) in voxels.
        spacing: mm per voxel and axis of the ITK image.
        direction: (3, 3) of the ITK image.

    Returns:
        (X, Y, Z, 3) float64 in ITK's world, in mm.
    """
    to_world = np.asarray(direction, float) * np.asarray(spacing, float)
    return np.einsum("ij,jxyz->xyzi", to_world, np.asarray(u, float))
