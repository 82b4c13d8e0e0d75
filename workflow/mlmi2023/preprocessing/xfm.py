"""Linear transforms: 4x4 matrices that map points of native to points of template space, both RAS mm."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import write_json
from mlmi2023.core.json_files import read_object

CONVENTION = "point_template = matrix @ [point_native, 1]; both in RAS mm"


def write_xfm(path: str | Path, matrix: np.ndarray, kind: str, target: str) -> None:
    """Write a native-to-template matrix as JSON with its kind, its template and the convention."""
    write_json(path, {"convention": CONVENTION, "kind": kind, "target": target, "matrix": matrix.tolist()})


def target_of(path: str | Path) -> str:
    """Return the template that a matrix of :func:`write_xfm` leads to.

    Raises:
        InputError: the file does not say, as those of earlier versions.
    """
    target = read_object(path, {}, "run the affine step again").get("target")
    if not target:
        raise InputError(f"{path}: does not name its template; run the affine step again")
    return str(target)


def read_xfm(path: str | Path) -> np.ndarray:
    """Return the 4x4 native-to-template matrix.

    Raises:
        InputError: the file is missing or holds no such matrix.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such transform; run the affine step again")
    try:
        matrix = np.asarray(read_object(path, {"matrix": list[Any]})["matrix"], dtype=float)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: holds no matrix; run the affine step again") from error
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        raise InputError(f"{path}: not an invertible 4x4 matrix; run the affine step again")
    return matrix


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (N, 3) by a 4x4 matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def fit_affine(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the 4x4 affine that maps ``start`` (N, 3) closest to ``end`` (N, 3) in the least squares."""
    homogeneous = np.column_stack([start, np.ones(len(start))])
    solution = np.linalg.lstsq(homogeneous, end, rcond=None)[0]
    return np.vstack([solution.T, [0, 0, 0, 1]])
