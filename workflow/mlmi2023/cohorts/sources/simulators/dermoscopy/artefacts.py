"""What lies over the skin or frames it: hairs, a ruler, bubbles of the contact fluid, dark corners."""

from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import between, grid, step


def add_artefacts(
    rng: np.random.Generator, image: np.ndarray, options: dict[str, Any]
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the image (H, W, 3) with artefacts, and which ones there are."""
    there: dict[str, float] = {}
    for name, draw in (("bubbles", _bubbles), ("hair", _hairs), ("ruler", _ruler), ("corners", _corners)):
        own = options[name]
        there[name] = float(rng.uniform() < own["share"])
        if there[name]:
            image = draw(rng, image, own)
    return image, there


def _hairs(rng: np.random.Generator, image: np.ndarray, own: dict[str, Any]) -> np.ndarray:
    """Draw curved hairs; their stroke is the distance from a finely sampled parabola."""
    size, (low, high) = len(image), own["count"]
    for _ in range(int(rng.integers(low, high + 1))):
        start, end = rng.uniform(-0.1, 1.1, 2), rng.uniform(-0.1, 1.1, 2)
        bend = (start + end) / 2 + rng.normal(0, 0.15, 2)
        t = np.linspace(0, 1, 4 * size)[:, None]
        path = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        width = between(rng, own["width"])
        place = np.floor(path * size).astype(int)
        place = place[((place >= 0) & (place < size)).all(1)]
        line = np.ones((size, size), bool)
        line[place[:, 1], place[:, 0]] = False
        if line.all():
            continue
        away = ndimage.distance_transform_edt(line) / size
        cover = 0.85 * step((width / 2 - away) * size + 0.5)[..., None]
        shade = own["light"] + rng.uniform(0, 0.12)
        image = image * (1 - cover) + cover * shade * np.array([1.0, 0.85, 0.75])
    return image


def _ruler(rng: np.random.Generator, image: np.ndarray, own: dict[str, Any]) -> np.ndarray:
    """Draw marks along one edge, every fifth one longer."""
    x, y = grid(len(image))
    along, across = (x, y) if rng.uniform() < 0.5 else (y, x)
    if rng.uniform() < 0.5:
        across = 1 - across
    every, edge = rng.uniform(0.04, 0.07), rng.uniform(0.02, 0.06)
    number = np.round(along / every)
    length = np.where(number % 5 == 0, 0.07, 0.04)
    mark = (np.abs(along - number * every) < 0.003) & (across > edge) & (across < edge + length)
    cover = 0.8 * mark[..., None]
    return image * (1 - cover) + cover * np.array([0.12, 0.12, 0.16])


def _bubbles(rng: np.random.Generator, image: np.ndarray, own: dict[str, Any]) -> np.ndarray:
    """Draw bubbles: a bright rim, a highlight, and a slightly paler inside."""
    x, y = grid(len(image))
    low, high = own["count"]
    for _ in range(int(rng.integers(low, high + 1))):
        centre, radius = rng.uniform(0, 1, 2), between(rng, own["radius"])
        away = np.hypot(x - centre[0], y - centre[1]) / radius
        rim = 0.35 * np.exp(-(((away - 1) / 0.15) ** 2)) + 0.08 * (away < 1)
        spot = 0.6 * np.exp(
            -((x - centre[0] + radius / 3) ** 2 + (y - centre[1] + radius / 3) ** 2) / (0.05 * radius**2)
        )
        image = image + np.clip(rim + spot, 0, 0.8)[..., None] * (1 - image)
    return image


def _corners(rng: np.random.Generator, image: np.ndarray, own: dict[str, Any]) -> np.ndarray:
    """Darken what the lens does not reach."""
    x, y = grid(len(image))
    centre, radius = rng.normal(0.5, 0.02, 2), between(rng, own["radius"])
    away = np.hypot(x - centre[0], y - centre[1])
    return image * (1 - 0.97 * step((away - radius) / 0.06))[..., None]
