"""The scanner: blur in plane, slices that integrate over their thickness, noise."""

from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.abdominal_ct.phantom import Phantom

LOWEST, HIGHEST = -1024, 1500


def scan(
    phantom: Phantom, rng: np.random.Generator, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a scan of a phantom and its labels.

    A voxel's label is that of the phantom at its centre.

    Returns:
        Hounsfield units (X, Y, Z) int16, labels (X, Y, Z) uint8, and the affine from voxel to RAS mm.
    """
    every = options["fine"]["in_plane"]
    step, pixel = phantom.step, options["pixel"]
    rows = max(1, round(float(rng.choice(options["thickness"])) / step[2]))
    thickness = rows * step[2]
    blur = rng.uniform(*options["psf"]) * pixel / step[0]
    seen = ndimage.gaussian_filter1d(ndimage.gaussian_filter1d(phantom.hu, blur, axis=0), blur, axis=1)
    seen = ndimage.uniform_filter1d(seen, rows, axis=2, mode="nearest")
    first = rows // 2  # sample in the middle of the first slice
    where = np.s_[::every, ::every, first : phantom.hu.shape[2] - (rows - 1) // 2 : rows]
    image, labels = seen[where], phantom.labels[where]
    noise = ndimage.gaussian_filter(
        rng.standard_normal(image.shape, dtype=np.float32), (options["noise"]["length"],) * 2 + (0,)
    )
    sd = rng.uniform(*options["noise"]["sd"]) * np.sqrt(options["noise"]["at"] / thickness)
    image = image + noise * np.float32(sd / noise.std())
    affine = np.diag([pixel, pixel, thickness, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(image.shape) - 1) / 2)
    return np.clip(np.round(image), LOWEST, HIGHEST).astype(np.int16), np.ascontiguousarray(labels), affine
