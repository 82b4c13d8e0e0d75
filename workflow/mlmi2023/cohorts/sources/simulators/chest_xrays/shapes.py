"""Shadows from which pictures are built: blobs, lines and discs on a grid of shares of the picture."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter


class Grid(NamedTuple):
    """Places of pixels, ``x`` and ``y`` (S, S), as shares of the picture, with the patient at (0.5, 0.5)."""

    x: np.ndarray
    y: np.ndarray

    @property
    def pixel(self) -> float:
        """Side of a pixel."""
        return 1 / len(self.x)


def grid(size: int, shift: tuple[float, float]) -> Grid:
    """Return the grid of a picture that is off its place by ``shift``."""
    places = (np.arange(size) + 0.5) / size
    y, x = np.meshgrid(places, places, indexing="ij")
    return Grid(x - shift[0], y - shift[1])


def blob(where: Grid, x: float, y: float, across: float, down: float) -> np.ndarray:
    """Return a soft blob, 1 in its middle, (S, S)."""
    return np.asarray(np.exp(-0.5 * (((where.x - x) / across) ** 2 + ((where.y - y) / down) ** 2)))


def disc(where: Grid, x: float, y: float, radius: float) -> np.ndarray:
    """Return a disc with an edge of a pixel, 0 to 1, (S, S)."""
    return edge(radius - np.hypot(where.x - x, where.y - y), where.pixel)


def line(where: Grid, points: list[tuple[float, float]], width: float) -> np.ndarray:
    """Return a line through points, of a width, with an edge of a pixel, 0 to 1, (S, S)."""
    nearest = np.full(where.x.shape, np.inf)
    for (ax, ay), (bx, by) in pairwise(points):
        length = max((bx - ax) ** 2 + (by - ay) ** 2, 1e-12)
        along = np.clip(((where.x - ax) * (bx - ax) + (where.y - ay) * (by - ay)) / length, 0, 1)
        nearest = np.minimum(
            nearest, np.hypot(where.x - ax - along * (bx - ax), where.y - ay - along * (by - ay))
        )
    return edge(width / 2 - nearest, where.pixel)


def edge(inside: np.ndarray, pixel: float) -> np.ndarray:
    """Return how far pixels are inside, 0 to 1, from signed distances to an outline."""
    return np.asarray(np.clip(inside / pixel + 0.5, 0, 1))


def texture(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """Return smooth noise of zero mean and unit spread; ``length`` is a share of the picture, (S, S)."""
    noise = gaussian_filter(rng.standard_normal((size, size)), max(length * size, 0.3), mode="reflect")
    return np.asarray((noise - noise.mean()) / (noise.std() + 1e-9))
