"""What both scenes are drawn with: a fine grid, soft shapes, and the camera at the end."""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

#: drawn on a grid so much finer, then averaged
FINER = 3
#: width of the soft edge of shapes, as a share of the image's
EDGE = 0.012


class Canvas(NamedTuple):
    """Coordinates of a fine grid, (S, S) each, from 0 to 1 across the image; y runs downwards."""

    x: np.ndarray
    y: np.ndarray


def canvas(size: int) -> Canvas:
    """Return the grid of an image with so many rows and columns."""
    places = (np.arange(FINER * size) + 0.5) / (FINER * size)
    y, x = np.meshgrid(places, places, indexing="ij")
    return Canvas(x, y)


def between(rng: np.random.Generator, pair: Any) -> float:
    """Draw from a range."""
    return float(rng.uniform(pair[0], pair[1]))


def count(rng: np.random.Generator, pair: Any) -> int:
    """Draw a whole number; both ends may come."""
    return int(rng.integers(int(pair[0]), int(pair[1]) + 1))


def soft(distance: np.ndarray) -> np.ndarray:
    """Return how much of a shape covers each place, 0 to 1, by the distance inside its edge."""
    return 1 / (1 + np.exp(-np.clip(distance / EDGE, -40, 40)))


def disc(at: Canvas, x: float, y: float, radius: float, ratio: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """Return a soft ellipse of the area of a circle, (S, S) in 0 to 1.

    Args:
        at: the grid.
        x: of its centre.
        y: of its centre.
        radius: of the circle.
        ratio: of its half axes.
        turn: of the long one, radians.
    """
    right, down = at.x - x, at.y - y
    along = (right * np.cos(turn) + down * np.sin(turn)) / np.sqrt(ratio)
    across = (down * np.cos(turn) - right * np.sin(turn)) * np.sqrt(ratio)
    return soft(radius - np.hypot(along, across))


def wavy(rng: np.random.Generator, at: Canvas, x: float, y: float, radius: float, rough: float) -> np.ndarray:
    """Return a soft disc whose outline has waves of orders 2 to 5, (S, S) in 0 to 1."""
    angle = np.arctan2(at.y - y, at.x - x)
    orders, shift = np.arange(2, 6), rng.uniform(0, 2 * np.pi, 4)
    size = rough * rng.normal(size=4) / np.sqrt(orders)
    edge = radius * (1 + (size * np.cos(orders * angle[..., None] + shift)).sum(-1))
    return soft(edge - np.hypot(at.x - x, at.y - y))


def photographed(rng: np.random.Generator, image: np.ndarray, blur: float, noise: float) -> np.ndarray:
    """Return what the camera makes of an image on the fine grid.

    Args:
        rng: random numbers of the noise.
        image: (S, S, C), levels from 0 to 1.
        blur: spread, as a share of the width.
        noise: spread of each pixel's.

    Returns:
        (S / 3, S / 3, C) uint8.
    """
    fine = ndimage.gaussian_filter(image, (blur * len(image), blur * len(image), 0))
    size = len(image) // FINER
    coarse = fine.reshape(size, FINER, size, FINER, -1).mean((1, 3))
    coarse = coarse + noise * rng.normal(size=coarse.shape)
    return np.round(255 * np.clip(coarse, 0, 1)).astype(np.uint8)
