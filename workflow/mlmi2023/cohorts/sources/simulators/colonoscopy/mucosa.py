"""The wall of a colon as the endoscope looks along it: relief, colour, and how far away it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import between, grid, step
from mlmi2023.cohorts.sources.simulators.dermoscopy.skin import smooth_noise

# red, green and blue between 0 and 1, after frames in textbooks
PALE, RED = np.array([0.93, 0.66, 0.55]), np.array([0.80, 0.42, 0.33])
BLOOD = np.array([0.25, 1.0, 0.9])


@dataclass
class Scene:
    """What lies before the endoscope, on a grid (S, S).

    Attributes:
        relief: height of the wall, in shares of the frame's width.
        colour: (S, S, 3), without light.
        light: how much of the endoscope's light comes back: less from far away.
        gloss: factor of highlights.
    """

    relief: np.ndarray
    colour: np.ndarray
    light: np.ndarray
    gloss: np.ndarray


def draw_mucosa(rng: np.random.Generator, size: int, tone: float, options: dict[str, Any]) -> Scene:
    """Draw a frame's wall without polyps.

    Args:
        rng: its random numbers.
        size: rows and columns.
        tone: of the patient, 0 pale to 1 red.
        options: key ``mucosa`` of the simulator.
    """
    x, y = grid(size)
    # the lumen may lie beside the frame, when the wall fills it
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.6)
    u, v = x - 0.5 - far * np.cos(angle), y - 0.5 - far * np.sin(angle)
    away, turn = np.hypot(u, v), np.arctan2(v, u)
    relief = 0.02 * smooth_noise(rng, size, 0.1) + _folds(rng, away, turn, options)
    light = 0.16 + 0.84 * step((away + 0.01 * smooth_noise(rng, size, 0.05)) / 0.5)

    colour = np.broadcast_to((1 - tone) * PALE + tone * RED, (size, size, 3)).copy()
    colour += 0.025 * smooth_noise(rng, size, 0.09)[..., None] * np.array([0.5, 1.0, 1.0])
    net = np.exp(-((smooth_noise(rng, size, 0.03) / 0.1) ** 2)) * step(smooth_noise(rng, size, 0.12) + 0.5)
    colour -= between(rng, options["vessels"]) * net[..., None] * BLOOD
    colour += between(rng, options["texture"]) * smooth_noise(rng, size, 0.008)[..., None]
    return Scene(relief, colour, light, np.ones((size, size)))


def _folds(
    rng: np.random.Generator, away: np.ndarray, turn: np.ndarray, options: dict[str, Any]
) -> np.ndarray:
    """Return ridges around the lumen, each highest over a part of the circle, as haustral folds are."""
    low, high = options["folds"]
    relief = np.zeros_like(away)
    radius = rng.uniform(0.1, 0.2)
    for _ in range(int(rng.integers(int(low), int(high) + 1))):
        waves = np.arange(1, 4)
        size, phase = rng.normal(0, 0.07, 3) / waves, rng.uniform(0, 2 * np.pi, 3)
        ring = radius * (1 + sum(a * np.cos(k * turn + p) for a, k, p in zip(size, waves, phase)))
        width = radius * rng.uniform(0.09, 0.16)
        part = step(0.9 * np.cos(rng.integers(1, 4) * turn + rng.uniform(0, 2 * np.pi)) + 0.7)
        # steep towards the lumen, flat towards the endoscope
        side = np.where(away < ring, 0.6, 1.6) * width
        relief += between(rng, options["ridge"]) * part * np.exp(-(((away - ring) / side) ** 2))
        radius *= rng.uniform(1.35, 1.75)
    return relief
