"""Centre neighbourhood point sampling, CNPS (Sect. 2.1, Fig. 1): a nucleus's point and a background's.

Points are (x, y): column, row.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from mlmi2023.papers.sppnet.options import Task

NUCLEUS, BACKGROUND = 1, 0


class Points(NamedTuple):
    """Two points (2, 2) of x and y, their labels (2,), and the number of the nucleus that was chosen."""

    places: np.ndarray
    labels: np.ndarray
    nucleus: int


def centre_of(mask: np.ndarray) -> tuple[int, int]:
    """Return row and column of a nucleus's centre (Eq. 1): farthest from its border by L1 distance.

    Args:
        mask: (H, W) bool; beyond it is border. Of several places that are as far, the first one counts.
    """
    distance = ndimage.distance_transform_cdt(np.pad(mask, 1), metric="taxicab")[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(distance)), mask.shape)
    return int(row), int(column)


def gaussian_kernel(reach: int, sigma: float) -> np.ndarray:
    """Return Eq. 2: (2 K + 1, 2 K + 1), which sums to 1."""
    steps = np.arange(-reach, reach + 1)
    kernel = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * sigma**2))
    return kernel / kernel.sum()


def neighbour_of(
    mask: np.ndarray, centre: tuple[int, int], rng: np.random.Generator, task: Task
) -> tuple[int, int]:
    """Return row and column of a pixel of the nucleus that is near its centre.

    Args:
        mask: (H, W) bool.
        centre: row and column.
        rng: random numbers.
        task: reach, width and kind of the draw.
    """
    reach = task.kernel
    kernel = gaussian_kernel(reach, task.sigma)
    if task.neighbours == "uniform":
        kernel = np.ones_like(kernel)
    row, column = centre
    inside = np.pad(mask, reach)[row : row + 2 * reach + 1, column : column + 2 * reach + 1]
    chances = (kernel * inside).ravel()
    place = int(rng.choice(chances.size, p=chances / chances.sum()))
    down, right = divmod(place, 2 * reach + 1)
    return row + down - reach, column + right - reach


def draw_points(instances: np.ndarray, rng: np.random.Generator, task: Task, where: str) -> Points:
    """Draw a point of a nucleus and one of the background.

    Without nuclei both are background, without background both are nuclei.

    Args:
        instances: (H, W) whole numbers, 0 outside nuclei.
        rng: random numbers.
        task: of the paper.
        where: the first is a ``neighbour`` of the nucleus's centre, its ``centre``, or ``anywhere``.
    """
    counts = np.bincount(instances.ravel())
    numbers = 1 + np.flatnonzero(counts[1:])
    outside = np.flatnonzero(instances.ravel() == 0)
    chosen = int(numbers[rng.integers(len(numbers))]) if len(numbers) else 0
    first = _any(outside, rng, instances.shape) if not chosen else _of(instances, chosen, rng, task, where)
    if where == "anywhere":
        first = _any(np.arange(instances.size), rng, instances.shape)
    second = _any(outside, rng, instances.shape) if len(outside) else first
    places = np.array([first[::-1], second[::-1]], np.float32)
    labels = np.array([NUCLEUS if chosen else BACKGROUND, BACKGROUND if len(outside) else NUCLEUS])
    return Points(places, labels, chosen)


def _of(
    instances: np.ndarray, number: int, rng: np.random.Generator, task: Task, where: str
) -> tuple[int, int]:
    rows, columns = np.nonzero(instances == number)
    top, left = int(rows.min()), int(columns.min())
    mask = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), bool)
    mask[rows - top, columns - left] = True
    centre = centre_of(mask)
    row, column = centre if where == "centre" else neighbour_of(mask, centre, rng, task)
    return row + top, column + left


def _any(places: np.ndarray, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, int]:
    row, column = divmod(int(places[rng.integers(len(places))]), shape[1])
    return row, column
