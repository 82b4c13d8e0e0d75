"""How the endoscope sees a scene: its light, highlights on the wet wall, and the shape of its view."""

from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.colonoscopy.mucosa import Scene
from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import between, grid, step
from mlmi2023.cohorts.sources.simulators.dermoscopy.skin import smooth_noise


def lit(rng: np.random.Generator, scene: Scene, options: dict[str, Any]) -> np.ndarray:
    """Return the scene under a lamp beside the lens, (S, S, 3) in [0, 1].

    Lambert's law for the wall, Phong's highlights where it is wet.

    Args:
        rng: its random numbers.
        scene: what is lit.
        options: key ``highlights`` of the simulator.
    """
    size = len(scene.relief)
    x, y = grid(size)
    relief = ndimage.gaussian_filter(scene.relief, 0.006 * size)
    down, right = np.gradient(relief * size)
    normal = np.stack([-1.2 * right, -1.2 * down, np.ones_like(relief)])
    normal /= np.linalg.norm(normal, axis=0)
    lamp = np.stack([0.55 - x + rng.normal(0, 0.1), 0.4 - y + rng.normal(0, 0.1), np.full_like(x, 0.75)])
    lamp /= np.linalg.norm(lamp, axis=0)
    shade = np.clip((normal * lamp).sum(0), 0, 1)
    image = scene.colour * (scene.light * (0.22 + 0.85 * shade))[..., None]

    half = lamp + np.array([0.0, 0.0, 1.0])[:, None, None]
    half /= np.linalg.norm(half, axis=0)
    mirror = np.clip((normal * half).sum(0), 0, 1) ** between(rng, options["gloss"])
    wet = smooth_noise(rng, size, 0.03) + 0.5 * smooth_noise(rng, size, 0.01)
    spots = step((mirror * (1 + 0.35 * wet) - 0.95) / 0.12) * scene.gloss
    spots = ndimage.gaussian_filter(spots, 0.003 * size) * between(rng, options["wet"])
    return np.clip(image + spots[..., None] * (np.array([1.0, 1.0, 0.97]) - image), 0, 1)


def view_depth(size: int, view: dict[str, Any]) -> np.ndarray:
    """Return 0 in the middle of the endoscope's view, 1 at its edge, more outside, (size, size).

    A circle, or a square whose corners are cut: an octagon to half of the ``cut``, a square with a little
    of each corner gone.
    """
    x, y = grid(size)
    u, v = np.abs(x - view["centre"][0]), np.abs(y - view["centre"][1])
    if view["shape"] == "circle":
        return np.hypot(u, v) / view["radius"]
    cut = view["cut"] if view["shape"] == "octagon" else 0.5 + view["cut"] / 2
    return np.maximum(np.maximum(u, v), (u + v) / (2 * cut)) / view["radius"]
