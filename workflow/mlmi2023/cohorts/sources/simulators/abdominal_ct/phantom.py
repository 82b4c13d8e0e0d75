"""The body on a fine grid: labels, and attenuation before the scanner has seen it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.abdominal_ct.anatomy import Part, draw_anatomy
from mlmi2023.cohorts.sources.simulators.abdominal_ct.organs import HU
from mlmi2023.cohorts.sources.simulators.abdominal_ct.shapes import Ellipsoid
from mlmi2023.cohorts.sources.simulators.brain.warps import random_velocity

COARSE = 6.0  # mm; smooth fields are drawn on such a grid and joined linearly
CORTEX = 7.0  # mm; of the kidneys


@dataclass(frozen=True)
class Phantom:
    """One patient.

    Attributes:
        hu: (X, Y, Z) float32 on the fine grid.
        labels: (X, Y, Z) uint8, BTCV's numbers.
        step: (3,) mm between samples.
        phase: contrast phase.
    """

    hu: np.ndarray
    labels: np.ndarray
    step: np.ndarray
    phase: str


def build(rng: np.random.Generator, options: dict[str, Any]) -> Phantom:
    """Return a patient drawn from ``rng``; same draws, same patient."""
    step = np.array([options["pixel"] / options["fine"]["in_plane"]] * 2 + [options["fine"]["z"]])
    size = np.array([*options["fov"], rng.uniform(*options["length"])])
    shape = tuple(int(n) for n in np.round(size / step))
    names = list(options["phases"])
    shares = np.array([options["phases"][n] for n in names], float)
    phase = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    parts = draw_anatomy(rng, options)
    points, reach = _bent(rng, shape, step, options["bend"])
    rough = _smooth(rng, shape, step, options["surface"]["sigma"]) * np.float32(
        options["surface"]["amplitude"]
    )
    means = _means(rng, phase, options["hu"])
    hu, cavity = _body(rng, points, means, options)
    labels = np.zeros(shape, np.uint8)
    for part in parts:
        box = _box(part, shape, step, reach)
        depth = part.solid.depth(points[(slice(None), *box)]) + rough[box]
        _paint(hu[box], labels[box], np.where(cavity[box], depth, -1), part, means, phase)
    _lesions(rng, hu, labels, points, means, options["lesions"])
    grain = _smooth(rng, shape, step, options["hu"]["length"]) * np.float32(options["hu"]["texture"])
    hu += np.where(hu > -500, grain, 0)
    return Phantom(hu, labels, step, phase)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], step: np.ndarray, sigma: float) -> np.ndarray:
    """Return a random float32 field of correlation length ``sigma`` mm, mean 0, standard deviation 1."""
    grid = min(COARSE, max(sigma / 1.5, float(step.min())))
    coarse = [int(np.ceil(n * s / grid)) + 2 for n, s in zip(shape, step)]
    field = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), sigma / grid, truncate=3)
    return _enlarged(field / field.std(), shape, step, grid)


def _enlarged(field: np.ndarray, shape: tuple[int, ...], step: np.ndarray, grid: float) -> np.ndarray:
    """Join a coarse field linearly; sample k of an axis lies at k * step / grid of it."""
    for axis, (count, width) in enumerate(zip(shape, step)):
        place = np.arange(count) * width / grid
        lower = np.minimum(place.astype(int), field.shape[axis] - 2)
        share = (place - lower).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        below, above = np.take(field, lower, axis), np.take(field, lower + 1, axis)
        field = below + (above - below) * share
    return field


def _bent(
    rng: np.random.Generator, shape: tuple[int, ...], step: np.ndarray, scales: list[dict[str, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the place in the straight anatomy of every sample, (3, X, Y, Z) float32 mm, and how far it is
    off.

    The second value has the longest way along each axis, (3,) mm.
    """
    coarse = tuple(int(np.ceil(n * s / COARSE)) + 2 for n, s in zip(shape, step))
    total = np.zeros((3, *coarse), np.float32)
    for scale in scales:
        total += random_velocity(coarse, COARSE, scale["sigma"], scale["amplitude"], rng)
    points = np.stack([_enlarged(part, shape, step, COARSE) for part in total])
    reach = np.abs(total).reshape(3, -1).max(axis=1)
    for axis, (count, width) in enumerate(zip(shape, step)):
        line = ((np.arange(count) - (count - 1) / 2) * width).astype(np.float32)
        points[axis] += line.reshape([-1 if k == axis else 1 for k in range(3)])
    return points, reach


