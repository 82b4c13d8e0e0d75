"""Bring a scan to voxels of another size, axis by axis; its middle stays, its edges are held on."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from mlmi2023.core.conditions import MOST_VOXELS
from mlmi2023.core.errors import InputError

# full width at half maximum of a Gaussian with sigma 1
FWHM = 2.3548


def places(count: int, old: float, new: float) -> np.ndarray:
    """Return where the new voxels of an axis lie among its ``count`` old ones."""
    rows = max(1, round(count * old / new))
    return (count - 1) / 2 + (np.arange(rows) - (rows - 1) / 2) * (new / old)


def check_room(file: str, shape: Sequence[int], old: np.ndarray, new: np.ndarray) -> None:
    """Refuse new voxels so small that a scan of ``shape`` would fill the memory.

    Raises:
        InputError: the line names key and file.
    """
    count = float(np.prod(np.array(shape) * old / new))
    if count > MOST_VOXELS:
        raise InputError(
            f"{file}: would have {count:.2g} voxels with read.spacing {new.tolist()}; give larger ones, in mm"
        )


def respaced(
    volume: np.ndarray,
    old: Sequence[float] | np.ndarray,
    new: Sequence[float] | np.ndarray,
    nearest: bool = False,
    smooth: bool = True,
) -> np.ndarray:
    """Return a volume with other voxel sizes.

    Args:
        volume: (X, Y, Z).
        old: its voxel sizes, mm.
        new: wanted voxel sizes, mm.
        nearest: labels: take the nearest voxel. Else interpolate linearly.
        smooth: before that, smooth along axes that become coarser, so that fine detail does not alias.

    Returns:
        the type of ``volume`` where ``nearest``, else float32.
    """
    found = volume if nearest else np.asarray(volume, np.float32)
    for axis, (before, after) in enumerate(zip(old, new)):
        if abs(after / before - 1) < 1e-3:
            continue
        count = found.shape[axis]
        where = places(count, before, after)
        if nearest:
            found = np.take(found, np.clip(np.floor(where + 0.5), 0, count - 1).astype(int), axis)
            continue
        sigma = np.sqrt(max((after / before) ** 2 - 1, 0)) / FWHM
        if smooth and sigma > 0.1:
            found = ndimage.gaussian_filter1d(found, sigma, axis, mode="nearest")
        where = np.clip(where, 0, count - 1)
        lower = np.minimum(where.astype(int), max(count - 2, 0))
        share = (where - lower).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        below = np.take(found, lower, axis)
        found = below + (np.take(found, np.minimum(lower + 1, count - 1), axis) - below) * share
    return found
