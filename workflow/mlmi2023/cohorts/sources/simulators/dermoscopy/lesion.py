"""The lesion: an ellipse with an irregular border, part of which fades out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

#: waves around the border: the second to the ninth, since the first only shifts the shape
WAVES = np.arange(2, 10)


@dataclass(frozen=True)
class Lesion:
    """A drawn lesion on a fine grid.

    Attributes:
        mask: (H, W) bool, the truth.
        pigment: (H, W) in [0, 1], how much of the lesion's colour shows.
        depth: (H, W), 0 in the centre, 1 at the border, more outside.
        about: what was drawn, for the table of truths.
    """

    mask: np.ndarray
    pigment: np.ndarray
    depth: np.ndarray
    about: dict[str, float]


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the pixels' centres, (size, size) each, as shares of the width."""
    along = (np.arange(size) + 0.5) / size
    return np.meshgrid(along, along)


def between(rng: np.random.Generator, pair: Any) -> float:
    """Draw from a range."""
    return float(rng.uniform(*pair))


def step(x: np.ndarray) -> np.ndarray:
    """Return a smooth step from 0 (x <= 0) to 1 (x >= 1)."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def draw_lesion(rng: np.random.Generator, size: int, options: dict[str, Any]) -> Lesion:
    """Draw shape, fading arc and pigment of one lesion.

    Args:
        rng: its random numbers.
        size: rows and columns of the fine grid.
        options: of the simulator.
    """
    own = options["lesion"]
    radius, ratio = between(rng, own["radius"]), between(rng, own["elongation"])
    centre = 0.5 + rng.uniform(-own["offset"], own["offset"], 2)
    turn = rng.uniform(0, np.pi)
    x, y = grid(size)
    u = np.cos(turn) * (x - centre[0]) + np.sin(turn) * (y - centre[1])
    v = -np.sin(turn) * (x - centre[0]) + np.cos(turn) * (y - centre[1])
    long, short = radius * np.sqrt(ratio), radius / np.sqrt(ratio)
    distance, angle = np.hypot(u / long, v / short), np.arctan2(v / short, u / long)

    fading, arc, depth = _arc(rng, angle, options["fade"])
    rough = between(rng, own["irregularity"])
    size_of_wave = rng.normal(0, 1, len(WAVES)) / np.sqrt(WAVES)
    phase = rng.uniform(0, 2 * np.pi, len(WAVES))
    wave = sum(a * np.cos(k * angle + p) for a, k, p in zip(size_of_wave, WAVES, phase))
    # where the border cannot be seen it is the ellipse's
    border = np.maximum(1 + rough * wave * (1 - fading), 0.3)
    relative = distance / border

    soft = between(rng, own["softness"]) / radius
    pigment = step((1 - relative) / (2 * soft) + 0.5)
    # pigment runs out between half way and the border
    pigment = pigment * (1 - depth * fading * step((relative - 0.45) / 0.45))
    about = {
        "radius": radius,
        "elongation": ratio,
        "irregularity": rough,
        "fading_arc": arc,
        "fading_depth": depth,
    }
    return Lesion(relative < 1, pigment, relative, about)


def _arc(
    rng: np.random.Generator, angle: np.ndarray, options: dict[str, Any]
) -> tuple[np.ndarray, float, float]:
    """Return how far each direction lies in the fading arc (0 to 1), its width in degrees, and its depth."""
    there = rng.uniform() < options["share"]
    middle, width = rng.uniform(-np.pi, np.pi), between(rng, options["arc"])
    depth = between(rng, options["depth"])
    if not there:
        return np.zeros_like(angle), 0.0, 0.0
    away = np.abs((angle - middle + np.pi) % (2 * np.pi) - np.pi)
    # ends of 15 degrees
    inside = step((np.deg2rad(width / 2) - away) / np.deg2rad(15) + 0.5)
    return inside, width, depth
