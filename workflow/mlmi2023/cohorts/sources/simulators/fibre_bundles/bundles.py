"""Bundles: curved bands of fibres, and the true mask."""

from typing import Any, NamedTuple

import numpy as np

#: over which part of the width a bundle that ends does so
TIP = 0.15


class Bright(NamedTuple):
    """Bright structures on a grid.

    Attributes:
        cover: (S, S) in [0, 1], how much of the tissue each pixel's structure hides.
        level: (S, S), its brightness.
    """

    cover: np.ndarray
    level: np.ndarray


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the pixels' centres, (size, size) each, as shares of the width."""
    along = (np.arange(size, dtype=np.float64) + 0.5) / size
    x, y = np.meshgrid(along, along)
    return x, y


def between(rng: np.random.Generator, pair: Any) -> float:
    """Draw from a range."""
    return float(rng.uniform(*pair))


def number(rng: np.random.Generator, pair: Any) -> int:
    """Draw a count, both ends included."""
    return int(rng.integers(int(pair[0]), int(pair[1]) + 1))


def draw_bundles(
    rng: np.random.Generator, size: int, options: dict[str, Any]
) -> tuple[Bright, np.ndarray, dict[str, float]]:
    """Draw the bundles of an image; most run along one direction, some across it.

    Args:
        rng: its random numbers.
        size: rows and columns of the grid.
        options: of the simulator.

    Returns:
        what they look like, the mask (S, S) bool, and what was drawn.
    """
    own = options["bundles"]
    x, y = grid(size)
    cover, level = np.zeros((size, size)), np.zeros((size, size))
    mask = np.zeros((size, size), bool)
    main, count = rng.uniform(0, np.pi), number(rng, own["count"])
    widths = []
    for _ in range(count):
        angle = main + np.deg2rad(rng.normal(0, own["spread"]))
        angle += np.pi / 2 if rng.uniform() < own["crossing"] else 0.0
        side, half = _band(rng, x, y, angle, own)
        inside = np.abs(side) < half
        bright = between(rng, options["level"])
        # fibres along the bundle, one every pitch across it, which wander a little
        pitch, gap = between(rng, own["pitch"]), between(rng, own["gap"])
        stripes = 0.5 + 0.5 * np.cos(2 * np.pi * side / pitch + rng.uniform(0, 2 * np.pi))
        shown = inside * (1 - gap * stripes)
        cover, level = np.where(inside, shown, cover), np.where(inside, bright, level)
        mask |= inside
        widths.append(2 * float(half.max()))
    return Bright(cover, level), mask, {"bundles": float(count), "width": float(np.mean(widths))}


def _band(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, angle: float, own: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's signed distance from a bundle's middle line and the half width there, (S, S) each.

    The line is a parabola with a wave on it, across the direction ``angle``; distances are to first order.
    """
    along = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)
    across = -np.sin(angle) * (x - 0.5) + np.cos(angle) * (y - 0.5)
    bend = between(rng, own["bend"]) * rng.choice([-1, 1])
    wave, rate, phase = between(rng, own["wave"]), rng.uniform(1, 2.5), rng.uniform(0, 2 * np.pi)
    turn = 2 * np.pi * rate
    middle = rng.uniform(-0.4, 0.4) + bend * (along**2 - 0.1) + wave * np.sin(turn * along + phase)
    slope = 2 * bend * along + wave * turn * np.cos(turn * along + phase)
    side = (across - middle) / np.sqrt(1 + slope**2)
    half = 0.5 * between(rng, own["width"]) * (1 + rng.uniform(-0.6, 0.6) * along)
    half = half * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(1, 3) * along + rng.uniform(0, 2 * np.pi)))
    stop, ends = rng.uniform(-0.1, 0.35), rng.uniform() < own["ends"]
    if ends:
        half = half * np.sqrt(np.clip((stop - along) / TIP, 0, 1))
    return side, half
