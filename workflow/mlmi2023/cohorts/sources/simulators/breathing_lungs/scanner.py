"""One phase of a patient as a CT scan."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from mlmi2023.cohorts.sources.simulators.breathing_lungs.geometry import SIDES
from mlmi2023.cohorts.sources.simulators.breathing_lungs.motion import Breath
from mlmi2023.cohorts.sources.simulators.breathing_lungs.texture import BLOOD, Sampled

FALL = 60.0  # mm below the diaphragm within which its way falls to a third


@dataclass(frozen=True)
class Grid:
    """The voxels of a scan about the middle of the field of view.

    Attributes:
        shape: voxels along x, y, z.
        spacing: mm.
    """

    shape: tuple[int, int, int]
    spacing: np.ndarray

    @property
    def affine(self) -> np.ndarray:
        """(4, 4), voxel to mm."""
        affine = np.diag([*self.spacing, 1.0])
        affine[:3, 3] = -(np.array(self.shape) - 1) / 2 * self.spacing
        return affine

    def axes(self, fine: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mm along x, y, z, each on an axis of its own; ``fine`` samples per voxel and axis."""
        own = [
            (np.arange(n * fine) - (n * fine - 1) / 2) * (s / fine) for n, s in zip(self.shape, self.spacing)
        ]
        return own[0][:, None, None], own[1][None, :, None], own[2][None, None, :]


def make_grid(options: dict[str, Any]) -> Grid:
    """Return the grid that covers the field of view."""
    spacing = np.array(options["spacing"], float)
    x, y, z = (round(f / s) for f, s in zip(options["fov"], spacing))
    return Grid((x, y, z), spacing)


def lobes(breath: Breath, percent: float, grid: Grid) -> np.ndarray:
    """Return the lobe of every voxel of a phase, (X, Y, Z) uint8; 0 outside the lungs."""
    places = grid.axes()
    found = np.zeros(grid.shape, np.uint8)
    for side in SIDES:
        inside = breath.inside(percent, side, places) & (places[0] * side > 0)
        points = _at(inside, places)
        found[inside] = breath.chest.lobe(side, *breath.pull(percent, side, *points))
    return found


def to_exhale(breath: Breath, percent: float, grid: Grid) -> np.ndarray:
    """Return the way from each voxel of a phase to the same tissue at full exhale, (X, Y, Z, 3) float32, mm.

    Outside the lungs it is the way of the chest; organs below the diaphragm and the heart have none of their
    own here.
    """
    across, front, up = (np.broadcast_to(p, grid.shape) for p in grid.axes())
    places = across, front, up
    x, y = breath.shrink(percent, *places)
    way = np.stack([x - places[0], y - places[1], np.zeros(grid.shape)], -1)
    for side in SIDES:
        inside = breath.inside(percent, side, places) & (places[0] * side > 0)
        points = _at(inside, places)
        way[inside] = np.column_stack(breath.pull(percent, side, *points)) - np.column_stack(points)
    return way.astype(np.float32)


def scan(
    rng: np.random.Generator,
    breath: Breath,
    percent: float,
    grid: Grid,
    lungs: Sampled,
    body: Sampled,
    options: dict[str, Any],
) -> np.ndarray:
    """Return a phase as a scan, (X, Y, Z) int16, Hounsfield units.

    Args:
        rng: of the phase's noise.
        breath: how the patient breathes.
        percent: the phase.
        grid: voxels of the scan.
        lungs: the inside of the lungs at full exhale.
        body: all else.
        options: complete options.
    """
    fine = options["fine"]
    places = grid.axes(fine)
    full = np.broadcast_shapes(*(p.shape for p in places))
    x, y = breath.shrink(percent, *places)
    hu = body.at(*np.broadcast_arrays(x, y, places[2]))
    squeezed = _density(breath, percent, grid)
    for side in SIDES:
        half = places[0] * side > 0
        u, v = breath.chest.across(side, x, y, places[2])
        column = np.broadcast_to((u**2 + v**2 < 1) & half, full)
        below = column & (breath.height(percent, side, u, v, places[2]) <= 0)
        hu[below] = _abdomen(breath, percent, side, body, below, (x, y, places[2]), (u, v))
        inside = breath.inside(percent, side, places) & half
        tissue = lungs.at(*breath.pull(percent, side, *_at(inside, places)))
        voxel = tuple(i // fine for i in np.nonzero(inside))
        hu[inside] = _thinned(tissue, squeezed[voxel])
    hu[np.broadcast_to(breath.to_heart(percent, *places) < 1, full)] = BLOOD
    coarse = hu.reshape([k for n in grid.shape for k in (n, fine)]).mean((1, 3, 5))
    noise = gaussian_filter(rng.standard_normal(grid.shape), options["noise"]["length"])
    noise *= rng.uniform(*options["noise"]["sd"]) / noise.std()
    return np.rint(gaussian_filter(coarse, options["psf"]) + noise).clip(-1024, 3071).astype(np.int16)


def _at(inside: np.ndarray, places: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, z = (np.broadcast_to(p, inside.shape)[inside] for p in places)
    return x, y, z


def _abdomen(
    breath: Breath, percent: float, side: int, body: Sampled, where: np.ndarray, places: Any, across: Any
) -> np.ndarray:
    """Read the organs below the diaphragm, which go its way and less so further down."""
    x, y, z = _at(where, places)
    u, v = (np.broadcast_to(a, where.shape)[where] for a in across)
    way = breath.depth(percent) * breath.way * breath.chest.drop(u, v)
    floor = breath.chest.diaphragm(side, u, v) - way
    return body.at(x, y, z + way * np.exp((z - floor) / FALL))


def _density(breath: Breath, percent: float, grid: Grid) -> np.ndarray:
    """Return the volume at full exhale of the tissue in a voxel, as a share of the voxel's."""
    found = np.ones(grid.shape)
    x, y, z = grid.axes()
    for side in SIDES:
        # one row beyond the middle, for its slope
        half = np.flatnonzero(x.ravel() * side > -1.1 * grid.spacing[0])
        part = slice(half[0], half[-1] + 1)
        across, front, up = np.broadcast_arrays(x[part], y, z)
        pulled = breath.pull(percent, side, across, front, up)
        slopes = np.stack([np.stack(np.gradient(c, *grid.spacing)) for c in pulled])
        own = np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)))
        found[part] = np.where(across * side > 0, own, found[part])
    return found.clip(0.3, 1.7)


def _thinned(hu: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Spread air-filled tissue over more volume, and its mass with it; blood keeps its density."""
    mass = hu + 1000
    solid = np.clip((mass - 400) / 400, 0, 1)
    return mass * (share + (1 - share) * solid) - 1000
