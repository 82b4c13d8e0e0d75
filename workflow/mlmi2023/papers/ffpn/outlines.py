"""Between masks and contours: the largest part's outline, and what a contour encloses."""

import numpy as np
from scipy import ndimage
from skimage.draw import polygon2mask
from skimage.measure import find_contours

from mlmi2023.papers.ffpn.efd import in_order

#: a mask with fewer pixels has no outline
LEAST = 6


def outline_of(mask: np.ndarray, count: int) -> np.ndarray | None:
    """Return the outer contour of a mask's largest part, (count, 2) x and y, in order; None without one.

    Holes are filled: a ring becomes its outer contour.
    """
    parts, number = ndimage.label(mask)
    if not number:
        return None
    largest = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    if largest.sum() < LEAST:
        return None
    found = find_contours(np.pad(ndimage.binary_fill_holes(largest), 1).astype(float), 0.5)
    longest = max(found, key=len)[:-1] - 1
    return in_order(longest[:, ::-1], count)


def filled(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels (H, W), bool, whose middles a contour (P, 2) encloses."""
    return polygon2mask(shape, points[:, ::-1])


def scaled(points: np.ndarray, size: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Return points (..., 2) of an image of one size, rows and columns, in pixels of another."""
    factor = np.array([shape[1] / size[1], shape[0] / size[0]])
    return (points + 0.5) * factor - 0.5


def rays_of(points: np.ndarray, centre: np.ndarray, count: int) -> np.ndarray:
    """Return how far a contour (P, 2) lies from a place along rays, (count,); the farthest crossing counts.

    Ray k runs at 2 pi k / count from straight right, clockwise; one that does not cross has length 0.
    """
    angle = 2 * np.pi * np.arange(count) / count
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first, last = points - centre, np.roll(points, -1, axis=0) - centre
    # (rays, sides): offset of both ends from the ray's line
    one, other = (direction[:, :1] * p[:, 1] - direction[:, 1:] * p[:, 0] for p in (first, last))
    crosses = (one <= 0) != (other <= 0)
    share = one / np.where(crosses, one - other, 1.0)
    along = direction @ first.T + share * (direction @ (last - first).T)
    return np.where(crosses, along, 0.0).max(axis=1).clip(min=0.0)


def from_rays(lengths: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the points (..., R, 2) at the ends of rays of these lengths (..., R) from centres (..., 2)."""
    count = lengths.shape[-1]
    angle = 2 * np.pi * np.arange(count) / count
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return centre[..., None, :] + lengths[..., None] * direction
