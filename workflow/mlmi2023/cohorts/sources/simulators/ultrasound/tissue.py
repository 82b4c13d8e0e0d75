"""What a scanner needs to know of tissue, from label maps and masks, which are images of the whole sector."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from mlmi2023.physics.sector import Sector
from mlmi2023.physics.speckle import interfaces


def levels(labels: np.ndarray, level: Mapping[int, float]) -> np.ndarray:
    """Return the mean level of scattering, dB, of a label map (H, W); each of its labels needs one.

    Raises:
        ValueError: a label has no level.
    """
    if lost := set(np.unique(labels).tolist()) - set(level):
        raise ValueError(f"no level for the labels {sorted(lost)}")
    table = np.zeros(int(max(level)) + 1)
    table[list(level)] = list(level.values())
    return table[labels]


def patches(rng: np.random.Generator, sector: Sector, shape: tuple[int, int], length: float) -> np.ndarray:
    """Return smooth noise of mean 0 and spread 1, (H, W), correlated over a length in mm: uneven tissue."""
    noise = ndimage.gaussian_filter(rng.normal(0, 1, shape), length / sector.pixel(shape), mode="wrap")
    return (noise - noise.mean()) / max(float(noise.std()), 1e-9)


def walls(sector: Sector, mask: np.ndarray, strength: float, thickness: float, exponent: float) -> np.ndarray:
    """Return the amplitude that the border of a structure mirrors, (S, B).

    Args:
        sector: geometry.
        mask: of the structure, (H, W).
        strength: amplitude of a wall that faces the beam.
        thickness: standard deviation of the wall, mm.
        exponent: of the cosine between wall and beam; the higher, the more of the side walls drops out.
    """
    smooth = ndimage.gaussian_filter(np.asarray(mask, float), thickness / sector.pixel(mask.shape))
    slope = interfaces(sector, sector.from_image(smooth), exponent)
    return strength * thickness * np.sqrt(2 * np.pi) * slope


def ribs(rng: np.random.Generator, sector: Sector, count: int, width: float, shadow: float) -> np.ndarray:
    """Return the loss of ribs, or of bad contact, at the probe's surface, (S, B) dB per mm.

    Args:
        rng: random numbers.
        sector: geometry.
        count: of the ribs.
        width: of one, degrees; its edges are soft.
        shadow: there and back through its middle, dB.
    """
    found = np.zeros((sector.samples, sector.beams))
    middle = rng.uniform(-sector.half, sector.half, (count, 1))
    shape = np.exp(-0.5 * ((sector.angles - middle) / (np.deg2rad(width) / 2)) ** 2)
    found[0] = shadow / sector.step * shape.sum(axis=0)
    return found


def calcifications(
    rng: np.random.Generator,
    sector: Sector,
    where: np.ndarray,
    count: int,
    radius: float,
    strength: float,
    shadow: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what bright grains add in amplitude, and what they lose, (S, B) each, dB per mm.

    Args:
        rng: random numbers.
        sector: geometry.
        where: mask (H, W) that their middles lie in; where it is empty there are none.
        count: of the grains.
        radius: of one, mm.
        strength: amplitude in its middle.
        shadow: there and back through its middle, dB.
    """
    places = np.argwhere(where)
    x, z = sector.places()
    if not len(places) or not count:
        return np.zeros_like(x), np.zeros_like(x)
    row, column = places[rng.integers(len(places), size=count)].T + rng.uniform(-0.5, 0.5, (2, count))
    at_x, at_z = sector.to_mm(row, column, where.shape)
    away = np.hypot(x[..., None] - at_x, z[..., None] - at_z)
    grain = np.exp(-0.5 * (away / (radius / 2)) ** 2).sum(axis=-1)
    # of a Gaussian of standard deviation radius / 2, the integral along its middle
    return strength * grain, shadow / (radius / 2 * np.sqrt(2 * np.pi)) * grain


def labels_in(sector: Sector, labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a label map as an image (H, W) of the same sector: the label at the middle of each pixel."""
    return sector.read(labels, *sector.pixels(shape), order=0).astype(labels.dtype)
