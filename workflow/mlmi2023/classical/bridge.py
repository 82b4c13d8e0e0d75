"""Arrays to antspyx images and back, without a file in between.

ITK, which antspyx wraps, counts millimetres to the left and to the back (LPS), nibabel to the right and to
the front (RAS). An ITK image carries spacing, direction and origin instead of one affine:
affine = flip @ [direction * spacing | origin], with flip = diag(-1, -1, 1, 1).
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


@cache
def load_ants() -> Any:
    """Import and return antspyx such that the same input gives the same bytes.

    Sampling is seeded, and ITK, which reads its number of threads once at its first use, gets one thread: it
    adds up metrics thread by thread in no fixed order. Batches run on several processes instead.
    """
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    import ants
    from ants import config

    config.set_ants_deterministic(True, seed_value=2023)
    return ants


def to_ants(array: np.ndarray, affine: np.ndarray) -> Any:
    """Return an ANTsImage of pixel type float.

    Args:
        array: (X, Y, Z).
        affine: 4x4, voxel to RAS mm; oblique and sheared ones are kept as they are.
    """
    ants = load_ants()
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    return ants.from_numpy(
        np.ascontiguousarray(array, dtype=np.float32),
        origin=lps[:3, 3].tolist(),
        spacing=spacing.tolist(),
        direction=lps[:3, :3] / spacing,
    )


def from_ants(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the array (X, Y, Z), float32, and the 4x4 affine from voxel to RAS mm of an ANTsImage."""
    lps = np.eye(4)
    lps[:3, :3] = np.asarray(image.direction) * np.asarray(image.spacing)
    lps[:3, 3] = image.origin
    return np.asarray(image.numpy(), dtype=np.float32), FLIP @ lps


def read_transform(path: str | Path) -> np.ndarray:
    """Return ITK's linear transform file as the 4x4 matrix on RAS mm points that it stands for.

    A registration's transform maps points of the fixed image to points of the moving one. Rigid and
    similarity transforms are stored as rotation vectors or as matrices, about a centre; mapping points is
    the same for all, so the matrix is read off where the origin and the three unit vectors go.
    """
    transform = load_ants().read_transform(str(path))
    origin = np.array(transform.apply_to_point((0.0, 0.0, 0.0)))
    columns = [np.array(transform.apply_to_point(tuple(unit))) - origin for unit in np.eye(3)]
    lps = np.eye(4)
    lps[:3, :3] = np.stack(columns, axis=1)
    lps[:3, 3] = origin
    return FLIP @ lps @ FLIP