def _box(part: Part, shape: tuple[int, ...], step: np.ndarray, reach: np.ndarray) -> tuple[slice, ...]:
    """Return samples among which a part lies wherever it is bent to."""
    low, high = part.solid.box()
    middle = (np.array(shape) - 1) / 2
    first = np.floor((low - reach - 4) / step + middle).astype(int)
    last = np.ceil((high + reach + 4) / step + middle).astype(int) + 1
    return tuple(slice(max(0, a), max(0, min(b, n))) for a, b, n in zip(first, last, shape))


def _means(rng: np.random.Generator, phase: str, own: dict[str, Any]) -> dict[str, float]:
    """Return the attenuation of each tissue: timing shifts all enhancement, organs differ on top."""
    column = {"arterial": 0, "portal": 1}[phase]
    late = float(np.exp(own["phase_sd"] * np.clip(rng.standard_normal(), -2, 2)))
    means = {}
    for name, values in HU.items():
        plain = min(values[column], 45.0)
        jitter = own["organ_sd"] * float(np.clip(rng.standard_normal(), -2, 2))
        means[name] = plain + (values[column] - plain) * late + (jitter if values[column] > 0 else 0.0)
    return means


def _body(
    rng: np.random.Generator, points: np.ndarray, means: dict[str, float], options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the body without organs, and whether a sample lies inside the wall of the abdomen.

    There are skin, fat, muscle, spine, bases of the lungs, and the fat that organs lie in.
    """
    x, y, z = points
    fat = rng.uniform(*options["body"]["fat"])
    wide, deep = np.array([158.0, 112.0]) * np.exp(0.5 * options["body"]["size"] * rng.standard_normal(2))

    def ring(margin: float) -> np.ndarray:
        return (x / (wide - margin)) ** 2 + ((y - 4) / (deep - margin)) ** 2 < 1

    hu = np.full(x.shape, means["air"], np.float32)
    hu[ring(0)] = means["fat"]
    hu[ring(fat)] = means["muscle"]
    hu[ring(fat + 12)] = means["fat"]
    for side in (-1, 1):
        muscles = (
            Ellipsoid(np.array([side * 42.0, -78.0, 0.0]), np.array([30.0, 20.0, 400.0])).depth(points) > 0
        )
        psoas = (
            Ellipsoid(np.array([side * 36.0, -52.0, -90.0]), np.array([19.0, 18.0, 75.0])).depth(points) > 0
        )
        dome = Ellipsoid(np.array([side * 74.0, -8.0, 140.0]), np.array([62.0, 82.0, 62.0])).depth(points) > 0
        hu[muscles | psoas] = means["muscle"]
        hu[dome & ring(fat + 8)] = means["lung"]
    off = np.hypot(x, y + 64)
    disc = np.mod(z + 400 + rng.uniform(0, 34), 34) < 7
    hu[off < 21] = means["bone"]
    hu[off < 18] = means["marrow"]
    hu[(off < 21) & disc] = means["muscle"]
    hu[np.hypot(x, y + 94) < 9] = 30.0
    return hu, ring(fat + 9)


def _paint(
    hu: np.ndarray, labels: np.ndarray, depth: np.ndarray, part: Part, means: dict[str, float], phase: str
) -> None:
    """Paint a part over what is there; all arrays are those of the box that it lies in."""
    inside = depth > 0
    hu[inside] = means[part.name]
    if part.wall:
        hu[depth > part.wall] = part.contents
    if part.name.endswith("kidney"):
        hu[depth > CORTEX] -= 60.0 if phase == "arterial" else 15.0
        hu[depth > 2.6 * CORTEX] = means["fat"] + 60  # vessels and fat of the sinus
    labels[inside] = part.label


def _lesions(
    rng: np.random.Generator,
    hu: np.ndarray,
    labels: np.ndarray,
    points: np.ndarray,
    means: dict[str, float],
    own: dict[str, Any],
) -> None:
    """Paint dark round metastases into the liver; they belong to it."""
    places = np.flatnonzero(labels.ravel() == 6)
    if not len(places):
        return
    for _ in range(int(rng.integers(own["liver"][0], own["liver"][1] + 1))):
        middle = int(rng.choice(places))
        radius = rng.uniform(*own["radius"])
        centre = points.reshape(3, -1)[:, middle].reshape(3, 1, 1, 1)
        away = np.sqrt(((points - centre) ** 2).sum(axis=0))
        hu[(away < radius) & (labels == 6)] = means["liver"] - rng.uniform(25, 60)
