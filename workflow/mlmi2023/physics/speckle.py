"""How ultrasound becomes a picture: scatterers, point spread function, envelope, shadows, log compression.

Tissue is a cloud of scatterers, smaller than what the probe resolves. Each has a random amplitude and phase
that travel with it, so that speckle moves with tissue. What a beam hears at a depth is their sum under a
point spread function, and its magnitude, the envelope, is Rayleigh distributed where scatterers are alike
(mean over standard deviation 1.91). Amplitudes are relative to 1, soft tissue; factors in dB are 20 log10 of
an amplitude. Arrays (S, B) are samples along beams of a :class:`~mlmi2023.physics.sector.Sector`.
"""

from typing import NamedTuple

import numpy as np
from scipy import fft

from mlmi2023.physics.sector import Sector

#: mean over standard deviation of a Rayleigh distribution
RAYLEIGH = float(np.sqrt(np.pi / (4 - np.pi)))
#: reach of a point spread function, in its standard deviations
REACH = 4.0


class Scatterers(NamedTuple):
    """A cloud of N scatterers.

    Attributes:
        x: to the right, (N,) mm.
        z: away from the probe, (N,) mm.
        amplitude: (N,) complex.
    """

    x: np.ndarray
    z: np.ndarray
    amplitude: np.ndarray

    def times(self, factor: np.ndarray) -> "Scatterers":
        """Return the cloud with amplitudes multiplied by factors (N,): what tissue each lies in."""
        return self._replace(amplitude=self.amplitude * factor)

    def moved(self, dx: np.ndarray, dz: np.ndarray) -> "Scatterers":
        """Return the cloud displaced by (N,) mm to the right and away from the probe."""
        return self._replace(x=self.x + dx, z=self.z + dz)


class PointSpread(NamedTuple):
    """A Gaussian point spread function, in standard deviations of amplitude.

    Attributes:
        axial: along the beam, mm.
        lateral: across it at the focus, mm.
        focus: depth of the focus, mm.
        reach: distance from the focus at which the beam is wider by the square root of two, mm.
    """

    axial: float
    lateral: float
    focus: float
    reach: float

    def width(self, depth: np.ndarray) -> np.ndarray:
        """Return the lateral standard deviation at depths in mm, mm."""
        return self.lateral * np.sqrt(1 + ((depth - self.focus) / self.reach) ** 2)

    def beams(self, sector: Sector) -> np.ndarray:
        """Return the lateral standard deviation at each depth in beams, (S, 1); at most a quarter of all."""
        apart = (sector.radius + sector.depths) * sector.turn
        return np.minimum(self.width(sector.depths) / apart, sector.beams / 4)


def scatter(rng: np.random.Generator, sector: Sector, margin: float = 0.0, density: int = 1) -> Scatterers:
    """Return scatterers of mean square amplitude 1 all over a sector.

    Args:
        rng: random numbers.
        sector: what is seen.
        margin: how far beyond the sector's edges there are some too, mm: tissue that moves in from there.
        density: scatterers in each cell; the sum of their powers stays 1.
    """
    rows = int(np.ceil(margin / sector.step))
    columns = int(np.ceil(margin / ((sector.radius + sector.depth / 2) * sector.turn)))
    # nothing lies behind the apex
    above = min(rows, int(sector.radius / sector.step))
    shape = (density, above + sector.samples + rows, sector.beams + 2 * columns)
    depth = (np.arange(shape[1]) - above)[:, None] + rng.uniform(0, 1, shape)
    beam = (np.arange(shape[2]) - columns)[None] + rng.uniform(0, 1, shape)
    x, z = sector.place(depth * sector.step, beam * sector.turn - sector.half)
    amplitude = rng.normal(0, np.sqrt(0.5 / density), (*shape, 2))
    return Scatterers(x.ravel(), z.ravel(), (amplitude[..., 0] + 1j * amplitude[..., 1]).ravel())


