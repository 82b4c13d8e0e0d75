"""The MNI152 brain that comes inside nilearn: symmetric ICBM 2009a average, 1 mm, skull-stripped.

Its files are read without importing nilearn. Any other skull-stripped image can stand in as a target.
"""

import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import read_volume
from mlmi2023.core.errors import InputError
from mlmi2023.preprocessing.resample import FWHM

NAME = "mni152"
FILES = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


class Template(NamedTuple):
    """A skull-stripped image (X, Y, Z), float32 with zero outside the brain, and its affine to RAS mm."""

    array: np.ndarray
    affine: np.ndarray


def template_file(name: str = NAME, kind: str = "t1") -> Path:
    """Return the file of the template ``mni152`` (kind t1, gm or wm), or ``name`` itself if it is a path.

    Raises:
        InputError: nilearn is not installed or its wheel has changed.
    """
    if name != NAME:
        return Path(name)
    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise InputError("nilearn is not installed, and the MNI152 template comes with it; run `make env`")
    path = Path(spec.origin).parent / FILES.format(kind)
    if not path.is_file():
        raise InputError(f"{path}: not in this version of nilearn; install the pinned version")
    return path


@cache
def load_template(name: str = NAME, spacing: float | None = None, kind: str = "t1") -> Template:
    """Read a template, smoothed and thinned out by whole voxels to about ``spacing`` mm if that is coarser.

    Args:
        name: ``mni152`` or the path of a skull-stripped image.
        spacing: wanted voxel size in mm; None keeps the file's.
        kind: ``t1``, ``gm`` or ``wm`` of mni152.
    """
    array, affine = read_volume(template_file(name, kind))
    if spacing is not None:
        size = np.linalg.norm(affine[:3, :3], axis=0)
        step = np.maximum(np.rint(spacing / size).astype(int), 1)
        if step.max() > 1:
            smooth = ndimage.gaussian_filter(array, np.sqrt(step**2 - 1.0) / FWHM)
            # the brain's edge stays where it was: smoothing must not spread it
            array = np.where(array > 0, smooth, 0)[:: step[0], :: step[1], :: step[2]]
            affine = affine @ np.diag([*step.astype(float), 1.0])
    return Template(np.ascontiguousarray(array, dtype=np.float32), affine)


@cache
def brain_centre(name: str = NAME) -> np.ndarray:
    """Return the middle of the box around the template's brain, RAS mm, to whole millimetres."""
    array, affine = load_template(name)
    box = ndimage.find_objects((array > 0).astype(np.uint8))[0]
    voxel = np.array([(s.start + s.stop - 1) / 2 for s in box])
    return np.rint(affine[:3, :3] @ voxel + affine[:3, 3])
