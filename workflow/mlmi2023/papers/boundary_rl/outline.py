"""From points to an outline (Sect. 2.2): outliers are dropped, the others joined up in order."""

import numpy as np


def ordered(points: np.ndarray) -> np.ndarray:
    """Return points (n, 2) in the order of their angle about their mean."""
    away = points - points.mean(0)
    return points[np.argsort(np.arctan2(away[:, 0], away[:, 1]), kind="stable")]


def kept(points: np.ndarray, most: float, neighbours: int) -> np.ndarray:
    """Return the points that are no outliers, in the order of their angle.

    A point is one if its distance from the mean of all points differs by more than ``most`` from the median
    distance of the nearest points around the ring, its own among them.

    Args:
        points: (n, 2) row and column.
        most: pixels.
        neighbours: on each side.
    """
    if len(points) < 3:
        return points
    ring = ordered(np.asarray(points, float))
    radius = np.hypot(*(ring - ring.mean(0)).T)
    side = min(neighbours, (len(ring) - 1) // 2)
    around = np.stack([np.roll(radius, shift) for shift in range(-side, side + 1)])
    return ring[np.abs(radius - np.median(around, axis=0)) <= most]


def filled(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the mask (H, W) uint8 of the polygon with these corners; empty with fewer than three.

    Args:
        points: (n, 2) row and column, joined in the order of their angle.
        shape: of the image.
    """
    from skimage.draw import polygon2mask

    if len(points) < 3:
        return np.zeros(shape, np.uint8)
    return polygon2mask(shape, ordered(np.asarray(points, float))).astype(np.uint8)


def drawn_in(points: np.ndarray, by: float) -> np.ndarray:
    """Return points (n, 2) that are moved towards their mean by ``by`` pixels, at most up to it."""
    if not len(points):
        return points
    away = points - points.mean(0)
    radius = np.hypot(*away.T)[:, None]
    return points.mean(0) + away * np.clip(1 - by / np.maximum(radius, 1e-9), 0, None)


def outside(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return how far points (n, 2) lie outside a mask (H, W), pixels; below 0 within it."""
    from scipy import ndimage

    far = ndimage.distance_transform_edt(mask == 0) - ndimage.distance_transform_edt(mask > 0)
    rows, columns = np.round(np.asarray(points)).astype(int).T
    return far[rows.clip(0, mask.shape[0] - 1), columns.clip(0, mask.shape[1] - 1)]
