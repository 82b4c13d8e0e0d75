"""Grey matter, light that falls off, and speckle."""

from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.fibre_bundles.bundles import between, grid

#: correlation lengths of the fine texture and of larger patches
FINE, COARSE = 0.01, 0.08


def smooth_noise(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """Return noise of mean 0 and spread 1, (size, size), correlated over ``length``, a share of the width."""
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (size, size)), length * size, mode="wrap")
    return (noise - noise.mean()) / max(float(noise.std()), 1e-9)


def grey_matter(rng: np.random.Generator, size: int, own: dict[str, Any]) -> np.ndarray:
    """Return tissue without structures, (S, S)."""
    fine = between(rng, own["texture"]) * smooth_noise(rng, size, FINE)
    patches = between(rng, own["patches"]) * smooth_noise(rng, size, COARSE)
    return np.clip(between(rng, own["level"]) + fine + patches, 0.05, 1)


def light(rng: np.random.Generator, size: int, own: dict[str, Any]) -> np.ndarray:
    """Return by how much each place is lit, (S, S), 1 where most: a slope, and corners that are darker."""
    x, y = grid(size)
    turn, slope = rng.uniform(0, 2 * np.pi), between(rng, own["slope"])
    along = np.cos(turn) * (x - 0.5) + np.sin(turn) * (y - 0.5)
    lit = 1 - slope * (0.5 + along / np.sqrt(2))
    return lit * (1 - between(rng, own["corners"]) * 2 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))


def speckle(rng: np.random.Generator, size: int, own: dict[str, Any]) -> np.ndarray:
    """Return multiplicative speckle of mean 1, (S, S): gamma distributed in so many looks, with a grain."""
    looks = between(rng, own["looks"])
    return ndimage.gaussian_filter(
        rng.gamma(looks, 1 / looks, (size, size)), own["grain"] * size, mode="wrap"
    )
