"""Smooth random fields, shapes, and how far a place lies from another along the skull."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: mm from the head's middle to its skull, by which angles become lengths along it
ROUND = 76.0


def between(rng: np.random.Generator, pair: Sequence[float]) -> float:
    """Return a number drawn evenly from a range."""
    return float(rng.uniform(pair[0], pair[1]))


def smooth(rng: np.random.Generator, shape: Sequence[int], step: np.ndarray, sigma: float) -> np.ndarray:
    """Return a random float32 field of mean 0 and standard deviation 1 whose correlation length is ``sigma``
    mm.

    It is drawn on a grid of ``sigma`` / 1.5 and joined linearly.
    """
    grid = np.maximum(sigma / 1.5, step)
    coarse = [int(np.ceil(n * s / g)) + 3 for n, s, g in zip(shape, step, grid)]
    field = ndimage.gaussian_filter(
        rng.standard_normal(coarse).astype(np.float32), list(sigma / grid), truncate=3
    )
    field /= max(float(field.std()), 1e-6)
    for axis, (count, width, own) in enumerate(zip(shape, step, grid)):
        place = np.arange(count) * width / own
        lower = place.astype(int)
        share = (place - lower).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        below, above = np.take(field, lower, axis), np.take(field, lower + 1, axis)
        field = below + (above - below) * share
    return field


@dataclass(frozen=True)
class Space:
    """Where the samples of a head lie, after the bending of this patient.

    Attributes:
        x: mm to the right of the middle, (X, Y, Z) float32.
        y: to the front.
        z: upwards.
        step: mm between samples, (3,).
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    step: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis."""
        return self.x.shape

    def egg(self, centre: Sequence[float] | np.ndarray, radii: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return the distance from a centre in radii, (X, Y, Z); below 1 inside of the ellipsoid."""
        parts = ((own - c) / r for own, c, r in zip((self.x, self.y, self.z), centre, radii))
        return np.sqrt(sum(part**2 for part in parts))

    def along(self, way: np.ndarray) -> np.ndarray:
        """Return mm along the skull from where the direction ``way`` (3,) meets it, (X, Y, Z)."""
        length = np.sqrt(self.x**2 + self.y**2 + self.z**2)
        cosine = (self.x * way[0] + self.y * way[1] + self.z * way[2]) / np.maximum(length, 1e-3)
        return ROUND * np.arccos(np.clip(cosine, -1, 1))


def direction(side: float, azimuth: float, height: float) -> np.ndarray:
    """Return a unit vector.

    Args:
        side: +1 to the right, -1 to the left.
        azimuth: degrees from the side towards the front.
        height: degrees above the horizontal.
    """
    turn, rise = np.radians(azimuth), np.radians(height)
    return np.array([side * np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)])
