"""Bring a volume to another grid with one interpolation."""

import numpy as np
from scipy import ndimage

# full width at half maximum of a Gaussian with sigma 1
FWHM = 2.3548


def grid_affine(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], centre: np.ndarray
) -> np.ndarray:
    """Return the affine of a grid along the world's axes whose middle lies at ``centre`` (RAS mm)."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = centre - (np.asarray(shape) - 1) / 2 * np.asarray(spacing)
    return affine


def middle(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Return the middle of a volume in RAS mm."""
    return affine[:3, :3] @ ((np.asarray(shape) - 1) / 2) + affine[:3, 3]


def resample(
    array: np.ndarray,
    affine: np.ndarray,
    shape: tuple[int, ...],
    target: np.ndarray,
    move: np.ndarray | None = None,
    order: int = 1,
    outside: float = 0.0,
) -> np.ndarray:
    """Sample ``array`` at the voxels of another grid.

    Args:
        array: (X, Y, Z).
        affine: 4x4, its voxels to RAS mm.
        shape: of the target grid.
        target: 4x4, the target grid's voxels to RAS mm.
        move: 4x4, RAS mm of ``array`` to RAS mm of the target grid (native to template); None: the same.
        order: 0 nearest neighbour (labels), 1 linear, 3 cubic. For 1 and 3 the array is first smoothed along
            axes that the target samples more coarsely, so that fine detail does not alias.
        outside: value beyond the field of view of ``array``; labels have 0 there.

    Returns:
        array of ``shape``: the type of ``array`` for order 0, else float32.
    """
    into_native = np.eye(4) if move is None else np.linalg.inv(move)
    pull = np.linalg.inv(affine) @ into_native @ target
    if order == 0:
        return ndimage.affine_transform(array, pull[:3, :3], pull[:3, 3], tuple(shape), order=0)
    # how many source voxels one target voxel spans along each source axis
    ratio = np.abs(pull[:3, :3]).max(axis=1)
    sigma = np.sqrt(np.maximum(ratio**2 - 1, 0)) / FWHM
    volume = np.asarray(array, dtype=np.float32)
    if sigma.max() > 0.1:
        volume = ndimage.gaussian_filter(volume, sigma)
    return ndimage.affine_transform(
        volume, pull[:3, :3], pull[:3, 3], tuple(shape), order=order, cval=outside
    )


def background(image: np.ndarray) -> float:
    """Return what lies around the subject of an image (X, Y, Z), to be continued beyond its field of view.

    Where at least half of the image's faces have one value, that is it: 0 of a stripped head, the padding of
    a CT. Else it is 0 for images without negative values, such as magnitudes of MR, and the darkest
    thousandth for others: the air of CT, whose noise has no value of its own.
    """
    faces = [np.take(image, end, axis).ravel() for axis in range(3) for end in (0, -1)]
    values, counts = np.unique(np.concatenate(faces), return_counts=True)
    if 2 * counts.max() >= counts.sum():
        return float(values[counts.argmax()])
    return 0.0 if image.min() >= 0 else float(np.percentile(image, 0.1))