def echoes(sector: Sector, cloud: Scatterers, spread: PointSpread) -> np.ndarray:
    """Return what the beams hear of a cloud, (S, B) complex.

    Mean power is that of the scatterers, whatever the point spread function.
    """
    lateral = spread.beams(sector)
    rows = int(np.ceil(REACH * spread.axial / sector.step)) + 1
    columns = min(int(np.ceil(REACH * lateral.max())) + 1, sector.beams)
    shape = (sector.samples + 2 * rows, sector.beams + 2 * columns)
    found = _collect(sector, cloud, shape, (rows, columns))
    wide = np.pad(lateral, ((rows, rows), (0, 0)), mode="edge")
    found = smear(found, spread.axial / sector.step, axis=0, shared=True)
    found = smear(found, wide, axis=1, shared=True)
    return found[rows:-rows, columns:-columns]


def _collect(
    sector: Sector, cloud: Scatterers, shape: tuple[int, int], before: tuple[int, int]
) -> np.ndarray:
    """Return the cloud on a grid of cells; the four nearest to each scatterer share it."""
    row, column = (at + pad for at, pad in zip(sector.indices(cloud.x, cloud.z), before))
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    down, right = row - top, column - left
    found = np.zeros(shape[0] * shape[1], complex)
    for i, weight_row in ((0, 1 - down), (1, down)):
        for j, weight_column in ((0, 1 - right), (1, right)):
            there = (top + i >= 0) & (top + i < shape[0]) & (left + j >= 0) & (left + j < shape[1])
            cell = ((top + i) * shape[1] + left + j)[there]
            part = (weight_row * weight_column * cloud.amplitude)[there]
            found += np.bincount(cell, part.real, found.size) + 1j * np.bincount(cell, part.imag, found.size)
    return found.reshape(shape)


def smear(values: np.ndarray, sigma: float | np.ndarray, axis: int, shared: bool = False) -> np.ndarray:
    """Return complex noise blurred by a Gaussian along an axis, scaled so that its mean power stays.

    Args:
        values: (R, C).
        sigma: standard deviation in cells; may differ by line, (R, 1) for axis 1.
        axis: 0 or 1.
        shared: whether this is a cloud on cells, so that neighbours share scatterers; else white noise.
    """
    size = fft.next_fast_len(values.shape[axis])
    frequency = fft.fftfreq(size)
    frequency = frequency[:, None] if axis == 0 else frequency[None]
    passed = np.exp(-2 * (np.pi * np.asarray(sigma) * frequency) ** 2)
    # of a scatterer at d between two cells, |1 - d + d exp(i w)|^2 on average
    power = (2 + np.cos(2 * np.pi * frequency)) / 3 if shared else 1.0
    passed = passed / np.sqrt((power * passed**2).mean(axis=axis, keepdims=True))
    blurred = fft.ifft(fft.fft(values, size, axis=axis) * passed, axis=axis)
    return blurred[: values.shape[0], : values.shape[1]]


def transmission(sector: Sector, loss: np.ndarray) -> np.ndarray:
    """Return the factor of amplitude that is left at each sample of what lies before it, (S, B).

    Args:
        sector: geometry.
        loss: there and back, (S, B) or (S, 1) dB per mm. What shadows loses much, so that all behind it along
            its beam is dark; a cell does not shadow itself.
    """
    before = np.cumsum(loss, axis=0) - loss
    return 10 ** (-before * sector.step / 20)


def interfaces(sector: Sector, level: np.ndarray, exponent: float) -> np.ndarray:
    """Return how strongly the walls of a structure mirror, (S, B), by how they face the beam.

    The slope of the level, per mm, times the cosine between its direction and the beam to a power: walls
    across the beam are bright, walls along it drop out.

    Args:
        sector: geometry.
        level: (S, B), smooth, such as a blurred mask.
        exponent: of the cosine; 0 for walls that are as bright everywhere.
    """
    along = np.gradient(level, sector.step, axis=0)
    across = np.gradient(level, sector.turn, axis=1) / (sector.radius + sector.depths)
    slope = np.hypot(along, across)
    return slope * (np.abs(along) / np.maximum(slope, 1e-12)) ** exponent


def compress(envelope: np.ndarray, dynamic_range: float, gain: float = 0.0) -> np.ndarray:
    """Return grey values in [0, 1]: the logarithm of an envelope, cut to a range.

    Args:
        envelope: amplitudes.
        dynamic_range: of the display, dB: what is so far below white is black.
        gain: added, dB; with 0, an amplitude of 1 is white.
    """
    level = 20 * np.log10(np.maximum(envelope, 1e-12)) + gain
    return np.clip(1 + level / dynamic_range, 0, 1)
