"""What is in a patient at full exhale, finely sampled: the inside of the lungs, and what is around them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from mlmi2023.cohorts.sources.simulators.breathing_lungs.geometry import SIDES, Chest
from mlmi2023.cohorts.sources.simulators.chest_ct.vessels import Tube, grow
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.phantom import AIR, BONE, FAT, TISSUE, Canvas

BLOOD, CARTILAGE = 45.0, 140.0


@dataclass(frozen=True)
class Sampled:
    """A finely sampled volume about the middle of the field of view.

    Attributes:
        hu: (X, Y, Z) float32.
        step: mm between samples.
    """

    hu: np.ndarray
    step: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Read the volume linearly at places in mm; outside, the nearest sample."""
        places = [a / s + (n - 1) / 2 for a, s, n in zip((x, y, z), self.step, self.hu.shape)]
        return map_coordinates(self.hu, np.stack(places), order=1, mode="nearest")


def paint_lungs(
    rng: np.random.Generator, chest: Chest, shape: list[int], step: np.ndarray, options: dict[str, Any]
) -> tuple[Sampled, dict[int, list[Tube]]]:
    """Paint the inside of both lungs over all of the field of view.

    Args:
        rng: of the patient.
        chest: the patient.
        shape: samples along x, y, z.
        step: mm between samples.
        options: complete options.

    Returns:
        the volume, and the vessels of each side as tubes.
    """
    canvas = Canvas(shape, step.tolist(), 0.5)
    canvas.hu[:] = rng.uniform(*options["lung"])
    canvas.hu += _grain(rng, shape, step, **options["texture"])
    x, y, z = _open(canvas)
    for side in SIDES:
        half = x * side > 0
        for number, away in enumerate(chest.fissures(side, y, z)):
            # the horizontal fissure, of the right lung alone, ends at the oblique one
            share = np.exp(-0.5 * (away / (0.5 * options["fissures"]["thickness"] + canvas.sigma)) ** 2)
            if number == 1:
                share = share * (chest.fissures(side, y, z)[0] > 0) if side > 0 else 0 * share
            canvas.hu += np.float32(options["fissures"]["hu"] - canvas.hu.mean()) * (share * half) * 0.8
    trees = {side: _trees(rng, chest, side, options["vessels"]) for side in SIDES}
    for tree in trees.values():
        for start, end, radius in tree:
            canvas.tube(start, end, radius, BLOOD)
    return Sampled(canvas.hu, step), trees


def _trees(rng: np.random.Generator, chest: Chest, side: int, options: dict[str, Any]) -> list[Tube]:
    """Grow arteries and veins of a lung from its root; they fill it and end at its surface."""
    (cx, cy), (rx, ry) = chest.middle(side), chest.radii
    floor = chest.dome[SIDES.index(side)] - 30.0 * chest.size
    middle = np.array([cx, cy, (chest.apex + floor) / 2])
    radii = np.array([rx, ry, (chest.apex - floor) / 2]) * 1.05
    tubes: list[Tube] = []
    for number in range(options["roots"]):
        level = 0.75 * radii[2] * (2 * (number + 0.5) / options["roots"] - 1)
        height = middle[2] + level
        inner = cx - side * 0.8 * rx * float(chest.narrowing(np.array(height)))
        root = np.array([inner, cy + 0.3 * ry * rng.standard_normal(), height])
        # a tree sets out towards its own part of the lung
        aim = middle + np.array([0.0, 0.6 * ry * rng.standard_normal(), 1.2 * level])
        tubes += grow(rng, aim, radii, root, options)
    return tubes


def paint_body(
    rng: np.random.Generator, chest: Chest, shape: list[int], step: np.ndarray, grain: float
) -> Sampled:
    """Paint all that is not lung: fat, muscle, ribs, spine, breast bone, windpipe, gas in the stomach.

    Args:
        rng: of the patient.
        chest: the patient.
        shape: samples along x, y, z.
        step: mm between samples.
        grain: standard deviation of the texture of soft tissue, Hounsfield units.
    """
    canvas = Canvas(shape, step.tolist(), 0.5)
    size = chest.size
    canvas.hu[:] = AIR
    flank = np.array([154.0, 114.0, 4000.0]) * size
    canvas.ellipsoid((0, -6 * size, 0), flank, FAT)
    canvas.ellipsoid((0, -6 * size, 0), flank - np.array([9.0, 9.0, 0]) * size, TISSUE)
    soft = canvas.hu > FAT - 20
    canvas.hu += soft * _grain(rng, shape, step, grain, 5.0)
    gas = np.array([-62.0, 8.0, chest.dome[1] - 52.0 * size])
    canvas.ellipsoid(gas * np.array([size, size, 1]), np.array([20.0, 16.0, 10.0]) * size, AIR)
    _ribs(canvas, rng, size)
    up = np.array([0.0, 0.0, 1.0])
    for base, radius, hu in (
        ((0.0, -84.0, 0.0), 16.0, BONE),
        ((0.0, 84.0, 40.0), 7.0, CARTILAGE + 40),
        ((8.0, -55.0, 0.0), 11.0, BLOOD),
    ):
        low, high = (np.array(base) * size + way * up for way in (-300.0 if base[1] < 0 else -60.0, 300.0))
        canvas.tube(low, high, np.full(2, radius * size), hu)
    carina = np.array([0.0, -12.0, 30.0]) * size
    canvas.tube(carina, carina + 300 * up, np.full(2, 8.5 * size), AIR)
    return Sampled(canvas.hu, step)


def _ribs(canvas: Canvas, rng: np.random.Generator, size: float) -> None:
    """Paint rings that slope down to the front, where they become cartilage."""
    first = rng.uniform(-160, -140)
    angles = np.linspace(-0.47 * np.pi, 0.42 * np.pi, 25)
    for level in np.arange(first, 180, 25.0) * size:
        for side in SIDES:
            x, y = side * 133 * size * np.cos(angles), (-6 + 94 * np.sin(angles)) * size
            ring = np.column_stack([x, y, level - 0.32 * (y + 90 * size)])
            for number, (start, end) in enumerate(pairwise(ring)):
                canvas.tube(start, end, np.full(2, 4.5 * size), BONE if number < 19 else CARTILAGE)


def _grain(
    rng: np.random.Generator, shape: list[int], step: np.ndarray, sd: float, length: float
) -> np.ndarray:
    """Return smooth noise, float32: ``sd`` high, its blur ``length`` mm wide."""
    noise = gaussian_filter(rng.standard_normal(shape, np.float32), length / step)
    return (noise * (sd / noise.std())).astype(np.float32)


def _open(canvas: Canvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coordinates of a canvas, each along an axis of its own."""
    x, y, z = canvas.axes
    return x[:, None, None], y[None, :, None], z[None, None, :]
