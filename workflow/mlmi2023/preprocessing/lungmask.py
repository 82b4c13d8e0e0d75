"""Lungs in a CT scan by their density: the two large pockets of air inside the body."""

import numpy as np
from scipy import ndimage

from mlmi2023.core.errors import InputError
from mlmi2023.preprocessing.resample import grid_affine, middle, resample
from mlmi2023.preprocessing.xfm import apply

RIGHT, LEFT = 1, 2
NAMES = {RIGHT: "right lung", LEFT: "left lung"}
STEP = 3.0  # mm; a lung's outline needs no finer voxels, and scans of 512 x 512 pixels become quick
AIR = -400.0  # HU, half way between lung and soft tissue
NECKS = (3.0, 5.0, 7.0, 9.0, 12.0, 15.0)  # mm; half widths of bridges that are cut between the lungs
REACH = 7.0  # mm beyond what is left after the cut
VESSELS = 6.0  # mm; half width of what is closed inside a lung


def find_lungs(hu: np.ndarray, affine: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Find both lungs with the vessels in them and without the windpipe.

    Args:
        hu: (X, Y, Z) Hounsfield units, in any orientation.
        affine: (4, 4), voxel to RAS mm.
        where: the file, for the message.

    Returns:
        labels (X', Y', Z') uint8, 1 right and 2 left, on cubic voxels along the world's axes, and their
        affine.

    Raises:
        InputError: there are no two pockets of air that could be lungs.
    """
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in hu.shape])).reshape(3, -1).T
    extent = np.ptp(apply(affine, corners), axis=0)
    # strictly inside the field of view: what resampling leaves beyond it would join lungs and outer air
    shape = tuple(max(8, int(e / STEP)) for e in extent)
    coarse = grid_affine(shape, (STEP,) * 3, middle(hu.shape, affine))  # type: ignore[arg-type]
    thin = resample(np.clip(hu, -1000, 400), affine, shape, coarse)
    air = _enclosed(thin < AIR)
    depth = ndimage.distance_transform_edt(air, sampling=STEP)
    for neck in NECKS:
        parts, count = ndimage.label(depth > neck)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        sizes[0] = 0
        if count < 2:
            continue
        first, second = np.argsort(sizes)[:-3:-1]
        if sizes[second] > 0.25 * sizes[first]:
            return _grown(air, [parts == first, parts == second], neck), coarse
    raise InputError(
        f"{where}: no two lungs are found below {AIR:g} HU; check the file's units, or give label maps of "
        "the lungs under read.labels"
    )


def _enclosed(air: np.ndarray) -> np.ndarray:
    """Keep the air that the body surrounds in each slice; lungs may be cut above and below."""
    parts, count = ndimage.label(~air)
    if not count:
        return np.zeros_like(air)
    body = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    return air & np.stack([ndimage.binary_fill_holes(body[..., z]) for z in range(air.shape[2])], -1)


def _grown(air: np.ndarray, seeds: list[np.ndarray], neck: float) -> np.ndarray:
    """Return labels of all air near one of two seeds, the nearer one; holes and vessels are filled."""
    away = np.stack([ndimage.distance_transform_edt(~seed, sampling=STEP) for seed in seeds])
    nearest, near = away.argmin(0), away.min(0) <= neck + REACH
    ball = np.linalg.norm(np.indices((5, 5, 5)) - 2, axis=0) <= VESSELS / STEP
    masks = []
    for number in (0, 1):
        # the rim that closing loses at the scan's ends is kept by a margin
        own = np.pad(air & near & (nearest == number), 3, mode="edge")
        own = ndimage.binary_closing(own, ball)[3:-3, 3:-3, 3:-3]
        masks.append(np.stack([ndimage.binary_fill_holes(own[..., z]) for z in range(own.shape[2])], -1))
    # the world's first axis runs to the right
    if np.argwhere(masks[0])[:, 0].mean() < np.argwhere(masks[1])[:, 0].mean():
        masks.reverse()
    labels = np.zeros(air.shape, np.uint8)
    labels[masks[1]] = LEFT
    labels[masks[0]] = RIGHT
    return labels
