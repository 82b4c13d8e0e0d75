"""What is as bright as a bundle and is none: cells, and the edges of vessels around a dark inside."""

from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.fibre_bundles.bundles import Bright, between, grid, number


def draw_clutter(
    rng: np.random.Generator, size: int, options: dict[str, Any]
) -> tuple[Bright, np.ndarray, dict[str, float]]:
    """Draw cells and vessels of an image.

    Args:
        rng: its random numbers.
        size: rows and columns of the grid.
        options: of the simulator.

    Returns:
        what is bright of them, where vessels are hollow (S, S) in [0, 1], and what was drawn.
    """
    x, y = grid(size)
    edge = 1 / size
    cover, level, hollow = np.zeros((3, size, size))
    cells, vessels = number(rng, options["cells"]["count"]), number(rng, options["vessels"]["count"])
    for _ in range(vessels):
        own = options["vessels"]
        u, v = _turned(rng, x, y)
        radius, stretch, wall = between(rng, own["radius"]), rng.uniform(0.7, 1.0), between(rng, own["wall"])
        away = np.hypot(u, v / stretch)
        arc, start = np.deg2rad(between(rng, own["arc"])), rng.uniform(0, 2 * np.pi)
        lit = (np.arctan2(v, u) - start) % (2 * np.pi) < arc
        shell = _soft(wall / 2 - np.abs(away - radius), edge) * lit
        cover, level = np.maximum(cover, shell), np.where(shell > 0.5, between(rng, options["level"]), level)
        hollow = np.maximum(hollow, _soft(radius - wall / 2 - away, edge))
    for _ in range(cells):
        own = options["cells"]
        u, v = _turned(rng, x, y)
        ratio = np.sqrt(between(rng, own["elongation"]))
        body = _soft(between(rng, own["radius"]) - np.hypot(u / ratio, v * ratio), edge)
        cover, level = np.maximum(cover, body), np.where(body > 0.5, between(rng, options["level"]), level)
    # soft edges have the brightness of what they are the edge of
    level = np.where((cover > 0) & (level == 0), np.mean(options["level"]), level)
    return Bright(cover, level), hollow, {"cells": float(cells), "vessels": float(vessels)}


def _turned(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates about a place in the image that is drawn, turned by an angle that is drawn."""
    (a, b), angle = rng.uniform(0, 1, 2), rng.uniform(0, np.pi)
    u = np.cos(angle) * (x - a) + np.sin(angle) * (y - b)
    return u, -np.sin(angle) * (x - a) + np.cos(angle) * (y - b)


def _soft(depth: np.ndarray, edge: float) -> np.ndarray:
    """Return 1 inside (depth above 0), 0 outside, over an edge of so many widths."""
    return np.clip(depth / edge + 0.5, 0, 1)
