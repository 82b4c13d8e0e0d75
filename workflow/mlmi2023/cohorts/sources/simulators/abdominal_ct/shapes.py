"""Solids by a depth function: about the distance to the surface in mm, positive inside.

Every solid also has a box that holds it, so that it is looked at there alone.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mlmi2023.cohorts.sources.simulators.brain.warps import rotation

Box = tuple[np.ndarray, np.ndarray]


class Solid(Protocol):
    """A part of space."""

    def box(self) -> Box:
        """Return the lower and the upper corner of a box around it, mm."""
        ...

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Return the depth below its surface at points (3, ...), mm; negative outside."""
        ...


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid; ``angles`` turn it about x, y and z, degrees."""

    centre: np.ndarray
    radii: np.ndarray
    angles: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def box(self) -> Box:
        """See :class:`Solid`."""
        turned = np.sqrt(((rotation(self.angles) * self.radii) ** 2).sum(axis=1))
        return self.centre - turned, self.centre + turned

    def depth(self, points: np.ndarray) -> np.ndarray:
        """See :class:`Solid`; exact along the shortest radius."""
        away = points - self.centre.reshape(3, 1, 1, 1).astype(np.float32)
        frame = (rotation(self.angles).T / self.radii[:, None]).astype(np.float32)
        u = np.einsum("ij,j...->i...", frame, away)
        return (1 - np.sqrt((u * u).sum(axis=0))) * np.float32(self.radii.min())


@dataclass(frozen=True)
class Tube:
    """A tube along a chain of points (N, 3) with a radius at each, (N,); ends are round."""

    points: np.ndarray
    radii: np.ndarray

    def box(self) -> Box:
        """See :class:`Solid`."""
        reach = self.radii[:, None]
        return (self.points - reach).min(axis=0), (self.points + reach).max(axis=0)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """See :class:`Solid`."""
        best = np.full(points.shape[1:], -np.inf, np.float32)
        for start, end, first, last in zip(self.points, self.points[1:], self.radii, self.radii[1:]):
            way = (end - start).astype(np.float32)
            away = points - start.reshape(3, 1, 1, 1).astype(np.float32)
            along = np.clip(np.einsum("i,i...->...", way, away) / max(float(way @ way), 1e-6), 0, 1)
            off = away - along * way.reshape(3, 1, 1, 1)
            radius = first + along * np.float32(last - first)
            np.maximum(best, radius - np.sqrt((off * off).sum(axis=0)), out=best)
        return best


@dataclass(frozen=True)
class Union:
    """Several solids that flow into each other: corners are rounded over ``blend`` mm."""

    parts: tuple[Solid, ...]
    blend: float = 4.0

    def box(self) -> Box:
        """See :class:`Solid`."""
        boxes = [part.box() for part in self.parts]
        margin = np.float32(self.blend)
        return np.min([b[0] for b in boxes], axis=0) - margin, np.max([b[1] for b in boxes], axis=0) + margin

    def depth(self, points: np.ndarray) -> np.ndarray:
        """See :class:`Solid`."""
        total = self.parts[0].depth(points)
        for part in self.parts[1:]:
            other = part.depth(points)
            near = np.clip(1 - np.abs(total - other) / self.blend, 0, None)
            total = np.maximum(total, other) + near * near * np.float32(self.blend / 4)
        return total


def smooth_chain(points: np.ndarray, pieces: int) -> np.ndarray:
    """Return ``pieces + 1`` points of a Catmull-Rom curve through ``points`` (N, 3)."""
    points = np.asarray(points, float)
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    where = np.linspace(0, len(points) - 1, pieces + 1)
    first = np.minimum(where.astype(int), len(points) - 2)
    t = (where - first)[:, None]
    a, b, c, d = (padded[first + k] for k in range(4))
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
