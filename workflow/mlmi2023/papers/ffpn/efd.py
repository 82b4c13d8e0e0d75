"""Elliptic Fourier descriptors (Eq. 1, Fig. 2a; Kuhl and Giardina 1982), in NumPy and torch.

A closed contour is P points (x, y) in pixels, the middle of the first pixel at (0, 0), at even steps along
its length, clockwise as one looks at the image, from where a ray straight up from its centre leaves it. Start
and direction make the coefficients of equal shapes equal: neither clustering nor regression works without.
Coefficients are (N, 4): of order n the factors a of sine and b of cosine in x, then c and d in y.
"""

import numpy as np
import torch
from torch import Tensor


def encode(points: np.ndarray, orders: int) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (N, 4) and centre (2,) of points (P, 2) at even steps of the parameter.

    Exact for contours of no more than ``orders`` orders, where P is above twice that.
    """
    count = len(points)
    angle = 2 * np.pi * np.arange(count)[:, None] / count * np.arange(1, orders + 1)
    sine, cosine = (2 / count * wave(angle).T @ points for wave in (np.sin, np.cos))
    return np.stack([sine[:, 0], cosine[:, 0], sine[:, 1], cosine[:, 1]], axis=1), points.mean(axis=0)


def decode(coefficients: Tensor, centre: Tensor, count: int) -> Tensor:
    """Return points (..., count, 2) of coefficients (..., N, 4) and centres (..., 2): Eq. 1."""
    n = torch.arange(1, coefficients.shape[-2] + 1, device=coefficients.device, dtype=coefficients.dtype)
    t = torch.arange(count, device=n.device, dtype=n.dtype)[:, None] / count
    sine, cosine = torch.sin(2 * torch.pi * t * n), torch.cos(2 * torch.pi * t * n)
    a, b, c, d = coefficients.unbind(-1)
    x, y = a @ sine.T + b @ cosine.T, c @ sine.T + d @ cosine.T
    return torch.stack([x, y], -1) + centre[..., None, :]


def extents(coefficients: Tensor, least: float) -> Tensor:
    """Return width and height of each order's ellipse, (..., N, 2): E_x and E_y of Eq. 2.

    Args:
        coefficients: (..., N, 4).
        least: what they are at least, in shares of the larger extent of order 1; without, an order that an
            anchor hardly has would blow the targets up.
    """
    a, b, c, d = coefficients.unbind(-1)
    found = 2 * torch.stack([torch.sqrt(a**2 + b**2 + 1e-12), torch.sqrt(c**2 + d**2 + 1e-12)], -1)
    return torch.maximum(found, least * found[..., :1, :].amax(-1, keepdim=True))


def resample(points: np.ndarray, count: int, start: np.ndarray | None = None) -> np.ndarray:
    """Return points (count, 2) at even steps along a closed polygon (P, 2), from a place on it."""
    closed = np.vstack([points, points[:1]])
    sides = np.diff(closed, axis=0)
    length = np.concatenate([[0], np.cumsum(np.hypot(sides[:, 0], sides[:, 1]))])
    first = 0.0
    if start is not None:
        # the side that the place is nearest to, and how far along it
        along = ((start - points) * sides).sum(1) / np.maximum((sides**2).sum(1), 1e-12)
        along = np.clip(along, 0, 1)
        side = int(np.argmin(((points + along[:, None] * sides - start) ** 2).sum(1)))
        first = length[side] + along[side] * (length[side + 1] - length[side])
    at = (first + np.arange(count) / count * length[-1]) % length[-1]
    return np.stack([np.interp(at, length, closed[:, k]) for k in (0, 1)], axis=1)


def in_order(points: np.ndarray, count: int) -> np.ndarray:
    """Return a closed polygon (P, 2) as (count, 2): clockwise, evenly, from straight above its centre.

    Of several crossings above the centre the farthest counts; without any, the topmost point of the contour.
    """
    x, y = points[:, 0], points[:, 1]
    if float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) < 0:  # y runs down, so clockwise is positive
        points = points[::-1]
    centre = resample(points, count).mean(axis=0)
    ends = np.roll(points, -1, axis=0)
    left, right = points[:, 0] - centre[0], ends[:, 0] - centre[0]
    crosses = np.flatnonzero((left <= 0) != (right <= 0))
    share = left[crosses] / (left[crosses] - right[crosses])
    heights = points[crosses, 1] + share * (ends[crosses, 1] - points[crosses, 1])
    above = heights[heights < centre[1]]
    start = np.array([centre[0], above.min()]) if len(above) else points[np.argmin(points[:, 1])]
    return resample(points, count, start)
