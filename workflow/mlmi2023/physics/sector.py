"""The sector that an ultrasound probe sees, and scan conversion between its beams and an image.

The frame is in mm: x to the right, z away from the probe, (0, 0) on the middle of its surface. Beams fan out
from an apex that lies ``radius`` behind the surface: 0 for a phased array, the radius of the curve for a
curved one. Samples of a beam and beams lie in the middles of cells, as pixels do. An image holds the whole
sector, as large as it fits, in its middle.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mlmi2023.core.errors import InputError


@dataclass(frozen=True)
class Sector:
    """Geometry of a probe's view.

    Attributes:
        depth: from the probe's surface to the last cell's end, mm.
        width: opening angle, degrees.
        radius: of the probe's surface, mm.
        samples: S, cells of a beam.
        beams: B.

    Raises:
        InputError: a length, angle or number that no probe has.
    """

    depth: float
    width: float
    radius: float = 0.0
    samples: int = 256
    beams: int = 128

    def __post_init__(self) -> None:
        if self.depth <= 0 or self.radius < 0 or not 0 < self.width <= 300:
            raise InputError(
                f"a sector {self.depth:g} mm deep and {self.width:g} degrees wide, of a probe with radius "
                f"{self.radius:g} mm: give a depth above 0, a width up to 300 and a radius of 0 or more"
            )
        if self.samples < 8 or self.beams < 8:
            raise InputError(f"{self.beams} beams of {self.samples} samples: give 8 or more of both")

    @property
    def half(self) -> float:
        """Half of the opening angle, radians."""
        return float(np.deg2rad(self.width) / 2)

    @property
    def step(self) -> float:
        """Length of a cell along a beam, mm."""
        return self.depth / self.samples

    @property
    def turn(self) -> float:
        """Angle between beams, radians."""
        return 2 * self.half / self.beams

    @property
    def depths(self) -> np.ndarray:
        """Distances of the samples from the probe, (S, 1) mm."""
        return ((np.arange(self.samples) + 0.5) * self.step)[:, None]

    @property
    def angles(self) -> np.ndarray:
        """Directions of the beams, (1, B) radians, 0 straight ahead and rising to the right."""
        return ((np.arange(self.beams) + 0.5) * self.turn - self.half)[None]

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and z of all samples, (S, B) each, mm."""
        return self.place(self.depths, self.angles)

    def place(self, depth: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and z, mm, of what lies so deep (mm) in a direction (radians)."""
        away = self.radius + depth
        return away * np.sin(angle), away * np.cos(angle) - self.radius

    def polar(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return depth (mm) and direction (radians) of places in mm."""
        return np.hypot(x, z + self.radius) - self.radius, np.arctan2(x, z + self.radius)

    def indices(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sample and beam, as fractions, of places in mm."""
        depth, angle = self.polar(x, z)
        return depth / self.step - 0.5, (angle + self.half) / self.turn - 0.5

    def pixel(self, shape: tuple[int, int]) -> float:
        """Return the side of a pixel of an image (H, W) that holds the sector, mm."""
        left, right, top, bottom = self._extent()
        return max((bottom - top) / shape[0], (right - left) / shape[1])

    def pixels(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return x and z of the middles of an image's pixels, (H, W) each, mm."""
        return self.to_mm(*np.meshgrid(*map(np.arange, shape), indexing="ij"), shape)

    def to_mm(
        self, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return x and z, mm, of places in an image (H, W), whose first pixel has its middle in (0, 0)."""
        first_x, first_z = self._first(shape)
        pixel = self.pixel(shape)
        return first_x + pixel * np.asarray(column), first_z + pixel * np.asarray(row)

    def to_pixels(
        self, x: np.ndarray, z: np.ndarray, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column in an image (H, W) of places in mm; the inverse of :meth:`to_mm`."""
        first_x, first_z = self._first(shape)
        pixel = self.pixel(shape)
        return (np.asarray(z) - first_z) / pixel, (np.asarray(x) - first_x) / pixel

    def field(self, shape: tuple[int, int]) -> np.ndarray:
        """Return which pixels of an image lie in the sector, (H, W) bool."""
        depth, angle = self.polar(*self.pixels(shape))
        return (depth >= 0) & (depth <= self.depth) & (np.abs(angle) <= self.half)

    def to_image(self, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return samples (S, B) as an image (H, W), 0 outside of the sector.

        Where pixels are larger than a cell, each is the mean of its points in the sector.
        """
        finer = max(1, round(self.pixel(shape) / self.step))
        fine = (finer * shape[0], finer * shape[1])
        found = ndimage.map_coordinates(
            np.asarray(values, float), self.indices(*self.pixels(fine)), order=1, mode="nearest"
        )
        inside = self.field(fine)
        parts = (shape[0], finer, shape[1], finer)
        total = np.where(inside, found, 0).reshape(parts).sum(axis=(1, 3))
        return self.field(shape) * total / np.maximum(inside.reshape(parts).sum(axis=(1, 3)), 1)

    def from_image(self, image: np.ndarray, order: int = 1) -> np.ndarray:
        """Return an image (H, W) at the samples, (S, B); beyond its edges it holds on."""
        return self.read(image, *self.places(), order)

    def read(self, image: np.ndarray, x: np.ndarray, z: np.ndarray, order: int = 1) -> np.ndarray:
        """Return an image (H, W) at places in mm; beyond its edges it holds on."""
        shape = (image.shape[0], image.shape[1])
        at = self.to_pixels(x, z, shape)
        return ndimage.map_coordinates(np.asarray(image, float), at, order=order, mode="nearest")

    def _extent(self) -> tuple[float, float, float, float]:
        """Return the sector's ends: left, right, top, bottom, mm."""
        far, near = self.radius + self.depth, self.radius
        side = far * np.sin(min(self.half, np.pi / 2))
        top = min(near * np.cos(self.half), far * np.cos(self.half)) - self.radius
        return -float(side), float(side), float(top), self.depth

    def _first(self, shape: tuple[int, int]) -> tuple[float, float]:
        """Return x and z of the middle of an image's first pixel, mm."""
        left, right, top, bottom = self._extent()
        pixel = self.pixel(shape)
        return (
            (left + right) / 2 - pixel * (shape[1] - 1) / 2,
            (top + bottom) / 2 - pixel * (shape[0] - 1) / 2,
        )
