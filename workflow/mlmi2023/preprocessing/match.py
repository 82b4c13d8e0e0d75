"""How much a registered brain tells of the template, whatever its contrast; no truth is needed."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations, product

import numpy as np

from mlmi2023.preprocessing.resample import resample
from mlmi2023.preprocessing.templates import NAME, load_template

COARSE = 4.0  # mm; a gross mistake shows at any resolution
BINS = 32
SIDE = 24  # voxels of the cubes that scans are compared in


def template_match(
    array: np.ndarray, affine: np.ndarray, move: np.ndarray, target: str = NAME
) -> tuple[float, float]:
    """Return how well an image fits the template inside the template's brain, as it lies and turned.

    A brain that a registration left on its side fits better once the template lies on its side, too.

    Args:
        array: brain or head (X, Y, Z).
        affine: 4x4, voxel to native RAS mm.
        move: 4x4, native to template RAS mm.
        target: the template.

    Returns:
        the normalised mutual information (:func:`shared`) as the image lies, and the best over the other 23
        ways to turn the template by quarter and half turns around the middle of its brain.
    """
    template = load_template(target, COARSE)
    spots = np.argwhere(template.array > 0)
    half = int(np.ceil(np.abs(spots - spots.mean(0)).max()))
    # a cube around the brain, so that turning is swapping axes
    corner = np.rint(spots.mean(0)).astype(int) - half
    cube, where = np.zeros((2 * half + 1,) * 3, np.float32), template.affine.copy()
    cube[tuple((spots - corner).T)] = template.array[tuple(spots.T)]
    where[:3, 3] += where[:3, :3] @ corner
    seen = resample(array, affine, cube.shape, where, move)
    found = [shared(seen[turned > 0], turned[turned > 0]) for turned in turns(cube)]
    return found[0], max(found[1:])


def others_match(images: Iterable[np.ndarray], spacing: Sequence[float]) -> list[tuple[float, float]]:
    """Return how well each of several aligned scans fits the mean of the others, as it lies and turned.

    Args:
        images: each (X, Y, Z) on one grid, 0 where there is nothing.
        spacing: its voxel sizes in mm.

    Returns:
        of each scan, its correlation with the mean of the others in a cube around the grid, and the best over
        the other 23 ways to turn that mean.
    """
    cubes = np.stack([_cube(image, spacing) for image in images])
    cubes -= cubes.mean((1, 2, 3), keepdims=True)
    cubes /= np.maximum(np.linalg.norm(cubes.reshape(len(cubes), -1), axis=1), 1e-9)[:, None, None, None]
    total, found = cubes.sum(0), []
    for cube in cubes:
        rest = total - cube
        alike = [float((cube * turned).sum() / np.linalg.norm(rest)) for turned in turns(rest)]
        found.append((alike[0], max(alike[1:])))
    return found


def _cube(image: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Return an image at evenly spread places of a cube around it, 0 beyond it."""
    mm = np.array(image.shape) * spacing
    along = (np.arange(SIDE) - (SIDE - 1) / 2) * mm.max() / SIDE
    places = [np.rint(along / s + (n - 1) / 2).astype(int) for n, s in zip(image.shape, spacing)]
    inside = [(p >= 0) & (p < n) for p, n in zip(places, image.shape)]
    cube = np.zeros((SIDE,) * 3, np.float32)
    cube[np.ix_(*inside)] = image[np.ix_(*[p[i] for p, i in zip(places, inside)])]
    return cube


def turns(cube: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a cube in the 24 ways to turn it by quarter and half turns, unturned first."""
    for axes in permutations(range(3)):
        odd = np.linalg.det(np.eye(3)[list(axes)]) < 0
        for steps in product((1, -1), repeat=3):
            if (np.prod(steps) < 0) == odd:
                yield cube.transpose(axes)[tuple(slice(None, None, step) for step in steps)]


def shared(one: np.ndarray, other: np.ndarray) -> float:
    """Return the normalised mutual information of two lists of intensities of one length.

    Returns:
        2 I(A, B) / (H(A) + H(B)): 0 for lists that have nothing to do with each other, 1 for equal ones.
    """
    counts = np.bincount(BINS * _binned(one) + _binned(other), minlength=BINS**2)
    joint = counts.reshape(BINS, BINS) / counts.sum()
    single = [_entropy(joint.sum(axis)) for axis in (0, 1)]
    total = sum(single)
    return 2 * (total - _entropy(joint)) / total if total > 0 else 0.0


def _binned(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, [0.5, 99.5])
    share = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    return np.minimum((share * BINS).astype(int), BINS - 1)


def _entropy(chances: np.ndarray) -> float:
    there = chances[chances > 0]
    return float(-(there * np.log(there)).sum())
