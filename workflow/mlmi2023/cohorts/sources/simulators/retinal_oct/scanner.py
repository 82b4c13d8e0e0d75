"""What the scanner makes of levels: shadows of vessels, speckle, logarithm."""

from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.retinal_oct.retina import Surfaces
from mlmi2023.physics.speckle import compress, smear


def shadows(
    rng: np.random.Generator, own: dict[str, Any], surfaces: Surfaces, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return what vessels in the nerve fibres take away below them, (H, W) dB.

    Args:
        rng: of the B-scan.
        own: options ``shadows``.
        surfaces: of the B-scan.
        x: columns (W,).
        y: rows (H,).
    """
    low, high = own["count"]
    count = int(rng.integers(int(low), int(high) + 1))
    columns = rng.uniform(0, 1, count)
    widths, losses = (rng.uniform(a, b, count)[:, None, None] for a, b in (own["width"], own["loss"]))
    across = np.exp(-(((x - columns[:, None, None]) / widths) ** 2))
    top = np.interp(columns, x, surfaces.bounds[1])[:, None, None]
    below = np.clip((y[:, None] - top) / 0.01, 0, 1)
    return (losses * across * below).sum(axis=0)


def picture(rng: np.random.Generator, level: np.ndarray, own: dict[str, Any], gain: float) -> np.ndarray:
    """Return grey values (H, W) in [0, 1]: the logarithm of an envelope averaged over several looks.

    Args:
        rng: of the B-scan.
        level: of scattering, (H, W) dB below white.
        own: options ``scanner``: ``looks``, the point spread ``axial`` and ``lateral`` (standard deviations
            of amplitude, shares of the width), ``range`` of the display and ``noise`` of the detector, dB.
        gain: dB.
    """
    low, high = own["looks"]
    looks = int(rng.integers(int(low), int(high) + 1))
    size = level.shape[1]
    amplitude = 10 ** (level / 20)
    power = np.zeros(level.shape)
    for _ in range(looks):
        parts = rng.normal(0, np.sqrt(0.5), (2, *level.shape))
        speckle = smear(smear(parts[0] + 1j * parts[1], own["axial"] * size, 0), own["lateral"] * size, 1)
        noise = 10 ** (own["noise"] / 20) * (rng.normal(0, np.sqrt(0.5), (2, *level.shape)))
        heard = amplitude * speckle + noise[0] + 1j * noise[1]
        power += np.abs(heard) ** 2
    return compress(np.sqrt(power / looks), own["range"], gain)
