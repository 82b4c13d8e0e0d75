"""Images of one patient onto one grid: registration to the reference by SimpleITK, then one interpolation."""

from typing import Any, NamedTuple

import numpy as np

from mlmi2023.classical.bridge import FLIP
from mlmi2023.cohorts.forms.registered_scans.options import Read, Register
from mlmi2023.preprocessing.resample import grid_affine, middle

#: of the lattice that is looked at
SEED = 2023


class Brought(NamedTuple):
    """A patient on the grid.

    Attributes:
        images: by name, (X, Y, Z) float32; 0 beyond the field of view.
        inside: by name, boolean, the field of view.
        labels: (X, Y, Z).
        shifts: by name, mm that registration has moved the middle of the grid by.
    """

    images: dict[str, np.ndarray]
    inside: dict[str, np.ndarray]
    labels: np.ndarray
    shifts: dict[str, float]


def to_sitk(array: np.ndarray, affine: np.ndarray) -> Any:
    """Return a SimpleITK image of an array (X, Y, Z) and its affine (4, 4), voxel to RAS mm."""
    import SimpleITK as sitk

    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def from_sitk(image: Any) -> np.ndarray:
    """Return the array (X, Y, Z) of a SimpleITK image."""
    import SimpleITK as sitk

    return np.ascontiguousarray(sitk.GetArrayFromImage(image).transpose(2, 1, 0))


def register(fixed: Any, moving: Any, own: Register) -> Any:
    """Return the transform from points of ``fixed`` to points of ``moving``, by Mattes' mutual information.

    Headers are where the search begins. One thread and a regular lattice give the same answer every time.

    Args:
        fixed: SimpleITK image of float.
        moving: the same.
        own: see :class:`.options.Register`.

    Raises:
        RuntimeError: the images do not overlap, or nothing can be seen in one.
    """
    import SimpleITK as sitk

    centre = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    found: Any = sitk.Euler3DTransform()
    found.SetCenter(centre)
    if own.transform == "none":
        return found
    for kind in ("rigid", "affine")[: 1 + (own.transform == "affine")]:
        if kind == "affine":
            wider = sitk.AffineTransform(3)
            wider.SetCenter(centre)
            wider.SetMatrix(found.GetMatrix())
            wider.SetTranslation(found.GetTranslation())
            found = wider
        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(1)
        method.SetMetricAsMattesMutualInformation(own.bins)
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(own.share, SEED)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, own.iterations)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel(list(own.shrink))
        method.SetSmoothingSigmasPerLevel(list(own.smooth))
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        method.SetInitialTransform(found, inPlace=True)
        method.Execute(fixed, moving)
    return found


def bring(
    images: dict[str, tuple[np.ndarray, np.ndarray]], labels: tuple[np.ndarray, np.ndarray], read: Read
) -> Brought:
    """Return a patient's images and labels on the grid around the middle of the reference.

    Labels lie in the space of the reference, on voxels of their own.

    Args:
        images: by name, array (X, Y, Z) and affine.
        labels: array and affine.
        read: the cohort's key.

    Raises:
        RuntimeError: registration fails.
    """
    import SimpleITK as sitk

    array, affine = images[read.reference]
    target = grid_affine(read.shape, read.spacing, middle(array.shape, affine))
    grid = to_sitk(np.zeros(read.shape, np.float32), target)
    fixed = sitk.Resample(
        to_sitk(array, affine), grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32
    )
    how = {"nearest": sitk.sitkNearestNeighbor, "linear": sitk.sitkLinear}[read.interpolation]
    centre = grid.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in grid.GetSize()])
    found, inside, shifts = {}, {}, {}
    for name, (own, place) in images.items():
        moving, move = to_sitk(own.astype(np.float32), place), sitk.Transform()
        if name != read.reference:
            move = register(fixed, moving, read.register)
            shifts[name] = float(np.linalg.norm(np.subtract(move.TransformPoint(centre), centre)))
        found[name] = from_sitk(sitk.Resample(moving, grid, move, how, 0.0, sitk.sitkFloat32))
        whole = to_sitk(np.ones(own.shape, np.uint8), place)
        seen = sitk.Resample(whole, grid, move, sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
        inside[name] = from_sitk(seen) > 0
    drawn = sitk.Resample(to_sitk(*labels), grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    return Brought(found, inside, from_sitk(drawn), shifts)
