"""The chest as a continuous phantom, sampled on the voxel grid in Hounsfield units."""

from typing import Any

import numpy as np
from scipy.special import ndtr

LUNG, TISSUE, FAT, BONE, AIR, NODE = -850.0, 40.0, -90.0, 320.0, -980.0, 55.0


class Canvas:
    """A volume that shapes are painted on, each with the partial volume that the scanner's blur gives it.

    Attributes:
        hu: (D, H, W) float32.
        axes: coordinates of the voxel centres along z, y, x in mm about the volume's centre.
        sigma: standard deviation of the blur, mm.
    """

    def __init__(self, shape: list[int], spacing: list[float], psf: float) -> None:
        self.spacing = np.asarray(spacing, float)
        self.axes = [((np.arange(n) - (n - 1) / 2) * s).astype(np.float32) for n, s in zip(shape, spacing)]
        self.hu = np.full(shape, TISSUE, np.float32)
        # one blur for all directions: the geometric mean of the voxel's edges
        self.sigma = psf * float(np.prod(self.spacing) ** (1 / 3))

    def ellipsoid(self, centre: Any, radii: Any, hu: float) -> None:
        """Paint an ellipsoid; its edge is blurred along the radius."""
        centre, radii = np.asarray(centre, float), np.asarray(radii, float)
        # three standard deviations beyond the shortest radius, where the edge is softest
        reach = radii * (1 + 3 * self.sigma / radii.min())
        box = self.box(centre - reach, centre + reach)
        z, y, x = (((axis[part] - c) / r) ** 2 for axis, part, c, r in zip(self.axes, box, centre, radii))
        distance = np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :])
        inside = ndtr((1 - distance) * np.float32(radii.min() / self.sigma))
        view = self.hu[box]
        view += (hu - view) * inside

    def box(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, ...]:
        """Return the voxels whose centres lie between two corners."""
        ends = (np.searchsorted(axis, [a, b]) for axis, a, b in zip(self.axes, low, high))
        return tuple(slice(int(a), int(b)) for a, b in ends)

    def tube(self, start: np.ndarray, end: np.ndarray, radius: np.ndarray, hu: float) -> tuple[Any, Any]:
        """Paint a tapered tube.

        The blurred value on the axis is that of a disc seen through a Gaussian, 1 - exp(-r^2 / 2 sigma^2);
        away from it, it falls off as a blurred edge does.

        Returns:
            The box that was touched, as slices, and the tube's share of each voxel in it.
        """
        reach = float(max(radius)) + 3 * self.sigma
        where = self.box(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
        z, y, x = (axis[part] - np.float32(a) for axis, part, a in zip(self.axes, where, start))
        if not (len(z) and len(y) and len(x)):
            return where, None
        way = (end - start).astype(np.float32)
        length = way @ way
        along = (z[:, None, None] * way[0] + y[None, :, None] * way[1] + x[None, None, :] * way[2]) / length
        along = np.clip(along, 0, 1)
        off = (
            (z[:, None, None] - along * way[0]) ** 2
            + (y[None, :, None] - along * way[1]) ** 2
            + (x[None, None, :] - along * way[2]) ** 2
        )
        narrow, blur = np.float32(radius[0] - radius[1]), np.float32(self.sigma)
        ratio = (np.float32(radius[0]) - along * narrow) / blur
        share = (1 - np.exp(-0.5 * ratio**2)) * ndtr(ratio - np.sqrt(off) / blur) / ndtr(ratio)
        view = self.hu[where]
        view += (np.float32(hu) - view) * share
        return where, share


def paint_chest(canvas: Canvas, rng: np.random.Generator, hu: dict[str, float], strain: float) -> None:
    """Paint lungs, heart, great vessels, airways and spine.

    Args:
        canvas: filled with soft tissue.
        rng: of the patient.
        hu: contrast of ``aorta`` and ``cava``; the right heart has that of ``artery``, the left that of
            ``vein``.
        strain: growth of the right ventricle over the left, as a share of its radius.
    """
    size = 1 + 0.06 * rng.standard_normal()
    for side in (-1, 1):
        centre = (5.0 * rng.standard_normal(), 8.0, side * 82.0 * size)
        canvas.ellipsoid(centre, (135 * size, 92 * size, 62 * size), LUNG + 40 * rng.standard_normal())
    canvas.ellipsoid((0, -45, 0), (90, 18, 22), FAT)  # in front of the great vessels
    # right ventricle in front, left one behind and to the left
    canvas.ellipsoid((-58, -32, -2), (26 * (1 + strain), 24 * (1 + strain), 30 * (1 + strain)), hu["artery"])
    canvas.ellipsoid((-60, -2, 26), (26 * (1 - strain / 2), 25, 27 * (1 - strain / 2)), hu["vein"])
    canvas.ellipsoid((-24, 26, 2), (20, 16, 30), hu["vein"])  # left atrium
    column = np.array([1.0, 0.0, 0.0])
    for base, radius, value in (
        ((-10.0, -20.0, -20.0), 14.0, hu["aorta"]),
        ((0.0, 52.0, 22.0), 11.0, hu["aorta"]),
        ((15.0, -12.0, -38.0), 8.0, hu["cava"]),
        ((0.0, 72.0, 0.0), 17.0, BONE),
    ):
        point = np.array(base) + rng.normal(0, 2.0, 3)
        canvas.tube(point - 90 * column, point + 90 * column, np.array([radius, radius]), value)
    carina = np.array([22.0, 22.0, 0.0])
    for tip in ((95.0, 22.0, 0.0), (-2.0, 24.0, -38.0), (-4.0, 24.0, 40.0)):
        canvas.tube(carina, np.array(tip), np.array([7.5, 6.0]), AIR)
