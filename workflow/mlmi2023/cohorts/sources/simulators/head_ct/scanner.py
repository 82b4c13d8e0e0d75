"""The scanner: beam hardening, blur, thick slices, noise; and the labels that a reader would draw."""

from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.head_ct.anatomy import Head
from mlmi2023.cohorts.sources.simulators.head_ct.fields import between
from mlmi2023.cohorts.sources.simulators.head_ct.options import BLEEDS

LOWEST, HIGHEST = -1024, 3071
#: mm over which beam hardening fades below the skull
FADES = 14.0


def scan(
    head: Head, labels: np.ndarray, rng: np.random.Generator, scanner: str, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a scan of a head and its labels.

    A voxel has the mean attenuation of what it holds; it is labelled where at least half of it is blood, by
    the class of which there is most.

    Args:
        head: on the fine grid.
        labels: of the fine grid.
        rng: draws blur, cupping and noise.
        scanner: ``a``, or ``b`` with all of the key ``shift`` applied.
        options: of the simulator.

    Returns:
        Hounsfield units (X, Y, Z) int16, labels (X, Y, Z) uint8, and the affine from voxel to RAS mm.
    """
    shift = (
        options["shift"] if scanner == "b" else {"gain": 1, "offset": 0, "noise": 1, "blur": 1, "cupping": 1}
    )
    fine = options["fine"]
    blocks = (int(fine["in_plane"]), int(fine["in_plane"]), int(fine["z"]))
    cup = between(rng, options["cupping"]) * shift["cupping"]
    # coarse voxels average what the window leaves of bone: else its rim hides what lies beside it
    seen = np.minimum(head.hu, options["clip"]) + np.where(
        head.depth > 0, cup * (np.exp(-np.maximum(head.depth, 0) / FADES) - 0.3), 0
    )
    # in mm, however large the voxels are: what lies under the skull must not drown in its blur
    blur = between(rng, options["psf"]) * shift["blur"] / head.space.step[0]
    seen = ndimage.gaussian_filter(seen.astype(np.float32), (blur, blur, 0))
    image = _averaged(seen, blocks)
    noise = rng.standard_normal(image.shape).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, (options["noise"]["length"],) * 2 + (0,))
    noise *= between(rng, options["noise"]["sd"]) * shift["noise"] / max(float(noise.std()), 1e-6)
    image = shift["gain"] * image + shift["offset"] * (image > -500) + noise
    voxel = np.array([options["pixel"], options["pixel"], options["thickness"]])
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = -voxel * (np.array(image.shape) - 1) / 2
    whole = np.clip(np.round(image), LOWEST, HIGHEST).astype(np.int16)
    return whole, voted(labels, blocks), affine


def voted(labels: np.ndarray, blocks: tuple[int, int, int]) -> np.ndarray:
    """Return labels of voxels that are blocks of samples: see :func:`scan`."""
    shares = np.stack([_averaged((labels == number).astype(np.float32), blocks) for number in BLEEDS])
    return np.where(shares.sum(0) >= 0.5, 1 + shares.argmax(0), 0).astype(np.uint8)


def _averaged(fine: np.ndarray, blocks: tuple[int, int, int]) -> np.ndarray:
    """Return the mean of each block of samples."""
    x, y, z = (n // block for n, block in zip(fine.shape, blocks))
    return fine.reshape(x, blocks[0], y, blocks[1], z, blocks[2]).mean(axis=(1, 3, 5))
